package vspheresync

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// versions lets the API server keep older versions of the VmGroup, and answer as etcd does: with the one that was valid at
// the version asked for. It returns which were asked for.
func (f *fixture) versions(older ...*v1alpha1.VmGroup) *[]string {
	asked := &[]string{}
	f.kube.PrependReactor("list", "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
		o := action.(k8stesting.ListActionImpl).ListOptions
		at, err := strconv.Atoi(o.ResourceVersion)
		if err != nil || o.ResourceVersionMatch != metav1.ResourceVersionMatchExact || o.FieldSelector != "metadata.name=web" {
			f.t.Errorf("asked for %+v: %v", o, err)
		}
		*asked = append(*asked, o.ResourceVersion)
		list := &v1alpha1.VmGroupList{}
		for _, vg := range slices.Backward(older) {
			if version, _ := strconv.Atoi(vg.ResourceVersion); version <= at {
				list.Items = append(list.Items, *vg)
				break
			}
		}
		return true, list, nil
	})
	return asked
}

// version is the VmGroup at some time. It is being deleted from version 5 on.
func version(number int, finalizers ...string) *v1alpha1.VmGroup {
	return group(2, func(vg *v1alpha1.VmGroup) {
		vg.ResourceVersion, vg.Finalizers = strconv.Itoa(number), append([]string{v1alpha1.Finalizer}, finalizers...)
		if number >= 5 {
			vg.DeletionTimestamp = ptr.To(metav1.NewTime(start))
		}
	})
}

// deleteAt deletes the VmGroup with a write that makes that version.
func (f *fixture) deleteAt(version string) {
	f.t.Helper()
	f.delete()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.ResourceVersion = version })
}

// The garbage collector has taken the finalizer off before anybody here has seen it, and only the history tells.
func TestHistoryOfADeletion(t *testing.T) {
	const orphan = metav1.FinalizerOrphanDependents
	other := version(8, orphan)
	other.UID = "another"
	tests := map[string]struct {
		older []*v1alpha1.VmGroup
		asked []string
		stay  bool
	}{
		"it was there at the last version":        {[]*v1alpha1.VmGroup{version(3), version(8, orphan)}, []string{"9"}, true},
		"it was there when the deletion began":    {[]*v1alpha1.VmGroup{version(3), version(5, orphan), version(6), version(8)}, []string{"9", "7", "5"}, true},
		"it came while the deletion was going on": {[]*v1alpha1.VmGroup{version(3), version(5), version(6, orphan), version(8)}, []string{"9", "7"}, true},
		"it was never there":                      {[]*v1alpha1.VmGroup{version(3), version(5), version(8)}, []string{"9", "7", "4"}, false},
		"of a predecessor of that name":           {[]*v1alpha1.VmGroup{other}, []string{"9"}, false},
		"nothing is older":                        {nil, []string{"9"}, false},
		"an API server that answers the present": {[]*v1alpha1.VmGroup{group(2, func(vg *v1alpha1.VmGroup) {
			vg.ResourceVersion = "9"
			vg.DeletionTimestamp = ptr.To(metav1.NewTime(start))
		})}, []string{"9", "8"}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(2))
			f.settle()
			asked := f.versions(tc.older...)
			f.deleteAt("10")
			f.journal = nil
			_, err := f.sync()
			if !slices.Equal(*asked, tc.asked) {
				t.Errorf("asked for %q, want %q", *asked, tc.asked)
			}
			if !tc.stay {
				if err != nil || !slices.Contains(f.journal, "StartPowerOff") {
					t.Errorf("it does %v: %v", f.journal, err)
				}
				*asked = nil
				f.settle()
				if len(*asked) > 0 {
					t.Errorf("the same history is read again: %q", *asked)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			f.said("it is let go", "patch")
			f.wantStays(2)
		})
	}
}

// What holds a deletion back may last longer than the history.
func TestHistoryIsReadWhileADeletionIsHeld(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	f.deleteAt("10")
	f.versions(version(3), version(8, metav1.FinalizerOrphanDependents))
	f.want("it is let go", "patch")
	f.wantStays(2)
}

// wantStays checks that the group is let go, and that so many VMs run on.
func (f *fixture) wantStays(n int) {
	f.t.Helper()
	if got := f.live().Finalizers; slices.Contains(got, v1alpha1.Finalizer) {
		f.t.Errorf("finalizers %v are left", got)
	}
	on := 0
	for _, vm := range f.world.VMs() {
		if vm.Stamp != nil && vm.Power == vsphere.PoweredOn {
			on++
		}
	}
	if on != n {
		f.t.Errorf("%d VMs run, want %d", on, n)
	}
	f.wantEvents("and told", "Normal AllReplicasAvailable", "Warning Orphaned")
}

// What was seen once is kept, though the garbage collector writes before the finalizer is off.
func TestOrphanFinalizerIsSeen(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.delete()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Finalizers = append(vg.Finalizers, metav1.FinalizerOrphanDependents) })
	cached := f.live().DeepCopy()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{v1alpha1.Finalizer} })
	once := false
	f.kube.PrependReactor("patch", "vmgroups", func(k8stesting.Action) (bool, runtime.Object, error) {
		refuse := !once
		once = true
		return refuse, nil, apierrors.NewConflict(v1alpha1.Resource("vmgroups"), "web", errors.New("the garbage collector was first"))
	})
	if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
	f.want("it is let go", "patch")
	f.wantStays(2)
}

// The live VmGroup shows what the cache does not know yet, be it read or written.
func TestOrphanFinalizerIsOnlyLive(t *testing.T) {
	for proof, syncs := range proofs {
		t.Run(proof, func(t *testing.T) {
			f := newFixture(t, group(2))
			f.settle()
			f.delete()
			for range syncs {
				f.try()
			}
			cached := f.live().DeepCopy()
			f.edit(func(vg *v1alpha1.VmGroup) { vg.Finalizers = append(vg.Finalizers, metav1.FinalizerOrphanDependents) })
			f.journal = nil
			if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
				t.Errorf("got %v, want a conflict", err)
			}
			f.said("nothing is changed", proof)
		})
	}
}

// proofs is how many syncs of a deletion come before the one that proves the live VmGroup so.
var proofs = map[string]int{"update status": 0, "get": 1}

func TestHistoryCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		err  error
		gone bool
	}{
		"it is too old":             {apierrors.NewResourceExpired("compacted"), true},
		"it is too old, said so":    {&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonGone}}, true},
		"the API server has failed": {apierrors.NewInternalError(errors.New("no etcd")), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1))
			f.settle()
			f.delete()
			f.kube.PrependReactor("list", "vmgroups", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, tc.err })
			f.journal = nil
			_, err := f.sync()
			if tc.gone {
				f.said("nothing is left that tells", "update status", "StartPowerOff")
				return
			}
			if !apierrors.IsInternalError(err) {
				t.Errorf("got %v", err)
			}
			f.said("it is asked again before anything is changed")
		})
	}
}

// A history that is written faster than it is read is given up at some point.
func TestHistoryIsBounded(t *testing.T) {
	f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.ResourceVersion = "1000000" }))
	f.settle()
	f.delete()
	n := 0
	f.kube.PrependReactor("list", "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
		n++
		vg := f.live().DeepCopy()
		vg.ResourceVersion = action.(k8stesting.ListActionImpl).ListOptions.ResourceVersion
		return true, &v1alpha1.VmGroupList{Items: []v1alpha1.VmGroup{*vg}}, nil
	})
	f.want("it goes on", "update status", "StartPowerOff")
	if n != maxHistory {
		t.Errorf("%d versions were read, want %d", n, maxHistory)
	}
}

// An annotation that the cache does not know yet may be about the VMs, and does not count in the generation.
func TestChangeOfMindIsOnlyLive(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.VmGroup){
		"the annotation": func(vg *v1alpha1.VmGroup) {
			metav1.SetMetaDataAnnotation(&vg.ObjectMeta, v1alpha1.OnDeleteAnnotation, "orphan")
		},
		"the annotation, misspelt": func(vg *v1alpha1.VmGroup) {
			metav1.SetMetaDataAnnotation(&vg.ObjectMeta, "vsphere.vmware.com/on-deletion", "orphan")
		},
		"the label, by mistake": func(vg *v1alpha1.VmGroup) {
			metav1.SetMetaDataLabel(&vg.ObjectMeta, v1alpha1.OnDeleteAnnotation, "orphan")
		},
		"while clones are under way": func(vg *v1alpha1.VmGroup) {
			metav1.SetMetaDataAnnotation(&vg.ObjectMeta, v1alpha1.OnDeleteAnnotation, "orphan")
		},
	} {
		for proof, syncs := range proofs {
			if name == "while clones are under way" && proof == "get" {
				continue // they are cancelled once
			}
			t.Run(name+", "+proof, func(t *testing.T) {
				f := newFixture(t, group(1))
				if name == "while clones are under way" {
					f.world.Hold()
					f.try()
					f.pass(firstInterval)
					f.try()
				} else {
					f.settle()
				}
				f.delete()
				for range syncs {
					f.try()
				}
				cached := f.live().DeepCopy()
				f.edit(change)
				f.journal = nil
				if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
					t.Errorf("got %v, want a conflict", err)
				}
				f.said("nothing is changed", proof)
			})
		}
	}
}

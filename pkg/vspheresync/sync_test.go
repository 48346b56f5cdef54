package vspheresync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// The finalizer comes before the first write to vCenter, and a proof of the live VmGroup before whatever makes or takes away:
// the finalizer's patch, a status that is due at once, or a read. At rest nothing is asked for.
func TestOrderOfWrites(t *testing.T) {
	f := newFixture(t, group(2))
	f.want("step 1/8, created",
		"patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0", "StartClone web-0d1f2-1")
	f.want("step 2/8, the clones have ended", "update status")
	f.want("step 3/8, at rest")
	f.world.PowerOff(f.vm(0).Ref)
	f.want("step 4/8, a VM is off: nothing is made or taken away, so no proof", "StartPowerOn", "update status")
	f.settle()
	f.scale(1)
	f.want("step 5/8, scaled down", "update status", "StartPowerOff")
	f.want("step 6/8, it is off", "get", "StartDestroy")
	f.want("step 7/8, it is gone", "update status")
	f.want("step 8/8, at rest")
	f.wantStatus("in the end", "1/1 READY AllReplicasAvailable")
}

func TestOrderOfDeletion(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.delete()
	f.want("step 1/4, deleted", "update status", "StartPowerOff")
	f.want("step 2/4, it is off", "get", "StartDestroy")
	f.want("step 3/4, it is gone: one more look", "Sweep")
	f.want("step 4/4, nothing was found: the end", "RemoveFolder", "patch")
	if got := f.live().Finalizers; len(got) > 0 {
		t.Errorf("finalizers %v are left", got)
	}
	if diff := cmp.Diff([]string{"templates", "vmgroups", "vmgroups/default"}, f.world.Folders()); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
}

func TestWhatASweepFindsHoldsTheEnd(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.world.Move(f.vm(0).Ref, "attic")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Status.VMs = nil }) // as if it were one of those that are too many to be listed
	f.restart(fake.Config{}, Config{})
	f.delete()
	f.want("nothing is to be seen", "Sweep", "update status")
	f.want("a VM of ours lies elsewhere", "update status")
	f.wantStatus("then", "1/1 ERROR VMOutsideRoot")
	f.world.Move(f.vm(0).Ref, "vmgroups/attic")
	f.want("it is moved back", "get", "StartPowerOff", "update status")
	f.wantStatus("then", "1/1 PENDING Deleting")
}

// A sweep counts only if it began after the last of the group was gone.
func TestASweepThatBeganTooEarly(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	vm := f.vm(0)
	f.scale(0)
	f.settle()
	f.delete()
	f.world.HoldAnswers()
	f.want("nothing is left", "Sweep", "update status")
	vm.Power = vsphere.PoweredOff
	f.world.AddVM(folder, vm)
	f.want("a VM of ours is there", "get", "StartDestroy")
	f.world.ReleaseAnswers() // the sweep may have passed by before the VM was made
	f.want("nothing is left again", "Sweep")
	f.want("another sweep has ended", "RemoveFolder", "patch")
}

func TestSweepFails(t *testing.T) {
	f := newFixture(t, group(0))
	f.scale(1)
	f.deleteEmpty()
	f.world.Inject(fake.Fault{Method: fake.Sweep, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "no"}})
	f.want("it is asked for", "Sweep", "update status")
	f.want("it has failed: nothing is taken away, and it is not asked for again", "update status")
	f.wantStatus("then", "0/0 PENDING Retrying")
	f.world.Tick()
	f.want("it was repeated", "RemoveFolder", "patch")
}

func TestOrphan(t *testing.T) {
	orphan := func(vg *v1alpha1.VmGroup) {
		vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
	}
	for name, outage := range map[string]bool{"vCenter is there": false, "vCenter is away": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1))
			f.settle()
			f.events()
			f.edit(orphan)
			f.delete()
			f.world.SetOutage(outage)
			f.journal = nil
			if _, err := f.sync(); err != nil && !outage {
				t.Error(err)
			}
			f.said("the group goes, its VM is not touched", "patch")
			f.wantEvents("it is told", "Warning Orphaned")
			if got := f.live().Finalizers; len(got) > 0 {
				t.Errorf("finalizers %v are left", got)
			}
			f.vm(0)
		})
	}
	t.Run("the patch takes long: it is told once", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.settle()
		f.events()
		f.edit(orphan)
		f.delete()
		f.kube.PrependReactor("patch", "vmgroups", func(k8stesting.Action) (bool, runtime.Object, error) {
			f.pass(2 * freshFor)
			return false, nil, nil
		})
		if _, err := f.sync(); err != nil {
			t.Error(err)
		}
		f.wantEvents("that it goes", "Warning Orphaned")
	})
	t.Run("the patch fails: nothing is told yet", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.settle()
		f.events()
		f.edit(orphan)
		f.delete()
		f.conflict("patch", "")
		if _, err := f.sync(); !apierrors.IsConflict(err) {
			t.Errorf("got %v, want a conflict", err)
		}
		f.wantEvents("not yet")
	})
}

// A cache that is older than a change of mind does no harm.
func TestChangedSinceTheCacheWasFilled(t *testing.T) {
	tests := map[string]func(*v1alpha1.VmGroup){
		"spec":                   func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = ptr.To[int32](2) },
		"deleted":                func(vg *v1alpha1.VmGroup) { vg.DeletionTimestamp = ptr.To(metav1.NewTime(start)) },
		"created anew":           func(vg *v1alpha1.VmGroup) { vg.UID = "another" },
		"to leave its VMs":       func(vg *v1alpha1.VmGroup) { vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: "orphan"} },
		"finalizer was stripped": func(vg *v1alpha1.VmGroup) { vg.Finalizers = nil },
	}
	for name, change := range tests {
		for step, tc := range map[string]struct {
			replicas int32
			syncs    int // before
			proof    string
		}{
			"a clone":     {3, 0, "update status"},
			"a power-off": {0, 0, "update status"},
			"a destroy":   {0, 1, "get"},
		} {
			t.Run(name+", before "+step, func(t *testing.T) {
				f := newFixture(t, group(1))
				f.settle()
				f.scale(tc.replicas)
				for range tc.syncs {
					f.try()
				}
				cached := f.live().DeepCopy()
				f.edit(change)
				f.journal = nil
				if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
					t.Errorf("got %v, want a conflict", err)
				}
				f.said("nothing is sent, nothing is told", tc.proof)
			})
		}
	}
	t.Run("somebody added the finalizer", func(t *testing.T) {
		f := newFixture(t, group(1))
		cached := f.live().DeepCopy()
		f.edit(func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{v1alpha1.Finalizer} })
		if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
			t.Errorf("got %v, want a conflict", err)
		}
		f.said("it is not added twice", "patch")
	})
	t.Run("gone", func(t *testing.T) {
		f := newFixture(t)
		if _, err := f.syncFrom(group(1)); !apierrors.IsConflict(err) {
			t.Errorf("got %v, want a conflict, which is quiet", err)
		}
		f.said("nothing is sent, nothing is told", "patch")
	})
}

// A group that waits for its turn is read once for the clones that follow each other closely. What is removed is read each time.
func TestAProofHoldsForClones(t *testing.T) {
	f := newFixture(t, group(2))
	f.restart(fake.Config{MaxClones: 1, MaxPower: 1}, Config{})
	f.settle()
	f.scale(5)
	f.pass(lastInterval)
	f.world.Hold()
	f.try()
	f.said("the write proves it", "update status", "StartClone web-0d1f2-2", "StartClone web-0d1f2-3", "StartClone web-0d1f2-4")
	f.world.Release()
	f.world.Hold()
	f.pass(provenFor)
	f.try()
	f.said("and still does", "StartClone web-0d1f2-3", "StartClone web-0d1f2-4")
	f.world.Release()
	f.world.Hold()
	f.pass(time.Millisecond)
	cached := f.live().DeepCopy()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	f.journal = nil
	if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
	f.said("it is too old", "get")

	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Paused, vg.Spec.Replicas = false, ptr.To[int32](2) })
	f.try()
	f.journal = nil
	f.world.Release()
	f.try()
	f.said("it is for clones alone, be there a turn to wait for", "get", "StartPowerOff", "StartDestroy")
}

// A group that waits no more needs a proof of its own for its next clone.
func TestAProofEndsWithTheWait(t *testing.T) {
	f := newFixture(t, group(2))
	f.restart(fake.Config{MaxClones: 1}, Config{})
	f.world.Hold()
	f.try()
	f.said("one waits", "patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0", "StartClone web-0d1f2-1")
	f.scale(1)
	f.world.Release()
	f.try()
	f.said("it is not wanted any more", "update status")
	f.world.Destroy(f.vm(0).Ref)
	f.try()
	f.said("another is due", "get", "StartClone web-0d1f2-0", "update status")
}

func TestNoFinalizerNoWrite(t *testing.T) {
	f := newFixture(t, group(1))
	f.conflict("patch", "")
	if _, err := f.sync(); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
	if calls := f.world.Calls(); len(calls) > 0 {
		t.Errorf("vCenter was asked for %v", calls)
	}
}

func TestOtherFinalizersAreLeft(t *testing.T) {
	f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{"foregroundDeletion"} }))
	f.settle()
	if diff := cmp.Diff([]string{"foregroundDeletion", v1alpha1.Finalizer}, f.live().Finalizers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.delete()
	f.settle()
	if diff := cmp.Diff([]string{"foregroundDeletion"}, f.live().Finalizers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWroteIsToldOfEachWrite(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	if diff := cmp.Diff([]string{"default/web@11", "default/web@12", "default/web@13"}, f.wrote); diff != "" {
		t.Errorf("the patch, who keeps it, and the status (-want +got):\n%s", diff)
	}
}

// Until the cache knows that the finalizer is gone, there is nothing to do. If it never learns, the group is there again.
func TestCacheIsLateToLearnTheEnd(t *testing.T) {
	f := newFixture(t, group(0))
	f.scale(1)
	f.deleteEmpty()
	cached := f.live().DeepCopy()
	f.want("a sweep", "Sweep", "update status")
	f.want("it goes", "RemoveFolder", "patch")
	if after, err := f.syncFrom(cached); after != maxLag || err != nil {
		t.Errorf("sync again after %s, %v; want %s", after, err, maxLag)
	}
	f.said("nothing is asked for")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Finalizers = cached.Finalizers })
	f.pass(maxLag)
	f.want("the API server has gone back in time", "Sweep", "update status")
	f.want("nothing was found", "patch")
}

// The first status waits a second for what mostly comes within it. A problem does not wait.
func TestFirstStatus(t *testing.T) {
	f := newFixture(t, group(1))
	f.world.Hold()
	if after, err := f.sync(); after != firstInterval || err != nil {
		t.Errorf("sync again after %s, %v; want %s", after, err, firstInterval)
	}
	f.wantStatus("at first", "0/0  -")
	f.pass(firstInterval - time.Millisecond)
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.CPU++ })
	f.try()
	f.wantStatus("a change of the spec comes in between", "0/0  -")
	f.pass(time.Millisecond)
	f.try()
	f.wantStatus("a second later", "0/1 PENDING ScalingUp")

	f = newFixture(t, group(1))
	f.world.Destroy(f.golden)
	f.try()
	f.wantStatus("there is no template", "0/0 ERROR TemplateNotFound")
}

func TestHeldBack(t *testing.T) {
	t.Run("read-only", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.restart(fake.Config{}, Config{ReadOnly: true})
		f.want("plans and status go on", "update status")
		f.wantStatus("then", "0/0 PENDING ReadOnly")
	})
	t.Run("paused", func(t *testing.T) {
		f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true }))
		f.want("plans and status go on", "update status")
		f.wantStatus("then", "0/0 PENDING Paused")
	})
}

func TestForget(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.world.CopyVM(f.vm(0).Ref, "mine")
	f.events()
	f.want("a copy is seen", "update status")
	f.wantEvents("told once", "Warning Copy")
	f.Forget(cache.NewObjectName("default", "web"), testUID)
	f.said("the adapter forgets as well", "Forget default/web "+testUID)
	f.want("all over again")
	f.wantEvents("told again", "Warning Copy")
}

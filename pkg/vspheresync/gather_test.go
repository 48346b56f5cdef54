package vspheresync

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// What an earlier process has seen is not gone because this one does not see it.
func TestFirstSyncVerifiesRecordedVMs(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.world.Move(f.vm(1).Ref, "attic")
	f.restart(fake.Config{}, Config{})
	verify := fmt.Sprintf("Verify [%s]", f.vm(1).Ref)
	f.want("one lies outside the view: it is found, not replaced", verify, "update status")
	f.wantStatus("then", "2/2 READY AllReplicasAvailable")
	f.want("once is enough")

	ref := f.vm(1).Ref
	f.restart(fake.Config{}, Config{})
	f.world.Destroy(ref)
	f.want("it is proven gone: it is replaced",
		fmt.Sprintf("Verify [%s]", ref), "get", "StartClone web-0d1f2-1", "update status")

	f.restart(fake.Config{}, Config{})
	f.want("nothing is missing", "update status")
}

func TestVerifyFails(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	ref := f.vm(1).Ref
	f.world.Move(ref, "attic")
	f.restart(fake.Config{}, Config{})
	f.world.Inject(fake.Fault{Method: fake.Verify, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "no"}})
	f.journal = nil
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Errorf("got %v, want ClassTransient: it has to be tried again", err)
	}
	f.said("nothing is replaced", fmt.Sprintf("Verify [%s]", ref), "update status")
	f.wantStatus("unknown is not empty", "2/2 PENDING Retrying")
	f.want("it is tried again", fmt.Sprintf("Verify [%s]", ref), "update status")
	f.wantStatus("then", "2/2 READY AllReplicasAvailable")
}

// Until it is answered nothing is decided and nothing is told. The vCenter may remember meanwhile what it is asked for, and forget
// it when it cannot be read: it is asked for again, and is not taken for gone.
func TestVerifyTakesItsTime(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	ref := f.vm(1).Ref
	verify := fmt.Sprintf("Verify [%s]", ref)
	f.world.Move(ref, "attic")
	f.restart(fake.Config{}, Config{})
	remembered := &remembering{Interface: f.Syncer.cfg.VCenter, vm: vsphere.VM{Ref: ref, Unreadable: true}}
	f.Syncer.cfg.VCenter = remembered
	f.world.HoldAnswers()
	f.want("asked for", verify)
	remembered.asked = true
	f.want("not answered", verify)
	f.scale(3)
	f.want("whatever else is to be done", verify)
	f.wantStatus("as it was", "2/2 READY AllReplicasAvailable")

	f.world.Inject(fake.Fault{Method: fake.Verify, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "no"}})
	f.world.ReleaseAnswers()
	remembered.asked = false
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Errorf("got %v, want ClassTransient: it has to be tried again", err)
	}
	f.scale(2)
	f.want("it is tried again", verify, "update status")
	f.wantStatus("then", "2/2 READY AllReplicasAvailable")
}

// remembering is a vCenter whose snapshots hold a VM that it was asked for.
type remembering struct {
	vsphere.Interface
	vm    vsphere.VM
	asked bool
}

func (r *remembering) Snapshot(ctx context.Context, g vsphere.GroupID, class string) (vsphere.Snapshot, error) {
	s, err := r.Interface.Snapshot(ctx, g, class)
	if r.asked {
		s.VMs = append(s.VMs, &r.vm)
	}
	return s, err
}

func TestMoRefsMeanNothingInAnotherVCenter(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	ref := f.vm(1).Ref
	f.world.Move(ref, "attic")
	f.restart(fake.Config{}, Config{})
	f.world.SetUUID("vcenter-2")
	f.want("another one answers: nothing is verified, nothing is changed", "update status")
	f.wantStatus("then", "2/2 ERROR VCenterChanged")
	f.world.SetUUID("vcenter-1")
	f.want("the first is back: only now they are looked for", fmt.Sprintf("Verify [%s]", ref), "update status")
	f.wantStatus("then", "2/2 READY AllReplicasAvailable")

	f.restart(fake.Config{}, Config{})
	f.world.HoldAnswers()
	f.want("they are looked for, without an answer", fmt.Sprintf("Verify [%s]", ref))
	f.world.SetUUID("vcenter-2")
	f.want("another one answers", "update status")
	f.wantStatus("then", "2/2 ERROR VCenterChanged")
}

// A root folder that is missing was lost if any group records a folder below it.
func TestRootFolder(t *testing.T) {
	neighbour := func(status *v1alpha1.FolderStatus) *v1alpha1.VmGroup {
		vg := group(1)
		vg.Namespace, vg.Name, vg.UID = "kube-public", "db", "another"
		vg.Status.Folder = status
		return vg
	}
	tests := map[string]struct {
		neighbour *v1alpha1.VmGroup
		lost      bool
		want      []string // the first status tells who keeps the group, and waits a second with the rest
	}{
		"nobody was here before": {neighbour(nil), false, []string{"patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0"}},
		"a neighbour has recorded a folder": {
			neighbour(&v1alpha1.FolderStatus{MoRef: "group-9", VCenter: "vcenter-1"}), true,
			[]string{"patch", "EnsureFolder", "StartClone web-0d1f2-0", "update status"},
		},
		"a neighbour has recorded a vCenter": {
			neighbour(&v1alpha1.FolderStatus{VCenter: "vcenter-1"}), false, []string{"patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1), tc.neighbour)
			if err := f.cache.Add(tc.neighbour); err != nil {
				t.Fatal(err)
			}
			if tc.lost {
				f.want("nothing is made", "update status")
				f.wantStatus("then", "0/0 ERROR RootFolderLost")
				f.world.AddFolder("vmgroups")
			}
			f.journal = nil
			f.try()
			f.said("it is made", tc.want...)
		})
	}
}

func TestTemplate(t *testing.T) {
	f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "missing" }))
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassInvalid {
		t.Errorf("got %v, want ClassInvalid: it has to be looked up again", err)
	}
	f.said("no finalizer yet: nothing was made", "update status")
	f.wantStatus("then", "0/0 ERROR TemplateNotFound")

	f.world.AddTemplate("templates", "missing")
	f.settle()
	f.wantStatus("it appears", "1/1 READY AllReplicasAvailable")

	f.world.Inject(fake.Fault{Method: fake.FindTemplate, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "busy"}})
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Errorf("got %v, want ClassTransient: it has to be looked up again", err)
	}
	f.world.Inject(fake.Fault{Method: fake.FindTemplate, Err: &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "away"}})
	f.try()
	f.wantStatus("vCenter is lost while it is looked up", "1/1 PENDING VCenterUnreachable")

	f.world.Inject(fake.Fault{Method: fake.FindTemplate, Times: 9, Err: &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "away"}})
	f.delete()
	f.settle()
	if got := f.live().Finalizers; len(got) > 0 {
		t.Errorf("a deletion needs no template, yet finalizers %v are left", got)
	}
}

func TestDesiredReplicasByDefault(t *testing.T) {
	f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = nil }))
	f.settle()
	f.wantStatus("one", "1/1 READY AllReplicasAvailable")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = ptr.To[int32](0) })
	f.settle()
	f.wantStatus("none", "0/0 READY AllReplicasAvailable")
}

// A refusal is not waited out once the spec was edited, and is again after that.
func TestAnEditIsANewChance(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	refuse := fake.Fault{Method: fake.StartPowerOn, Err: &vsphere.Error{Class: vsphere.ClassInvalid, Message: "no"}}
	f.world.PowerOff(f.vm(0).Ref)
	f.world.Inject(refuse)
	f.try()
	f.wantStatus("it is refused", "0/1 ERROR InvalidConfiguration")
	f.want("it is not asked again soon")
	f.world.Inject(refuse)
	f.scale(1)
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Memory++ })
	f.journal = nil
	f.pass(lastInterval)
	f.try()
	f.said("an edit: at once", "StartPowerOn", "update status")
	f.want("it is refused again: not asked again soon")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Memory++ })
	f.settle()
	f.wantStatus("once more", "1/1 READY AllReplicasAvailable")
}

// VMs of a VmGroup of the same name are nobody's only if it does not exist.
func TestVMsOfANamesake(t *testing.T) {
	for name, tc := range map[string]struct {
		living bool
		want   []string
	}{
		"it exists no more":             {false, []string{"Normal ScalingUp", "Warning Orphaned", "Normal AllReplicasAvailable"}},
		"it lives in another namespace": {true, []string{"Normal ScalingUp", "Normal AllReplicasAvailable"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1))
			f.settle()
			f.events()
			f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.Name, vm.Stamp.UID = "old-0", "another" })
			if tc.living {
				namesake := group(1, func(vg *v1alpha1.VmGroup) { vg.Namespace, vg.UID = "kube-public", "another" })
				if err := f.cache.Add(namesake); err != nil {
					t.Fatal(err)
				}
			}
			f.settle()
			f.wantStatus("all there", "1/1 READY AllReplicasAvailable")
			got := f.events()
			slices.Sort(got)
			slices.Sort(tc.want)
			if !slices.Equal(got, tc.want) {
				t.Errorf("events %q, want %q", got, tc.want)
			}
			if said := f.live().Status.Message; (len(said) > len("1 of 1 VMs available")) == tc.living {
				t.Errorf("the message says %q", said)
			}
		})
	}
}

package vspheresync

import (
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// linkedTo asks for linked clones of a snapshot.
func linkedTo(snapshot string) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) {
		vg.Spec.Clone = &v1alpha1.CloneOptions{Mode: ptr.To(v1alpha1.CloneLinked), Snapshot: snapshot}
	}
}

// A missing snapshot is looked for again like everything that a human has to mend, and nobody has to touch the group for it.
func TestSnapshotNotFound(t *testing.T) {
	f := newFixture(t, group(2, linkedTo("v1")))
	f.try()
	f.wantStatus("there is none", "0/0 ERROR SnapshotNotFound")
	f.world.TakeNamedSnapshot(f.golden, "v1")
	delay := vsphere.RetryDelay(vsphere.ClassInvalid, 1)
	f.pass(delay - lastInterval - time.Second)
	f.want("nobody looks before it is time")
	f.pass(time.Second)
	f.settle()
	f.wantStatus("there is one", "2/2 READY AllReplicasAvailable")
	for slot := range 2 {
		if parent := f.world.DiskParent(f.vm(slot).Ref); parent == "" {
			t.Errorf("VM %d is no linked clone", slot)
		}
	}
}

// A spec that names a snapshot that there is gets a new chance at once, and VMs that exist stay as they are meanwhile.
func TestAnotherSnapshot(t *testing.T) {
	f := newFixture(t, group(1, linkedTo("v1")))
	f.world.TakeNamedSnapshot(f.golden, "v1")
	f.settle()
	f.wantStatus("made", "1/1 READY AllReplicasAvailable")
	f.edit(linkedTo("v2"))
	f.settle()
	f.wantStatus("nothing is due", "1/1 READY AllReplicasAvailable")
	f.scale(2)
	f.try()
	f.wantStatus("one is", "1/1 ERROR SnapshotNotFound")
	f.edit(linkedTo(""))
	f.settle()
	f.wantStatus("the current one will do", "2/2 READY AllReplicasAvailable")
	f.delete()
	f.settle()
	if n := len(f.world.VMs()); n != 1 {
		t.Errorf("there are %d VMs beside the template", n-1)
	}
}

package integration

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// disk asks for a first disk of so many GiB. That of the template has 10.
func disk(gib int32) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = ptr.To(gib) }
}

// wantDisks compares the first disks of VMs with a size, by the simulator's own books.
func wantDisks(t *testing.T, vms []control.VM, gib int64) {
	t.Helper()
	for _, vm := range vms {
		if vm.FirstDiskKiB() != gib<<20 || vm.PowerState != "poweredOn" {
			t.Errorf("%s has a disk of %d KiB, want %d GiB, and is %s", vm.Name, vm.FirstDiskKiB(), gib, vm.PowerState)
		}
	}
}

// sameVMs compares which VMs there are.
func sameVMs(t *testing.T, before, after []control.VM) {
	t.Helper()
	for _, vm := range after {
		if index(before, vm) < 0 {
			t.Errorf("%s is another VM", vm.Name)
		}
	}
}

// TestDisk makes VMs with a larger disk than the template's, and lets it grow while they are on. One that is smaller than the
// template's is an error that costs nothing.
func TestDisk(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceIfPossible, 1)
	disk(20)(vg)
	w.Create(vg)
	before := w.VMs(updated(w, "web", 2))
	wantDisks(t, before, 20)
	w.Update("web", disk(30))
	after := w.VMs(updated(w, "web", 2))
	wantDisks(t, after, 30)
	sameVMs(t, before, after)
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if n := calls.Methods["PowerOffVM_Task"]; n > 0 {
		t.Errorf("VMs were switched off %d times", n)
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Update, vg.Spec.Replicas, vg.Spec.Disk = nil, ptr.To[int32](3), ptr.To[int32](5)
	})
	w.Eventually("it says that the disk is too small", func() error { return stalledBy(w, v1alpha1.ReasonDiskTooSmall) })
	wantDisks(t, w.VMs(w.Phase("web", v1alpha1.PhaseError, func(*v1alpha1.VmGroup) error { return nil })), 30)
	w.Update("web", disk(30))
	healed := w.VMs(updated(w, "web", 3))
	wantDisks(t, healed, 30)
	sameVMs(t, healed, after)
}

// TestDiskDoesNotShrink asks for less than VMs have: only new ones can have that.
func TestDiskDoesNotShrink(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 1)
	disk(30)(vg)
	w.Create(vg)
	before := w.VMs(updated(w, "web", 2))
	w.Update("web", disk(20))
	w.Eventually("it stops", func() error { return stalledBy(w, v1alpha1.ReasonReplacementRequired) })
	w.Eventually("and says what it takes", func() error { return upToDateIs(w, v1alpha1.ReasonReplacementRequired) })
	vg, err := w.Get("web")
	harness.Must(t, err)
	for _, vm := range vg.Status.VMs {
		if vm.Pending != v1alpha1.PendingReplacement {
			t.Errorf("%s waits for %q", vm.Name, vm.Pending)
		}
	}
	wantDisks(t, w.VMs(vg), 30)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Strategy = v1alpha1.UpdateInPlaceIfPossible })
	after := w.VMs(updated(w, "web", 2))
	wantDisks(t, after, 20)
	for _, vm := range after {
		if index(before, vm) >= 0 {
			t.Errorf("%s was not replaced", vm.Name)
		}
	}
}

// TestDiskOfVMsThatAreThere sets spec.disk for VMs that were made without it, restarts the controller, and asks for nothing again.
func TestDiskOfVMsThatAreThere(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 0)
	w.Create(vg)
	before := w.VMs(updated(w, "web", 2))
	wantDisks(t, before, 10)
	w.Update("web", disk(15))
	wantDisks(t, w.VMs(updated(w, "web", 2)), 15)
	c.Stop()
	w.StartController()
	w.Update("web", disk(16))
	after := w.VMs(updated(w, "web", 2))
	wantDisks(t, after, 16)
	sameVMs(t, before, after)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = nil })
	wantDisks(t, w.VMs(updated(w, "web", 2)), 16)
}

// TestPartitionKeepsDisks loses a VM that the partition keeps at a smaller disk. It is made again with that.
func TestPartitionKeepsDisks(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 1)
	vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(1))
	disk(20)(vg)
	w.Create(vg)
	w.VMs(updated(w, "web", 2))
	w.Update("web", disk(30))
	w.Eventually("it rests at the partition", func() error { return upToDateIs(w, v1alpha1.ReasonPartitioned) })
	vms := w.VMs(w.Ready("web", 2))
	kept := vms[0]
	if kept.FirstDiskKiB() != 20<<20 || vms[1].FirstDiskKiB() != 30<<20 {
		t.Fatalf("the disks have %d and %d KiB", kept.FirstDiskKiB(), vms[1].FirstDiskKiB())
	}
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), kept.MoRef))
	w.Eventually("it is made again", func() error {
		vg, err := w.Get("web")
		if err != nil {
			return err
		}
		if vms := w.VMs(vg); len(vms) != 2 || vms[0].MoRef == kept.MoRef || vms[0].PowerState != "poweredOn" {
			return fmt.Errorf("there are %+v", vms)
		}
		return upToDateIs(w, v1alpha1.ReasonPartitioned)
	})
	if again := w.VMs(w.Ready("web", 2)); again[0].FirstDiskKiB() != 20<<20 {
		t.Errorf("it has a disk of %d KiB", again[0].FirstDiskKiB())
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(0)) })
	wantDisks(t, w.VMs(updated(w, "web", 2)), 30)
}

// TestDiskWithoutPrivilege denies what a disk of another size needs. Groups without spec.disk need none of it.
func TestDiskWithoutPrivilege(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	harness.Must(t, w.VCenter.Control.Deny(t.Context(), control.DiskPrivileges()...))
	w.StartController()
	vg := w.Group("web", 1)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 1)
	w.Create(vg)
	w.VMs(updated(w, "web", 1))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 })
	before := w.VMs(updated(w, "web", 1))
	w.Update("web", disk(20))
	w.Eventually("it names the privilege", func() error { return stalledBy(w, v1alpha1.ReasonNoPermission) })
	harness.Must(t, w.VCenter.Control.Allow(t.Context()))
	w.Update("web", disk(21))
	after := w.VMs(updated(w, "web", 1))
	wantDisks(t, after, 21)
	sameVMs(t, before, after)
}

func stalledBy(w *harness.World, reason string) error {
	vg, err := w.Get("web")
	if err != nil {
		return err
	}
	if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled); c == nil || c.Reason != reason {
		return fmt.Errorf("Stalled: %+v", c)
	}
	return nil
}

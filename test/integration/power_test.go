package integration

import (
	"fmt"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// offAtRest waits until a group is READY because its VMs are off.
func offAtRest(w *harness.World, n int32) *v1alpha1.VmGroup {
	w.T.Helper()
	return w.Phase("web", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if s := vg.Status; s.ObservedGeneration != vg.Generation || s.Replicas != n || s.AvailableReplicas != 0 {
			return fmt.Errorf("generation %d of %d: %s", s.ObservedGeneration, vg.Generation, s.Message)
		}
		return nil
	})
}

// TestPoweredOff keeps the VMs of a group off, lets the group grow meanwhile, and has them back.
func TestPoweredOff(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	harness.Must(t, w.VCenter.Control.SetUsualGuest(t.Context(), control.Guest{Tools: true}))
	w.StartController()
	w.Create(w.Group("web", 2))
	before := w.VMs(w.Ready("web", 2))
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Power = &v1alpha1.PowerSpec{State: ptr.To(v1alpha1.StatePoweredOff), GracePeriodSeconds: ptr.To[int32](600)}
	})
	offAtRest(w, 2)
	w.Scale("web", 3)
	for _, vm := range w.VMs(offAtRest(w, 3)) {
		if vm.PowerState != "poweredOff" {
			t.Errorf("%s is %s", vm.Name, vm.PowerState)
		}
	}
	harness.Must(t, w.VCenter.Control.PowerOn(t.Context(), before[0].MoRef))
	w.Eventually("what somebody switches on is off again", func() error {
		vms, err := w.VCenter.Control.VMs(t.Context())
		if err != nil {
			return err
		}
		for _, vm := range vms {
			if vm.PowerState == "poweredOn" {
				return fmt.Errorf("%s is on", vm.Name)
			}
		}
		return nil
	})
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Power.State = nil })
	after := w.VMs(w.Ready("web", 3))
	if index(after, before[0]) < 0 || index(after, before[1]) < 0 {
		t.Error("a VM was replaced")
	}
}

// TestReplaceOnPowerOff shuts a guest down from inside. Its VM is made anew in its slot, unless it is protected.
func TestReplaceOnPowerOff(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 3)
	vg.Spec.Power = &v1alpha1.PowerSpec{OnPowerOff: ptr.To(v1alpha1.OnPowerOffReplace)}
	w.Create(vg)
	before := w.VMs(w.Ready("web", 3))
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Members = []v1alpha1.MemberSpec{{Instance: before[1].InstanceUUID, Deletion: v1alpha1.DeletionNever}}
	})
	w.Ready("web", 3)
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), before[0].MoRef))
	w.Eventually("the VM is another, under the same name", func() error { return runs(w, before[0], false) })
	w.Ready("web", 3)
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), before[1].MoRef))
	w.Eventually("the protected one is on again", func() error { return runs(w, before[1], true) })
	w.Ready("web", 3)
}

// runs returns an error unless a VM of that name is on that is the same, or another one.
func runs(w *harness.World, was control.VM, same bool) error {
	vms, err := w.VCenter.Control.VMs(w.T.Context())
	if err != nil {
		return err
	}
	for _, vm := range vms {
		if vm.Name == was.Name && vm.PowerState == "poweredOn" && (vm.MoRef == was.MoRef) == same {
			return nil
		}
	}
	return fmt.Errorf("no such VM %s is on", was.Name)
}

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

// inPlace is an update strategy.
func inPlace(strategy v1alpha1.UpdateStrategy, unavailable int32) *v1alpha1.UpdateSpec {
	return &v1alpha1.UpdateSpec{Strategy: strategy, MaxUnavailable: ptr.To(intstr.FromInt32(unavailable))}
}

// TestInPlace gives VMs another size. They stay the VMs that they are.
func TestInPlace(t *testing.T) {
	for name, c := range map[string]struct {
		update    *v1alpha1.UpdateSpec
		hotAdd    bool
		cpu       int32
		memoryGiB int32
		off       bool // they are switched off for it
	}{
		"added while they are on":    {inPlace(v1alpha1.UpdateInPlaceIfPossible, 1), true, 2, 2, false},
		"added, none may be off":     {inPlace(v1alpha1.UpdateInPlaceOnly, 0), true, 2, 2, false},
		"without hot-add":            {inPlace(v1alpha1.UpdateInPlaceOnly, 1), false, 2, 2, true},
		"two at a time":              {inPlace(v1alpha1.UpdateInPlaceIfPossible, 2), false, 2, 1, true},
		"taken away":                 {inPlace(v1alpha1.UpdateInPlaceIfPossible, 1), true, 1, 1, true},
		"more CPUs, and less memory": {inPlace(v1alpha1.UpdateInPlaceOnly, 1), true, 4, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			harness.Must(t, w.VCenter.Control.SetHotAdd(t.Context(), harness.Template, c.hotAdd, c.hotAdd))
			w.StartController()
			vg := w.Group("web", 3)
			vg.Spec.CPU, vg.Spec.Memory, vg.Spec.Update = c.cpu%2+1, 3-c.memoryGiB, c.update
			w.Create(vg)
			before := w.VMs(updated(w, "web", 3))
			w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU, vg.Spec.Memory = c.cpu, c.memoryGiB })
			after := w.VMs(updated(w, "web", 3))
			for _, vm := range after {
				if vm.NumCPU != c.cpu || vm.MemoryMB != c.memoryGiB*1024 || vm.PowerState != "poweredOn" {
					t.Errorf("%s has %d CPUs and %d MiB, and is %s", vm.Name, vm.NumCPU, vm.MemoryMB, vm.PowerState)
				}
				if index(before, vm) < 0 {
					t.Errorf("%s is another VM", vm.Name)
				}
			}
			calls, err := w.VCenter.Control.Calls(t.Context())
			harness.Must(t, err)
			if n := calls.Methods["PowerOffVM_Task"]; (n > 0) != c.off {
				t.Errorf("VMs were switched off %d times", n)
			}
		})
	}
}

// TestPowerCycleRequired lets no VM be switched off. Each is changed when somebody else switches it off.
func TestPowerCycleRequired(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 0)
	w.Create(vg)
	before := w.VMs(updated(w, "web", 2))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 })
	w.Eventually("it waits", func() error { return upToDateIs(w, v1alpha1.ReasonPowerCycleRequired) })
	vg = w.Ready("web", 2)
	for _, vm := range vg.Status.VMs {
		if vm.Pending != v1alpha1.PendingPowerCycle {
			t.Errorf("%s waits for %q", vm.Name, vm.Pending)
		}
	}
	for _, vm := range before {
		harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), vm.MoRef))
	}
	w.Eventually("both are changed", func() error { return upToDateIs(w, v1alpha1.ReasonAllReplicasUpdated) })
	for _, vm := range w.VMs(updated(w, "web", 2)) {
		if vm.NumCPU != 2 || index(before, vm) < 0 {
			t.Errorf("%s has %d CPUs", vm.Name, vm.NumCPU)
		}
	}
}

// TestReplacementRequired changes what only a new VM can have.
func TestReplacementRequired(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	w.StartController()
	vg := w.Group("web", 1)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 1)
	w.Create(vg)
	before := w.VMs(updated(w, "web", 1))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	w.Eventually("it stops", func() error {
		vg, err := w.Get("web")
		if err != nil {
			return err
		}
		if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled); c == nil || c.Reason != v1alpha1.ReasonReplacementRequired ||
			vg.Status.VMs[0].Pending != v1alpha1.PendingReplacement {
			return fmt.Errorf("%+v, %+v", c, vg.Status.VMs)
		}
		return nil
	})
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Strategy = v1alpha1.UpdateInPlaceIfPossible })
	if after := w.VMs(updated(w, "web", 1)); index(before, after[0]) >= 0 {
		t.Error("the VM was not replaced")
	}
}

// TestRefusedChange asks for a size that no host has. The VM runs on with what it has, and an edit heals it.
func TestRefusedChange(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = inPlace(v1alpha1.UpdateInPlaceOnly, 1)
	w.Create(vg)
	before := w.VMs(updated(w, "web", 2))
	harness.Must(t, w.VCenter.Control.AddFault(t.Context(), control.Fault{Method: "ReconfigVM_Task", Type: "InvalidArgument", Count: 1}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 })
	w.Eventually("it is refused, and both run", func() error {
		vg, err := w.Get("web")
		if err != nil {
			return err
		}
		if vg.Status.Phase != v1alpha1.PhaseError || vg.Status.AvailableReplicas != 2 {
			return fmt.Errorf("%s, %d available: %s", vg.Status.Phase, vg.Status.AvailableReplicas, vg.Status.Message)
		}
		return nil
	})
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 2 })
	for _, vm := range w.VMs(updated(w, "web", 2)) {
		if vm.NumCPU != 2 || vm.MemoryMB != 2048 || index(before, vm) < 0 {
			t.Errorf("%s has %d CPUs and %d MiB", vm.Name, vm.NumCPU, vm.MemoryMB)
		}
	}
}

func upToDateIs(w *harness.World, reason string) error {
	vg, err := w.Get("web")
	if err != nil {
		return err
	}
	if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate); c == nil || c.Reason != reason {
		return fmt.Errorf("UpToDate: %+v", c)
	}
	return nil
}

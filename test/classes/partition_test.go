package classes

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// TestPartitionOfWhatIsNotOffered loses a VM that the partition keeps at an earlier spec, which asks for more than the class allows by
// now. It is not made again until the class allows it.
func TestPartitionOfWhatIsNotOffered(t *testing.T) {
	w := newWorld(t)
	gold := class("kept", "vc20")
	gold.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(2))}
	create(w, gold)
	start(w, "vc20")
	vg := groupOf(w, "web", "kept", 2)
	vg.Spec.CPU = 2
	vg.Spec.Update = &v1alpha1.UpdateSpec{
		Strategy: v1alpha1.UpdateReplace, MaxSurge: new(intstr.FromInt32(0)), MaxUnavailable: new(intstr.FromInt32(1)), Partition: new(intstr.FromInt32(2)),
	}
	w.Create(vg)
	w.Ready("web", 2)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 1 })
	vg = w.Ready("web", 2)
	change(w, "kept", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits.CPU = new(int32(1)) })
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
	vg = stalled(w, "web", v1alpha1.ReasonRevisionUnavailable)
	wantSaid(t, vg, `VmGroupClass "kept" does not offer any more what it was made from (LimitExceeded)`)
	if vms := w.VMs(vg); len(vms) != 1 || vms[0].NumCPU != 2 {
		t.Errorf("there are %+v, want the one VM that was there", vms)
	}
	change(w, "kept", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits.CPU = new(int32(2)) })
	for _, vm := range w.VMs(w.Ready("web", 2)) {
		if vm.NumCPU != 2 {
			t.Errorf("%s has %d CPUs", vm.Name, vm.NumCPU)
		}
	}
}

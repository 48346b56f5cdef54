package plan

import (
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// SpecOf returns the spec of the VMs of a group: all that a VM is made from.
func SpecOf(g *v1alpha1.VmGroup) vsphere.VMSpec {
	return vsphere.VMSpec{
		Template:  g.Spec.Template,
		Trigger:   trigger(g),
		CPU:       g.Spec.CPU,
		MemoryMiB: int64(g.Spec.Memory) * 1024,
	}
}

func trigger(g *v1alpha1.VmGroup) string {
	if g.Spec.Update == nil {
		return ""
	}
	return g.Spec.Update.Trigger
}

// target is the spec that VMs of a group are compared with.
type target struct {
	vsphere.VMSpec
	revisions vsphere.Revisions
}

func targetOf(g *v1alpha1.VmGroup) target {
	spec := SpecOf(g)
	return target{spec, spec.Revisions()}
}

// drift says how a VM of ours differs from one made now. The status tells it, and nothing undoes it. In order:
//
//  1. a newer controller has made it: nobody can tell
//  2. another spec was its base
//  3. it has another size: somebody has edited the spec, or the VM
func (t target) drift(vm *vsphere.VM) string {
	switch t.revisions.AgeOf(*vm) {
	case vsphere.AgeUnknown:
		return "made by a newer version of the controller: whether from the present spec cannot be told"
	case vsphere.Old:
		return "made from an earlier spec"
	case vsphere.Current:
		if !t.SizeOf(*vm) {
			return fmt.Sprintf("not of the size in the spec: it has %d CPUs and %d MiB instead of %d and %d",
				vm.CPU, vm.MemoryMiB, t.CPU, t.MemoryMiB)
		}
	}
	return ""
}

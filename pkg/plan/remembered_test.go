package plan

import (
	"slices"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A VM that the status records and that cannot be read after a restart shows nothing: no name, no stamp, no folder. It
// is not proven gone, and so it keeps its place.
func TestRememberedVMKeepsItsPlace(t *testing.T) {
	blank := vsphere.VM{Ref: "vm-1", Unreadable: true}
	remembering := func(g *v1alpha1.VmGroup) {
		recorded("vcenter-1")(g)
		g.Status.VMs = []v1alpha1.VMStatus{{Name: VMName(g.Name, string(g.UID), 1), MoRef: "vm-1"}}
	}
	if p := Compute(input(group(2, remembering), vm(0), blank)); len(p.Clone) > 0 {
		t.Errorf("it is replaced: %v", steps(p))
	}
	slots := []int{}
	for _, c := range Compute(input(group(3, remembering), vm(0), blank)).Clone {
		slots = append(slots, c.Spec.Slot)
	}
	if !slices.Equal(slots, []int{2}) {
		t.Errorf("slots %v are cloned, want 2 alone: 1 is taken", slots)
	}
	if p := Compute(input(group(2, remembering, deleting), blank)); p.RemoveFinalizer || len(p.RemoveFolders) > 0 {
		t.Errorf("the group goes without it: %v", steps(p))
	}
}

package plan

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

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
	if p := Compute(input(group(2, remembering), vm(0), blank)); len(clonesIn(p)) > 0 {
		t.Errorf("it is replaced: %v", steps(p))
	}
	slots := []int{}
	for _, c := range clonesIn(Compute(input(group(3, remembering), vm(0), blank))) {
		slots = append(slots, c.Clone.Slot)
	}
	if !slices.Equal(slots, []int{2}) {
		t.Errorf("slots %v are cloned, want 2 alone: 1 is taken", slots)
	}
	if p := Compute(input(group(2, remembering, deleting), blank)); p.RemoveFinalizer || len(p.RemoveFolders) > 0 {
		t.Errorf("the group goes without it: %v", steps(p))
	}
}

// The status lists 100 VMs at most. After a restart, more may be there that can no longer be read.
func TestWhatTheStatusCountsAndCannotListIsNotReplaced(t *testing.T) {
	const ours, blank = 30, 100
	for name, tt := range map[string]struct {
		counted  int32
		readable bool // all that are left
		clones   int
		reason   string
		replicas int32
	}{
		"20 are nowhere":                       {counted: 150, reason: v1alpha1.ReasonVMsUnreadable, replicas: 150},
		"all that were counted are remembered": {counted: 130, clones: 20, reason: v1alpha1.ReasonScalingUp, replicas: 130},
		"all that are left can be read":        {counted: 150, readable: true, clones: 20, reason: v1alpha1.ReasonScalingUp, replicas: 130},
	} {
		t.Run(name, func(t *testing.T) {
			vg := group(150, recorded("vcenter-1"), func(g *v1alpha1.VmGroup) { g.Status.Replicas = tt.counted })
			var vms []vsphere.VM
			for i := range ours + blank {
				one := vm(i)
				if i >= ours {
					vg.Status.VMs = append(vg.Status.VMs, v1alpha1.VMStatus{Name: one.Name, MoRef: string(one.Ref)})
					if !tt.readable {
						one = vsphere.VM{Ref: one.Ref, Unreadable: true}
					}
				}
				vms = append(vms, one)
			}
			in := input(vg, vms...)
			p := Compute(in)
			status := Status(in, p, Outcome{})
			reason := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady).Reason
			if len(clonesIn(p)) != tt.clones || reason != tt.reason || status.Replicas != tt.replicas {
				t.Errorf("%d clones, %s, %d replicas; want %d, %s, %d", len(clonesIn(p)), reason, status.Replicas, tt.clones, tt.reason, tt.replicas)
			}
		})
	}
	// Where the status has room for all, what it counts beyond those it lists is proven gone, or is a clone that failed.
	vg := group(3, recorded("vcenter-1"), func(g *v1alpha1.VmGroup) {
		g.Status.Replicas = 3
		g.Status.VMs = []v1alpha1.VMStatus{{Name: VMName(g.Name, string(g.UID), 1), MoRef: "vm-1"}}
	})
	if p := Compute(input(vg, vm(0), vsphere.VM{Ref: "vm-1", Unreadable: true})); len(clonesIn(p)) != 1 {
		t.Errorf("a small group waits: %v", steps(p))
	}
}

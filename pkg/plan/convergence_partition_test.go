package plan

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// keptByPartition returns the old VMs in the lowest slots, as many as the partition says, if an earlier revision is recorded.
func (c *chaos) keptByPartition() []vsphere.Ref {
	if c.group == nil || c.group.Spec.Update == nil || c.group.Spec.Update.Partition == nil || len(c.revisions) == 0 {
		return nil
	}
	now := SpecOf(c.group)
	first := slices.MinFunc(c.revisions, func(a, b Revision) int { return cmp.Compare(a.Number, b.Number) })
	if first.VMSpec == now || first.Source == "" && first.Name == now.Revision() && sizeOf(first.VMSpec) == sizeOf(now) { // the spec was taken back
		return nil
	}
	var old []vsphere.VM
	for _, vm := range c.ours() {
		marked := slices.ContainsFunc(c.group.Spec.Members, func(m v1alpha1.MemberSpec) bool {
			return m.Instance == vm.InstanceUUID && m.Deletion == v1alpha1.DeletionNow
		})
		if c.hidden[vm.Ref] || marked || vm.Stamp.Revision == now.Revision() && now.SizeOf(&vm) {
			continue
		}
		old = append(old, vm)
	}
	slices.SortStableFunc(old, func(a, b vsphere.VM) int { return cmp.Compare(a.Stamp.Slot, b.Stamp.Slot) })
	var kept []vsphere.Ref
	replicas := int(c.group.DesiredReplicas())
	for _, vm := range old[:min(len(old), replicas, absolute(c.group.Spec.Update.Partition, replicas, true))] {
		kept = append(kept, vm.Ref)
	}
	return kept
}

// sizeOf returns all that is known of a revision of which only a VM tells, beside its name.
func sizeOf(spec vsphere.VMSpec) vsphere.VMSpec {
	return vsphere.VMSpec{CPU: spec.CPU, MemoryMiB: spec.MemoryMiB, DiskGiB: spec.DiskGiB}
}

// checkPartition proves that a group rests at its partition: at most so many VMs are old, and if one is missing it is one that
// nobody knows how to make.
func (c *chaos) checkPartition(t *rapid.T) {
	want := int(c.group.DesiredReplicas())
	keep := min(want, absolute(c.group.Spec.Update.Partition, want, true))
	rest := fmt.Sprintf("%d/%d %s %s", want, want, v1alpha1.PhaseReady, v1alpha1.ReasonAllReplicasAvailable)
	halted := meta.FindStatusCondition(c.group.Status.Conditions, v1alpha1.ConditionReady).Reason == v1alpha1.ReasonRevisionUnavailable
	if got := sum(c.group.Status); got != rest && !(halted && KeptRevision(c.input()) == nil) {
		t.Fatalf("with a partition of %d the group comes to rest as %s", keep, got)
	}
	if old := len(c.ours()) - int(*c.group.Status.UpdatedReplicas); !halted && old > keep {
		t.Fatalf("%d VMs are old, and the partition is %d", old, keep)
	}
}

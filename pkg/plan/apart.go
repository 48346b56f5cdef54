package plan

import (
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// KeepsApart says whether the VMs of a group are to be kept apart. It is not said while nothing of the group is changed, nor of one whose
// VMs stay behind without it: what there is stays.
func KeepsApart(in Input) (apart, said bool) {
	g := in.Group
	if in.Unavailable != nil || heldBy(in) != "" || otherVCenter(in) || g.DeletionTimestamp != nil && orphansVMs(in) {
		return false, false
	}
	return g.DeletionTimestamp == nil && ptr.Deref(g.Spec.AntiAffinity, v1alpha1.AntiAffinityNone) == v1alpha1.AntiAffinityPreferred, true
}

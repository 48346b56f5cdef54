package plan

import (
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// KeepsApart says whether the VMs of a group are to be kept apart, or to be released from that. It is not said
//
//  1. while nothing of the group is changed, nor of one whose VMs stay behind without it: what there is stays
//  2. of a group whose VMs nobody keeps apart. Its status says whether somebody did, and its spec, if it goes
func KeepsApart(in Input) (apart, said bool) {
	g := in.Group
	switch {
	case in.Unavailable != nil || heldBy(in) != "" || otherVCenter(in) || g.DeletionTimestamp != nil && orphansVMs(in):
		return false, false
	case wantsApart(g):
		return true, true
	default:
		return false, (g.Status.AntiAffinity != "" || asksApart(g)) && !in.Snapshot.Released
	}
}

func wantsApart(g *v1alpha1.VmGroup) bool { return g.DeletionTimestamp == nil && asksApart(g) }

func asksApart(g *v1alpha1.VmGroup) bool {
	return ptr.Deref(g.Spec.AntiAffinity, v1alpha1.AntiAffinityNone) == v1alpha1.AntiAffinityPreferred
}

// antiAffinityStatus says whether the VMs are kept apart. It is there before anything is made for that, and until that is gone, so that no
// process forgets it.
func antiAffinityStatus(in Input) v1alpha1.AntiAffinity {
	switch {
	case wantsApart(in.Group):
		return v1alpha1.AntiAffinityPreferred
	case in.Snapshot.Released:
		return ""
	default:
		return in.Group.Status.AntiAffinity
	}
}

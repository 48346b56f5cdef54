package plan

import (
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// AssociationOf says what a group wants of tags and cluster modules, unless nobody can tell now:
//
//  1. nothing of it is changed, or its VMs stay behind without it: what there is stays
//  2. it wants its VMs apart
//  3. it does not, or it goes, and somebody has kept them apart. Its status says whether somebody has, and its spec, if it goes
//  4. it has never wanted anything
func AssociationOf(in Input) (a vsphere.Association, known bool) {
	g := in.Group
	switch {
	case in.Unavailable != nil || otherVCenter(in):
		return a, false
	case heldBy(in) != "" || orphansVMs(in):
		a.Held = true
	case wantsApart(g):
		a.Apart = vsphere.KeepApart
	case (g.Status.AntiAffinity != "" || asksApart(g)) && !in.Snapshot.Released:
		a.Apart = vsphere.ReleaseApart
	}
	return a, true
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

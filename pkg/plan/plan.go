package plan

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Compute decides what to do next. The first that applies:
//
//  1. the group is being deleted without our finalizer: nothing, it is beyond our reach. Notices tell of the VMs that it
//     leaves
//  2. it is being deleted and its VMs are to stay (see orphansVMs): remove the finalizer, without a look at vCenter
//  3. vCenter is unavailable: nothing, unknown is not empty
//  4. another vCenter answers than the one that the status records: nothing, its MoRefs mean something else there
//  5. it is being deleted, and an annotation or a label of it is unknown (see unknownMetadata): nothing
//  6. it is being deleted: remove our VMs, then the folder, then the finalizer (see remove)
//  7. otherwise: clone missing VMs, or remove the surplus, and power on the others (see scale)
//
// While the group is paused or the controller read-only, the changes of 6 and 7 are held back (see hold).
func Compute(in Input) Plan {
	g := in.Group
	switch {
	case beyondReach(g):
		return Plan{Notices: abandonedVMs(in)}
	case orphansVMs(in):
		return Plan{RemoveFinalizer: true, Orphan: true}
	case in.Unavailable != nil:
		return Plan{Clocks: in.Clocks.stop(in.Now)}
	}
	if otherVCenter(in) {
		return Plan{Problem: vCenterChanged(in), Clocks: in.Clocks.stop(in.Now)}
	}
	p := Plan{members: newMembership(in)}
	p.Clocks = p.members.clocks
	p.RetryAfter = p.members.nextAvailable(in.Now)
	p.Notices = memberNotices(&p.members)
	unknown := unknownMetadata(g)
	switch {
	case g.DeletionTimestamp != nil && unknown != "":
		p.refuseDeletion(in, unknown)
	case g.DeletionTimestamp != nil:
		p.remove(in)
	default:
		p.scale(in)
		p.Notices = append(p.Notices, warnings(in, &p)...)
		p.AddFinalizer = !slices.Contains(g.Finalizers, v1alpha1.Finalizer) && (p.Writes() || p.members.needsFinalizer())
	}
	p.hold(in)
	p.sortRequests()
	p.forgetSwitched()
	return p
}

// beyondReach reports whether a group is being deleted without our finalizer: Kubernetes forbids to add it now.
func beyondReach(g *v1alpha1.VmGroup) bool {
	return g.DeletionTimestamp != nil && !slices.Contains(g.Finalizers, v1alpha1.Finalizer)
}

func otherVCenter(in Input) bool {
	f := in.Group.Status.Folder
	return f != nil && f.VCenter != "" && f.VCenter != in.Snapshot.VCenter
}

package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Revision is what VMs of a group are, or were, made from, as a ControllerRevision of the group records it.
type Revision struct {
	// Object is the name of the ControllerRevision, empty of one that is not recorded yet.
	Object string
	// Number orders revisions, the latest last. It is 0 of one of which only a VM tells.
	Number int64
	// Name is what stamps call it.
	Name string
	// VMSpec is what a VM is made from. Of a revision of which only a VM tells, it has nothing but the size.
	vsphere.VMSpec
	// Source is the template itself, in the vCenter with the instance UUID VCenter. Both are empty if nobody knows.
	Source  vsphere.Ref
	VCenter string
}

// sameContent reports whether VMs of two revisions are alike. They may be made from different templates of one name: a template
// that was rebuilt makes no VM old.
func (r Revision) sameContent(o Revision) bool {
	return r.Name == o.Name && r.CPU == o.CPU && r.MemoryMiB == o.MemoryMiB && r.DiskGiB == o.DiskGiB
}

// carriedBy reports whether a VM of ours is of the revision.
func (r Revision) carriedBy(vm *vsphere.VM) bool {
	return r.SizeOf(vm) && (vm.Stamp.Revision == r.Name || r.Source != "" && r.Revisions().AgeOf(vm) == vsphere.Current)
}

// current returns the revision of the present spec.
func (t target) current() Revision { return Revision{Name: t.Revision(), VMSpec: t.VMSpec} }

// partition is what spec.update.partition makes of a group.
type partition struct {
	// history are the revisions of the group, the earliest first. unrecorded are those of them that are to be recorded because
	// nobody else tells of them, see historyOf.
	history, unrecorded []Revision
	// keep is how many VMs are to be of an earlier revision.
	keep int
	// base is the revision that a VM is made from again which the partition keeps and which is lost. It means nothing if keep
	// is 0.
	base Revision
	// cannot says why no VM can be made from base, empty if one can. pending is true while that is not known.
	cannot  string
	pending bool
}

// KeepsHistory reports whether a group records its revisions: spec.update.partition is set, be it to 0.
func KeepsHistory(g *v1alpha1.VmGroup) bool {
	return strategyOf(g) != v1alpha1.UpdateOnDelete && g.Spec.Update.Partition != nil
}

// partitionOf returns how many VMs keep an earlier revision, and which one:
//
//  1. The base is the earliest revision in the history (see historyOf): the one that the group had when it was last complete,
//     as status.currentRevision of a StatefulSet. It stays the base when the spec changes again before that.
//  2. As many VMs keep it as the partition says, a percentage rounded up, and replicas at most.
//  3. If it is the same as the present spec, the spec was taken back, or nothing has changed: none.
func partitionOf(in Input, ms *membership) partition {
	if !KeepsHistory(in.Group) {
		return partition{}
	}
	var p partition
	p.history, p.unrecorded = historyOf(in, ms)
	if len(p.history) == 0 || p.history[0].sameContent(ms.target.current()) {
		return p
	}
	replicas := int(in.Group.DesiredReplicas())
	p.base, p.keep = p.history[0], min(absolute(in.Group.Spec.Update.Partition, replicas, true), replicas)
	p.cannot, p.pending = p.base.obstacle(in)
	return p
}

// historyOf returns the revisions of a group, the earliest first:
//
//  1. those that are recorded, but for those of which a later one has the same content
//  2. if none of these is an earlier one: the revisions of the VMs that differ from the present spec. The partition was not set
//     before the spec was changed, or somebody has removed what was recorded. They come first, and are to be recorded, so that
//     they are not forgotten when the last VM of them is lost
//
// A VM of the present revision whose size alone differs does not count in 2 if the present spec is recorded: somebody has
// changed its size by hand.
func historyOf(in Input, ms *membership) (history, unrecorded []Revision) {
	history, now := latestOfEach(in.Revisions), ms.target.current()
	if slices.ContainsFunc(history, func(r Revision) bool { return !r.sameContent(now) }) {
		return history, nil
	}
	for _, m := range ms.ours {
		if !m.differs || m.age != vsphere.Old && len(history) > 0 {
			continue
		}
		r := Revision{Name: m.vm.Stamp.Revision, VMSpec: vsphere.VMSpec{CPU: m.vm.CPU, MemoryMiB: m.vm.MemoryMiB, DiskGiB: ms.target.diskOf(m.vm)}}
		if !slices.ContainsFunc(unrecorded, r.sameContent) {
			unrecorded = append(unrecorded, r)
		}
	}
	slices.SortFunc(unrecorded, func(a, b Revision) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.CPU, b.CPU), cmp.Compare(a.MemoryMiB, b.MemoryMiB), cmp.Compare(a.DiskGiB, b.DiskGiB))
	})
	return slices.Concat(unrecorded, history), unrecorded
}

// diskOf returns the size of a VM's disk in GiB, rounded away from the spec's: another size stays another one. It is 0 if the spec
// asks for none, or if it is not known.
func (t target) diskOf(vm *vsphere.VM) int32 {
	switch vsphere.CompareDisk(vm, t.DiskGiB) {
	case 1:
		return int32((vm.DiskBytes + 1<<30 - 1) >> 30)
	case -1:
		return int32(vm.DiskBytes >> 30)
	}
	if t.sizeUnknown(vm) {
		return 0
	}
	return t.DiskGiB
}

// latestOfEach returns recorded revisions in their order, but for those of which a later one has the same content.
func latestOfEach(revisions []Revision) []Revision {
	sorted := slices.SortedFunc(slices.Values(revisions), func(a, b Revision) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Object, b.Object))
	})
	var history []Revision
	for i, r := range sorted {
		if !slices.ContainsFunc(sorted[i+1:], r.sameContent) {
			history = append(history, r)
		}
	}
	return history
}

// KeptRevision returns the recorded revision that lost VMs are made from again, nil if there is none or nobody knows its
// template in this vCenter. Its template has to be looked up for the Input.
func KeptRevision(in Input) *Revision {
	if !KeepsHistory(in.Group) {
		return nil
	}
	history := latestOfEach(in.Revisions)
	if len(history) == 0 || history[0].Source == "" || history[0].VCenter != in.Snapshot.VCenter ||
		history[0].sameContent(targetOf(in.Group).current()) {
		return nil
	}
	return &history[0]
}

// obstacle says why no VM can be made from an earlier revision, as the end of a sentence. pending is true if that is not known
// yet.
func (r Revision) obstacle(in Input) (cannot string, pending bool) {
	switch err := in.KeptTemplateError; {
	case r.Source == "":
		return "what it was made from is not known, because spec.update.partition was not set before the spec was changed, or because its ControllerRevision was removed", false
	case r.VCenter != in.Snapshot.VCenter:
		return fmt.Sprintf("its template %q lies in another vCenter", r.Template), false
	case in.Class == "" && r.Guest.Customization != "":
		return "a guest that vCenter customizes needs a VmGroupClass", false
	case in.Offer != nil && notOffered(in.Offer, r.VMSpec) != nil:
		return fmt.Sprintf("VmGroupClass %q does not offer any more what it was made from (%s)", in.Offer.Name, notOffered(in.Offer, r.VMSpec).Reason), false
	case whyUnconnected(in, r.VMSpec) != "":
		return whyUnconnected(in, r.VMSpec), false
	case err != nil && errors.Is(err, vsphere.ErrPending):
		return "", true
	case err != nil:
		return fmt.Sprintf("its template %q: %s", r.Template, err.Error()), false
	}
	return "", false
}

// setPartitioned says which VMs the partition keeps: of those that differ from the present spec, the ones in the lowest
// slots. One that spec.members asks to replace is none of these; one that it protects is.
func (ms *membership) setPartitioned() {
	if ms.partition.keep == 0 {
		return
	}
	differ := filter(ms.ours, func(m *member) bool { return m.differs && m.mark != v1alpha1.DeletionNow })
	slot := func(m *member) int { return m.vm.Stamp.Slot }
	slices.SortStableFunc(differ, func(a, b *member) int { return cmp.Compare(slot(a), slot(b)) })
	for _, m := range differ[:min(ms.partition.keep, len(differ))] {
		m.partitioned, m.old = true, false
	}
}

// lacking returns how many VMs the partition lacks: those that it keeps, less those that are there or on their way. VMs of
// which nobody can tell what they are may be of them. One that was just made is on its way until its disk was read.
func (ms *membership) lacking() int {
	there := countIf(ms.ours, func(m *member) bool { return m.partitioned })
	present := ms.target.Hash()
	unread := filter(ms.ours, func(m *member) bool { return !m.partitioned && ms.target.sizeUnknown(m.vm) })
	onTheirWay := countIf(slices.Concat(ms.pending, unread), func(m *member) bool {
		return m.op != nil && m.op.SpecHash != "" && m.op.SpecHash != present
	})
	return max(0, ms.partition.keep-there-onTheirWay-len(ms.unidentified))
}

// keptRevisionLacks returns the problem that a VM is missing which the partition keeps, and cannot be made again. Its slot stays
// empty: from the present spec it would be one too many of these. It blocks no other clone.
func keptRevisionLacks(in Input, p *Plan) *Problem {
	part := &p.members.partition
	if p.numbers.remake == 0 || part.cannot == "" {
		return nil
	}
	if err := in.KeptTemplateError; err != nil && err.Class != vsphere.ClassInvalid {
		return ofFailure(&vsphere.Failure{Err: err})
	}
	problem := stalled(v1alpha1.ReasonRevisionUnavailable, fmt.Sprintf(
		"%s missing that spec.update.partition keeps at an earlier revision, and cannot be made again: %s; lower spec.update.partition to have VMs of the present spec instead",
		isOrAre(p.numbers.remake), part.cannot))
	problem.blocksClones = false
	return problem
}

// isOrAre begins a sentence about some VMs.
func isOrAre(n int) string {
	if n == 1 {
		return "1 VM is"
	}
	return fmt.Sprintf("%d VMs are", n)
}

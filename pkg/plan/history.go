package plan

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// historyLimit is how many revisions a group keeps at most, as a StatefulSet does by default.
const historyLimit = 10

// keepHistory says which revisions are to be recorded before anything is cloned, and which records are to go after that. It
// records:
//
//  1. revisions of VMs that nobody else tells of, see historyOf
//  2. the present spec with its template, if a VM is of it or a clone from it is due, and it is not recorded yet. A template
//     that was rebuilt under its name makes another record
//
// These records go:
//
//  3. all, if the group keeps no history any more
//  4. one of which a later one has the same content
//  5. all but that of the present spec, once the group is complete: all VMs are there, and surely of the present spec
//  6. one that is neither the earliest nor that of the present spec, and that no VM is of
//  7. the earliest of those that 6 leaves, beyond historyLimit
func (p *Plan) keepHistory(in Input) {
	if !KeepsHistory(in.Group) {
		p.Forget = objects(in.Revisions)
		return
	}
	ms := &p.members
	p.Record = slices.Clone(ms.partition.unrecorded)
	if r, ok := p.presentToRecord(in); ok {
		p.Record = append(p.Record, r)
	}
	kept := p.historyToKeep(in)
	for _, name := range objects(in.Revisions) {
		if !slices.Contains(objects(kept), name) {
			p.Forget = append(p.Forget, name)
		}
	}
}

// presentToRecord returns the record of the present spec, if it is due.
func (p *Plan) presentToRecord(in Input) (Revision, bool) {
	ms := &p.members
	now := ms.target.current()
	now.Source, now.VCenter = in.Template.Ref, in.Snapshot.VCenter
	needed := p.due.fromSpec() > 0 || slices.ContainsFunc(ms.ours, func(m *member) bool { return now.carriedBy(m.vm) })
	if in.TemplateError != nil || now.Source == "" || !needed { // nobody looks for the template of a group that its class refuses
		return now, false
	}
	for _, r := range in.Revisions {
		if r.sameContent(now) && r.Source == now.Source && r.VCenter == now.VCenter {
			return now, false
		}
		now.Number = max(now.Number, r.Number)
	}
	now.Number++
	return now, true
}

// historyToKeep returns the recorded revisions that stay.
func (p *Plan) historyToKeep(in Input) []Revision {
	ms, now := &p.members, p.members.target.current()
	history := latestOfEach(in.Revisions)
	present := slices.IndexFunc(history, now.sameContent)
	if present >= 0 && history[present].Source != "" && ms.complete(in) {
		return history[present : present+1]
	}
	var keep []Revision
	for i, r := range history {
		carried := func(m *member) bool { return r.carriedBy(m.vm) }
		if i == 0 || i == present || slices.ContainsFunc(ms.ours, carried) {
			keep = append(keep, r)
		}
	}
	for i := 1; len(keep) > historyLimit && i < len(keep); {
		if keep[i].sameContent(now) {
			i++
			continue
		}
		keep = slices.Delete(keep, i, i+1)
	}
	return keep
}

// complete reports whether all VMs are there, and surely of the present spec.
func (ms *membership) complete(in Input) bool {
	return len(ms.ours) > 0 && len(ms.ours) >= int(in.Group.DesiredReplicas()) &&
		len(ms.pending)+len(ms.unidentified)+ms.unlisted == 0 &&
		!slices.ContainsFunc(ms.ours, func(m *member) bool {
			return m.differs || m.age == vsphere.AgeUnknown || ms.target.sizeUnknown(m.vm)
		})
}

// objects returns the names of ControllerRevisions, sorted.
func objects(revisions []Revision) []string {
	var names []string
	for _, r := range revisions {
		names = append(names, r.Object)
	}
	slices.Sort(names)
	return names
}

package plan

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// attach gives operations, failures and power-ons to their VMs. Clones without a visible VM become pending.
func (ms *membership) attach(v *view) {
	s := &v.in.Snapshot
	if len(s.Operations)+len(s.Failures)+len(s.PowerOns) == 0 {
		return
	}
	ours := byRef(ms.ours)
	ms.attachOperations(v, ours)
	ms.attachFailures(v, ours)
	for i := range s.PowerOns {
		if m := ours[s.PowerOns[i].VM]; m != nil {
			m.powerOn = &s.PowerOns[i]
		}
	}
}

// byRef indexes members. The first of those with the same reference counts.
func byRef(members []*member) map[vsphere.Ref]*member {
	index := make(map[vsphere.Ref]*member, len(members))
	for _, m := range members {
		if index[m.vm.Ref] == nil {
			index[m.vm.Ref] = m
		}
	}
	return index
}

func (ms *membership) attachOperations(v *view, ours map[vsphere.Ref]*member) {
	operations := slices.Clone(v.operations)
	slices.SortStableFunc(operations, compareOperations)
	clones, others := splitClones(operations)
	if len(clones) > 0 {
		ms.attachClones(v, clones, ours)
	}
	for _, op := range others {
		if m := ours[op.VM]; m != nil && m.op == nil {
			m.op = op
		}
	}
}

func splitClones(operations []*vsphere.Operation) (clones, others []*vsphere.Operation) {
	for _, op := range operations {
		if op.Kind.Makes() {
			clones = append(clones, op)
		} else {
			others = append(others, op)
		}
	}
	return clones, others
}

// compareOperations orders operations somehow, but always alike.
func compareOperations(a, b *vsphere.Operation) int {
	if order := cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.VM, b.VM)); order != 0 {
		return order
	}
	return cmp.Or(cmp.Compare(a.Task, b.Task), a.Started.Compare(b.Started),
		trueFirst(a.Unknown, b.Unknown), trueFirst(a.Cancelled, b.Cancelled), trueFirst(a.Overdue, b.Overdue))
}

// attachClones gives each clone to the VM that it has made. In order:
//
//  1. its task has ended, and the VM is ours by now: the operation has ended, too
//  2. its task has not ended, and a VM of ours has its name and slot: the VM is there before its clone ends
//  3. its VM was converted to a template meanwhile: nothing more comes of it
//  4. its VM is not visible: pending
func (ms *membership) attachClones(v *view, clones []*vsphere.Operation, ours map[vsphere.Ref]*member) {
	templates := byRef(ms.templates)
	oursBySlot, templatesBySlot := byNameAndSlot(ms.ours, v), byNameAndSlot(ms.templates, v)
	for _, op := range clones {
		slot, ok := v.slots.slot(op.Name)
		if ok {
			ms.usedSlots[slot] = true
		}
		key := nameAndSlot{op.Name, slot}
		switch {
		case op.VM != "" && (ours[op.VM] != nil || templates[op.VM] != nil):
		case op.VM == "" && oursBySlot[key] != nil:
			oursBySlot[key].op = op
		case op.VM == "" && templatesBySlot[key] != nil:
		default:
			ms.pending = append(ms.pending, &member{
				vm: notVisible, name: op.Name, slot: slot, op: op, state: v1alpha1.VMPending, message: cloneMessage(op),
			})
		}
	}
}

// nameAndSlot identifies the VM of a clone: it has the clone's name, and its slot in its stamp.
type nameAndSlot struct {
	name string
	slot int
}

// byNameAndSlot indexes the members in the group's folder. The first of those with the same key counts.
func byNameAndSlot(members []*member, v *view) map[nameAndSlot]*member {
	index := make(map[nameAndSlot]*member, len(members))
	for _, m := range members {
		key := nameAndSlot{m.name, m.vm.Stamp.Slot}
		if v.inFolder(m.vm) && index[key] == nil {
			index[key] = m
		}
	}
	return index
}

// attachFailures gives each failure to its VM, the latest first. Those of clones concern a name or the whole group.
func (ms *membership) attachFailures(v *view, ours map[vsphere.Ref]*member) {
	failures := v.in.Snapshot.Failures
	var names []*vsphere.Failure
	for i := range failures {
		f := &failures[i]
		if f.Kind.Makes() {
			if vsphere.ConcernsName(f.Err) {
				names = append(names, f)
			}
			continue
		}
		switch m := ours[f.VM]; {
		case m == nil:
		case v.in.outdated(f):
			m.outdated = append(m.outdated, f)
		default:
			m.failures = append(m.failures, f)
		}
	}
	for _, m := range ms.ours {
		slices.SortStableFunc(m.failures, latestFirst)
	}
	slices.SortStableFunc(names, latestFirst)
	ms.awaitNames(v, names)
}

// awaitNames makes a name pending that vCenter says is in use by something that is not visible, until it is time to try it
// again: it may be a clone of ours that an earlier process has sent.
func (ms *membership) awaitNames(v *view, failures []*vsphere.Failure) {
	for _, f := range failures {
		slot, ok := v.slots.slot(f.Name)
		if !ok || ms.usedSlots[slot] || backOff(f, v.in.Now) == 0 {
			continue
		}
		ms.usedSlots[slot] = true
		ms.pending = append(ms.pending, &member{
			vm: notVisible, name: f.Name, slot: slot, failures: []*vsphere.Failure{f}, state: v1alpha1.VMPending,
			message: "waiting to see what became of the name: " + f.Err.Error(),
		})
	}
}

// matchIncomplete finds out which VMs without name or configuration can be none of the clones in flight: they are
// unidentified. Each clone has one VM. A clone that shows no VM can be any of those without a name.
func (ms *membership) matchIncomplete(incomplete []*member) {
	clones := newUnmatched(ms.pending)
	matched := 0
	var nameless []*member
	for _, m := range incomplete {
		switch {
		case clones.match(m):
			matched++
		case m.name == "":
			nameless = append(nameless, m)
		default:
			ms.unidentified = append(ms.unidentified, m)
		}
	}
	if invisible := len(ms.pending) - matched; len(nameless) > invisible {
		ms.unidentified = append(ms.unidentified, nameless[invisible:]...)
	}
	for _, m := range ms.unidentified {
		m.state, m.message = v1alpha1.VMPending, "it has no name or no configuration that can be read: whose it is cannot be told"
	}
}

// unmatched finds clones in flight by their VM and by their name, each of them once.
type unmatched struct {
	byVM    map[vsphere.Ref][]int // positions in the list of clones
	byName  map[string][]int
	matched []bool
}

func newUnmatched(clones []*member) *unmatched {
	u := &unmatched{byVM: map[vsphere.Ref][]int{}, byName: map[string][]int{}, matched: make([]bool, len(clones))}
	for i, m := range clones {
		if m.op != nil && m.op.VM != "" {
			u.byVM[m.op.VM] = append(u.byVM[m.op.VM], i)
		}
		if m.name != "" {
			u.byName[m.name] = append(u.byName[m.name], i)
		}
	}
	return u
}

// match takes the first clone that is left and that a VM without name or configuration can be, if there is one.
func (u *unmatched) match(m *member) bool {
	first := len(u.matched)
	for _, positions := range [][]int{u.byVM[m.vm.Ref], u.byName[m.name]} {
		if i := slices.IndexFunc(positions, func(p int) bool { return !u.matched[p] }); i >= 0 {
			first = min(first, positions[i])
		}
	}
	if first == len(u.matched) {
		return false
	}
	u.matched[first] = true
	return true
}

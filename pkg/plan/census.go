package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// census is who is there. Every VM of the snapshot is in at most one of the lists.
type census struct {
	target    target
	folder    *vsphere.Folder
	ours      []*member
	pending   []*member // clones under way whose VM is not visible, one for each operation or unclear name, by slot
	unclear   []*member // VMs without name or configuration that are none of pending: they may be ours all the same
	taken     []*member
	copies    []*member
	squatters []*member // VMs of somebody else's under the name of one of our slots
	usurpers  []*member // those of copies that have the name of one of our slots, in our folder
	// predecessors are VMs in our folder that an earlier VmGroup of our name has left.
	predecessors []*member
	slots        map[int]bool // taken, by a name or by a stamp
}

// expected is how many replicas there are or may be: what is unknown counts, so that it never leads to a VM too many.
func (c *census) expected() int { return len(c.ours) + len(c.pending) + len(c.unclear) }

// guarded reports whether there is anything in vCenter that goes with the group, and so that the finalizer guards: a VM, or
// but a folder.
func (c *census) guarded() bool { return c.expected() > 0 || c.folder != nil }

// unlisted is how many VMs the status counts beyond those that are expected, while VMs that it lists cannot be read: it
// lists MaxListedVMs at most, so that a process that has just started may know nothing of the others, which cannot be read
// either. It is 0 for a group whose status has room for all: each of them is remembered.
func (c *census) unlisted(in Input) int {
	counted := int(in.Group.Status.Replicas)
	blind := slices.ContainsFunc(c.unclear, func(m *member) bool {
		_, recorded := recordedOf(in, m.vm)
		return remembered(in, m.vm) || recorded && m.vm.Stamp == nil
	})
	if counted <= v1alpha1.MaxListedVMs || !blind {
		return 0
	}
	return max(0, counted-c.expected())
}

// available is how many replicas do their work.
func (c *census) available() int {
	n := 0
	for _, m := range c.ours {
		if m.available() {
			n++
		}
	}
	return n
}

// clonesUnderWay is how many clones have not ended, as far as is known.
func (c *census) clonesUnderWay() int {
	n := len(c.pending)
	for _, m := range c.ours {
		if m.cloning() {
			n++
		}
	}
	return n
}

// describe says of each of our VMs in which state it is. It is called once the victims are known.
func (c *census) describe(in Input) {
	for _, m := range c.ours {
		m.describe(c.folder, c.target, in)
	}
}

// takeCensus sorts the snapshot by identity. What cannot be told yet is pending:
//
//  1. a clone under way whose VM is not visible as ours, or a name that vCenter says is in use by something invisible
//  2. a VM that has the name of one of our slots and no stamp, while clone tasks of unknown owners are under way
//  3. a VM without name or configuration, unless it can be one of these: it is unclear. So is, wherever it lies, one that
//     the status records, and one that the group remembers and that cannot be read any more
func takeCensus(in Input) census {
	g, snap := in.Group, in.Snapshot
	c := census{target: targetOf(g), slots: map[int]bool{}, folder: chooseFolder(in)}
	uid := string(g.UID)
	var incomplete []*member
	for _, vm := range snap.VMs {
		m := &member{vm: vm, name: vm.Name, identity: vsphere.Identify(snap.Owner, uid, vm)}
		slot, ourName := slotOf(g.Name, uid, vm.Name)
		lock := ourName && c.inFolder(m)
		if lock {
			c.slots[slot] = true
		}
		switch m.identity {
		case vsphere.Ours:
			c.ours = append(c.ours, m)
			c.slots[vm.Stamp.Slot] = true
		case vsphere.ConvertedToTemplate:
			c.taken = append(c.taken, m)
			c.slots[vm.Stamp.Slot] = true
		case vsphere.Copy:
			if lock && cloneUnderWay(snap, vm.Name) {
				continue // perhaps not written in full yet
			}
			c.copies = append(c.copies, m)
			if lock {
				c.usurpers = append(c.usurpers, m)
			}
		case vsphere.Incomplete:
			if stampedFor(in, vm) {
				c.slots[vm.Stamp.Slot] = true
			}
			recorded, isRecorded := recordedOf(in, vm)
			if isRecorded {
				m.name = cmp.Or(m.name, recorded)
				if slot, ok := slotOf(g.Name, uid, recorded); ok {
					c.slots[slot] = true
				}
			}
			if stampedFor(in, vm) || isRecorded || inGroupFolder(in, c.folder, vm) || remembered(in, vm) {
				incomplete = append(incomplete, m)
			}
		case vsphere.Foreign:
			switch {
			case !lock && c.inFolder(m) && predecessor(in, vm):
				c.predecessors = append(c.predecessors, m)
			case !lock || cloneUnderWay(snap, vm.Name):
			case snap.Strays > 0 && vm.Stamp == nil:
				m.slot, m.state, m.message = slot, v1alpha1.VMPending, "being cloned, perhaps for this group"
				c.pending = append(c.pending, m)
			default:
				c.squatters = append(c.squatters, m)
			}
		}
	}
	for _, list := range [][]*member{c.ours, c.taken, c.copies, c.squatters, c.usurpers, incomplete} {
		slices.SortFunc(list, byName) // the order of the snapshot means nothing
	}
	c.addOperations(in)
	c.addFailures(in)
	c.addPowerOns(in)
	slices.SortStableFunc(c.pending, func(a, b *member) int { return cmp.Or(cmp.Compare(a.slot, b.slot), byName(a, b)) })
	c.addIncomplete(incomplete)
	return c
}

func byName(a, b *member) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.vm.Ref, b.vm.Ref))
}

// chooseFolder returns the group's folder: the one that the status records, if it still lies under the root and holds a VM
// of ours (an admin may have renamed it), or one that the status records as ours and that has no configuration to show;
// otherwise the one with the group's path.
func chooseFolder(in Input) *vsphere.Folder {
	var byPath *vsphere.Folder
	for i := range in.Snapshot.Folders {
		f := &in.Snapshot.Folders[i]
		if f.Path == in.Snapshot.Path {
			byPath = f
		}
		recorded := in.Group.Status.Folder != nil && in.Group.Status.Folder.MoRef == string(f.Ref)
		if recorded && f.UnderRoot && holdsOurs(in, f.Ref) {
			return f
		}
	}
	return byPath
}

func holdsOurs(in Input, folder vsphere.Ref) bool {
	return slices.ContainsFunc(in.Snapshot.VMs, func(vm vsphere.VM) bool {
		if vm.Parent != folder {
			return false
		}
		_, recorded := recordedOf(in, vm)
		identity := vsphere.Identify(in.Snapshot.Owner, string(in.Group.UID), vm)
		return identity == vsphere.Ours || identity == vsphere.Incomplete && recorded
	})
}

func (c *census) inFolder(m *member) bool { return c.folder != nil && m.vm.Parent == c.folder.Ref }

// inGroupFolder reports whether a VM lies where clones of the group are, or were, sent: not in a folder that the group has
// to do with only because one of its VMs was moved there.
func inGroupFolder(in Input, folder *vsphere.Folder, vm vsphere.VM) bool {
	return slices.ContainsFunc(in.Snapshot.Folders, func(f vsphere.Folder) bool {
		return f.Ref == vm.Parent && (f.Path == in.Snapshot.Path || folder != nil && folder.Ref == f.Ref)
	})
}

// remembered reports whether a VM is in the snapshot only because the group remembers it: it shows neither a stamp nor a
// folder, and is not proven gone.
func remembered(in Input, vm vsphere.VM) bool {
	return vm.Unreadable && vm.Stamp == nil &&
		!slices.ContainsFunc(in.Snapshot.Folders, func(f vsphere.Folder) bool { return f.Ref == vm.Parent })
}

// recordedOf returns the name that the status records of a VM.
func recordedOf(in Input, vm vsphere.VM) (string, bool) {
	if f := in.Group.Status.Folder; f == nil || f.VCenter != in.Snapshot.VCenter {
		return "", false
	}
	i := slices.IndexFunc(in.Group.Status.VMs, func(s v1alpha1.VMStatus) bool { return s.MoRef == string(vm.Ref) })
	if i < 0 {
		return "", false
	}
	return in.Group.Status.VMs[i].Name, true
}

func stampedFor(in Input, vm vsphere.VM) bool {
	return vm.Stamp != nil && vm.Stamp.Owner == in.Snapshot.Owner && vm.Stamp.UID == string(in.Group.UID)
}

// cloneUnderWay reports whether a VM of this name may be one of ours being made.
func cloneUnderWay(snap vsphere.Snapshot, name string) bool {
	return slices.ContainsFunc(snap.Operations, func(op vsphere.Operation) bool {
		return op.Kind == vsphere.OperationClone && strings.EqualFold(op.Name, name)
	})
}

// addOperations gives each operation to its VM. A clone whose VM is not ours yet is pending.
func (c *census) addOperations(in Input) {
	ops := slices.SortedStableFunc(slices.Values(in.Snapshot.Operations), func(a, b vsphere.Operation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.VM, b.VM), cmp.Compare(a.Task, b.Task),
			first(a.Unknown, b.Unknown), first(a.Cancelled, b.Cancelled), first(a.Overdue, b.Overdue))
	})
	for i := range ops {
		op := &ops[i]
		if op.Kind != vsphere.OperationClone {
			if m := find(c.ours, func(m *member) bool { return m.vm.Ref == op.VM }); m != nil && m.op == nil {
				m.op = op
			}
			continue
		}
		slot, ok := slotOf(in.Group.Name, string(in.Group.UID), op.Name)
		if ok {
			c.slots[slot] = true
		}
		made := func(m *member) bool {
			if op.VM != "" {
				return m.vm.Ref == op.VM
			}
			return m.name == op.Name && m.vm.Stamp.Slot == slot && c.inFolder(m)
		}
		if m := find(c.ours, made); m != nil {
			if op.VM == "" {
				m.op = op
			}
			continue
		}
		if find(c.taken, made) == nil {
			c.pending = append(c.pending, &member{
				name: op.Name, slot: slot, op: op, state: v1alpha1.VMPending, message: cloneMessage(op),
			})
		}
	}
}

// addFailures gives each failure to its VM. A name that vCenter says is in use, by something that is not visible, is
// pending until it is time to try again: it may be a clone of ours that an earlier process has sent.
func (c *census) addFailures(in Input) {
	failures := slices.SortedStableFunc(slices.Values(in.Snapshot.Failures), latestFirst)
	for i := range failures {
		f := &failures[i]
		if f.Kind != vsphere.OperationClone {
			switch m := find(c.ours, func(m *member) bool { return m.vm.Ref == f.VM }); {
			case m == nil:
			case in.outdated(f):
				m.outdated = append(m.outdated, f)
			default:
				m.failures = append(m.failures, f)
			}
			continue
		}
		slot, ok := slotOf(in.Group.Name, string(in.Group.UID), f.Name)
		if vsphere.ConcernsName(f.Err) && ok && !c.slots[slot] && wait(f, in.Now) > 0 {
			c.slots[slot] = true
			c.pending = append(c.pending, &member{
				name: f.Name, slot: slot, failures: []*vsphere.Failure{f}, state: v1alpha1.VMPending,
				message: "waiting to see what became of the name: " + f.Err.Error(),
			})
		}
	}
}

// addPowerOns gives each row of power-ons to its VM.
func (c *census) addPowerOns(in Input) {
	for i := range in.Snapshot.PowerOns {
		p := &in.Snapshot.PowerOns[i]
		if m := find(c.ours, func(m *member) bool { return m.vm.Ref == p.VM }); m != nil {
			m.powerOn = p
		}
	}
}

// addIncomplete finds out which VMs without name or configuration can be none of the clones under way.
func (c *census) addIncomplete(incomplete []*member) {
	matched := map[*member]bool{}
	var nameless []*member
	for _, m := range incomplete {
		same := find(c.pending, func(p *member) bool {
			byRef := p.op != nil && p.op.VM != "" && p.op.VM == m.vm.Ref
			return !matched[p] && (byRef || m.name != "" && p.name == m.name)
		})
		switch {
		case same != nil:
			matched[same] = true
		case m.name == "":
			nameless = append(nameless, m)
		default:
			c.unclear = append(c.unclear, m)
		}
	}
	if invisible := len(c.pending) - len(matched); len(nameless) > invisible {
		c.unclear = append(c.unclear, nameless[invisible:]...)
	}
	for _, m := range c.unclear {
		m.state, m.message = v1alpha1.VMPending, "it has no name or no configuration that can be read: whose it is cannot be told"
	}
}

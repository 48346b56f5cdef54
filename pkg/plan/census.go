package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// member is a VM that has to do with the group, or one that is on its way.
type member struct {
	vm       vsphere.VM // zero for one that is not visible yet
	identity vsphere.Identity
	name     string
	op       *vsphere.Operation // what is under way on it
	failure  *vsphere.Failure   // how the last operation on it failed
	victim   bool
	state    v1alpha1.VMState
	message  string
}

// available reports whether the VM does its work: complete, connected and powered on.
func (m *member) available() bool {
	return m.identity == vsphere.Ours && m.vm.Power == vsphere.PoweredOn && m.reachable()
}

// reachable reports whether vCenter can read the VM, and act on it, now.
func (m *member) reachable() bool { return m.vm.Connection == vsphere.Connected && !m.vm.Unreadable }

// census is who is there. Every VM of the snapshot is in at most one of the lists.
type census struct {
	folder     *vsphere.Folder
	ours       []*member
	pending    []*member // clones under way whose VM is not visible, one for each operation or unclear name
	taken      []*member
	copies     []*member
	incomplete int       // VMs in the folder without name or configuration: each may be one of pending
	squatters  []*member // VMs of somebody else's under the name of one of our slots
	// usurper is a copy in our folder under the name of one of our slots.
	usurper *member
	slots   map[int]bool // taken, by a name or by a stamp
}

// expected is how many replicas there are or may be. A VM without a name may be one of the clones under way, or one that
// nobody knows of: whichever makes more counts, so that what is unknown never leads to a VM too many.
func (c *census) expected() int { return len(c.ours) + max(len(c.pending), c.incomplete) }

// takeCensus sorts the snapshot by identity. What cannot be told yet is pending.
func takeCensus(in Input) census {
	g, snap := in.Group, in.Snapshot
	c := census{slots: map[int]bool{}, folder: chooseFolder(in)}
	uid := string(g.UID)
	for _, vm := range snap.VMs {
		m := &member{vm: vm, name: vm.Name, identity: vsphere.Identify(snap.Owner, uid, vm)}
		inFolder := c.folder != nil && vm.Parent == c.folder.Ref
		slot, ourName := slotOf(g.Name, uid, vm.Name)
		if inFolder && ourName {
			c.slots[slot] = true
		}
		switch m.identity {
		case vsphere.Ours:
			c.ours = append(c.ours, m)
			c.slots[vm.Stamp.Slot] = true
		case vsphere.Taken:
			c.taken = append(c.taken, m)
			c.slots[vm.Stamp.Slot] = true
		case vsphere.Copy:
			c.copies = append(c.copies, m)
			if inFolder && ourName {
				c.usurper = m
			}
		case vsphere.Incomplete:
			c.incomplete++
		case vsphere.Foreign:
			if inFolder && ourName && !cloneUnderWay(snap, vm.Name) {
				c.squatters = append(c.squatters, m)
			}
		}
	}
	c.addOperations(in)
	c.addFailures(in)
	byName := func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.vm.Ref, b.vm.Ref))
	}
	for _, list := range [][]*member{c.ours, c.pending, c.taken, c.copies, c.squatters} {
		slices.SortFunc(list, byName)
	}
	for _, m := range c.ours {
		m.describe(c.folder, in)
	}
	return c
}

// chooseFolder returns the group's folder: the one that the status records, if it still lies under the root and holds a VM
// of ours (an admin may have renamed it), otherwise the one with the group's path.
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
		return vm.Parent == folder &&
			vsphere.Identify(in.Snapshot.Owner, string(in.Group.UID), vm) == vsphere.Ours
	})
}

// cloneUnderWay reports whether a VM of this name, which has no stamp yet, may be one of ours being made.
func cloneUnderWay(snap vsphere.Snapshot, name string) bool {
	return slices.ContainsFunc(snap.Operations, func(op vsphere.Operation) bool {
		return op.Kind == vsphere.OperationClone && op.Name == name
	})
}

// addOperations gives each operation to its VM. A clone whose VM is not ours yet is pending.
func (c *census) addOperations(in Input) {
	for i := range in.Snapshot.Operations {
		op := &in.Snapshot.Operations[i]
		if op.Kind != vsphere.OperationClone {
			if m := find(c.ours, func(m *member) bool { return m.vm.Ref == op.VM }); m != nil {
				m.op = op
			}
			continue
		}
		if slot, ok := slotOf(in.Group.Name, string(in.Group.UID), op.Name); ok {
			c.slots[slot] = true
		}
		visible := func(m *member) bool { return m.name == op.Name || (op.VM != "" && m.vm.Ref == op.VM) }
		if find(c.ours, visible) == nil && find(c.taken, visible) == nil {
			c.pending = append(c.pending, pendingClone(op))
		}
	}
}

func pendingClone(op *vsphere.Operation) *member {
	m := &member{name: op.Name, op: op, state: v1alpha1.VMPending, message: "being cloned"}
	switch {
	case op.Overdue:
		m.message = "the clone is past its deadline; vCenter was asked to cancel it"
	case op.Unknown:
		m.message = "the answer to the clone request was lost; looking whether the VM was made"
	}
	return m
}

// addFailures gives each failure to its VM. A name that vCenter says is in use, by something that is not visible, is
// pending until it is time to try again: it may be a clone of ours that an earlier process has sent.
func (c *census) addFailures(in Input) {
	for i := range in.Snapshot.Failures {
		f := &in.Snapshot.Failures[i]
		if f.Kind != vsphere.OperationClone {
			if m := find(c.ours, func(m *member) bool { return m.vm.Ref == f.VM }); m != nil && m.op == nil {
				m.failure = f
			}
			continue
		}
		slot, ok := slotOf(in.Group.Name, string(in.Group.UID), f.Name)
		if f.Err.Class == vsphere.ClassConflict && ok && !c.slots[slot] && wait(f, in.Now) > 0 {
			c.slots[slot] = true
			c.pending = append(c.pending, &member{
				name: f.Name, failure: f, state: v1alpha1.VMPending,
				message: "vCenter says that the name is in use; waiting to see by what",
			})
		}
	}
}

// describe says in which state one of our VMs is, and why it is not available. The first that applies:
//
//  1. it cannot be read or its host does not answer: Unreachable
//  2. an operation on it has failed: Failed
//  3. it is not powered on: PoweredOff
//  4. it lies outside the group's folder: Moved
//  5. Available
//
// A victim is Deleting instead, see markVictims.
func (m *member) describe(folder *vsphere.Folder, in Input) {
	switch {
	case m.vm.Unreadable:
		m.state, m.message = v1alpha1.VMUnreachable,
			"it can no longer be read, and is not proven gone; check the controller's permissions on it"
	case !m.reachable():
		m.state, m.message = v1alpha1.VMUnreachable, fmt.Sprintf("vCenter reports it as %s", m.vm.Connection)
	case m.failure != nil:
		m.state, m.message = v1alpha1.VMFailed, m.failure.Err.Error()
	case m.vm.Power != vsphere.PoweredOn:
		m.state, m.message = v1alpha1.VMPoweredOff, "waiting to be powered on"
		if m.op != nil && m.op.Kind == vsphere.OperationPowerOn {
			m.message = "being powered on"
		}
	case folder == nil || m.vm.Parent != folder.Ref:
		m.state, m.message = v1alpha1.VMMoved, fmt.Sprintf("it was moved to %s", orUnknown(m.vm.ParentPath))
	default:
		m.state, m.message = v1alpha1.VMAvailable, m.drift(in)
	}
}

// drift says how a VM differs from what its group's VMs are made from now. It is reported, not undone.
func (m *member) drift(in Input) string {
	spec := in.Group.Spec
	if m.vm.Stamp.Revision != Revision(spec) {
		return "made from an earlier spec"
	}
	if m.vm.CPU != spec.CPU || m.vm.MemoryMiB != memoryMiB(spec) {
		return fmt.Sprintf("changed by hand: has %d CPUs and %d MiB instead of %d and %d",
			m.vm.CPU, m.vm.MemoryMiB, spec.CPU, memoryMiB(spec))
	}
	return ""
}

func memoryMiB(spec v1alpha1.VmGroupSpec) int64 { return int64(spec.Memory) * 1024 }

func orUnknown(path string) string {
	if path == "" {
		return "a place that cannot be read"
	}
	return path
}

func find(list []*member, match func(*member) bool) *member {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i]
	}
	return nil
}

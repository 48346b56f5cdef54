package plan

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// quietConflicts is how many conflicts in a row nobody is told of: they are settled by looking again.
const quietConflicts = 5

// member is a VM that has to do with the group, or one that is on its way.
type member struct {
	vm       vsphere.VM // zero for one that is not visible yet
	identity vsphere.Identity
	name     string
	slot     int                // of one that is not visible yet
	op       *vsphere.Operation // what is under way on it
	failures []*vsphere.Failure // how the last operations on it failed, one of each kind
	outdated []*vsphere.Failure // those of them that say nothing any more
	powerOn  *vsphere.PowerOn   // nil: none that has not proven to last
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

// outside reports whether the VM lies outside the root folder: it counts, and is not touched.
func (m *member) outside() bool { return !m.vm.UnderRoot }

// cloning reports whether the VM is there already and its clone task has not ended.
func (m *member) cloning() bool { return m.op != nil && m.op.Kind == vsphere.OperationClone }

// going reports whether the VM is being taken away.
func (m *member) going() bool {
	return m.op != nil && (m.op.Kind == vsphere.OperationPowerOff || m.op.Kind == vsphere.OperationDestroy)
}

// next returns the operation that one of our VMs needs, empty if it needs none, or if it lies where none is made.
func (m *member) next() vsphere.OperationKind {
	switch {
	case m.outside():
		return ""
	case m.victim && m.vm.Power == vsphere.PoweredOff:
		return vsphere.OperationDestroy
	case m.victim:
		return vsphere.OperationPowerOff
	case m.vm.Power != vsphere.PoweredOn:
		return vsphere.OperationPowerOn
	default:
		return ""
	}
}

// failure returns how the operation that the VM needs next has failed the last time, nil if it has not. Failures of what
// is no longer wanted, such as to power on a VM that is surplus now, say nothing any more.
func (m *member) failure() *vsphere.Failure {
	next := m.next()
	i := slices.IndexFunc(m.failures, func(f *vsphere.Failure) bool { return f.Kind == next })
	if i < 0 {
		return nil
	}
	return m.failures[i]
}

// trouble is a failure that is worth telling: not a conflict that may be settled the next time.
func (m *member) trouble() *vsphere.Failure {
	f := m.failure()
	if f == nil || isQuiet(f) {
		return nil
	}
	return f
}

// resting reports whether the VM is off and to be on, and is not powered on yet because it does not stay on.
func (m *member) resting(now time.Time) bool {
	return m.next() == vsphere.OperationPowerOn && m.op == nil && m.reachable() && powerOnWait(m.powerOn, now) > 0
}

// isQuiet reports whether a failure may well be settled the next time.
func isQuiet(f *vsphere.Failure) bool {
	return f.Err.Class == vsphere.ClassConflict && f.Count <= quietConflicts
}

// broken reports whether the VM could not be powered on and is not, or could not be removed once.
func (m *member) broken() bool {
	return slices.ContainsFunc(slices.Concat(m.failures, m.outdated), func(f *vsphere.Failure) bool {
		return f.Kind != vsphere.OperationPowerOn || m.vm.Power != vsphere.PoweredOn
	})
}

// describe says in which state one of our VMs is, and why it is not available. The first that applies:
//
//  1. it cannot be read or its host does not answer: Unreachable
//  2. the operation that it needs next has failed: Failed
//  3. it is surplus, and changes are not held back: Moved if it lies outside the root folder, otherwise Deleting
//  4. its clone has not ended, and it is not powered on: Pending
//  5. it is not powered on: PoweredOff
//  6. it lies outside the group's folder: Moved
//  7. Available
func (m *member) describe(folder *vsphere.Folder, target target, in Input) {
	trouble := m.trouble()
	switch {
	case m.vm.Unreadable:
		m.state, m.message = v1alpha1.VMUnreachable,
			"it can no longer be read, and is not proven gone; check the controller's permissions on it"
	case !m.reachable():
		m.state, m.message = v1alpha1.VMUnreachable, "vCenter reports it as "+orUnknown(m.vm.Connection, "of unknown state")
	case trouble != nil:
		m.state, m.message = v1alpha1.VMFailed, trouble.Err.Error()
	case m.victim && heldBy(in) == "" && m.outside():
		m.state, m.message = v1alpha1.VMMoved, "it is to be removed, and lies in "+m.place(in)+", where nothing is removed"
	case m.victim && heldBy(in) == "":
		m.state, m.message = v1alpha1.VMDeleting, "being removed"
	case m.cloning() && m.vm.Power != vsphere.PoweredOn:
		m.state, m.message = v1alpha1.VMPending, cloneMessage(m.op)
	case m.vm.Power != vsphere.PoweredOn && m.outside():
		m.state, m.message = v1alpha1.VMPoweredOff, "it lies in "+m.place(in)+", where nothing is switched on"
	case m.vm.Power != vsphere.PoweredOn:
		m.state, m.message = v1alpha1.VMPoweredOff, "waiting to be powered on"
		switch {
		case m.op != nil && m.op.Kind == vsphere.OperationPowerOn:
			m.message = "being powered on"
		case m.resting(in.Now):
			m.message = m.crashLoop()
		}
	case folder == nil || m.vm.Parent != folder.Ref:
		m.state, m.message = v1alpha1.VMMoved, "it was moved to "+m.place(in)
	default:
		m.state, m.message = v1alpha1.VMAvailable, target.drift(m.vm)
	}
}

// crashLoop says that the VM does not stay on, and when it is powered on again.
func (m *member) crashLoop() string {
	next := m.powerOn.At.Add(vsphere.PowerOnDelay(m.powerOn.Count)).UTC().Format(time.RFC3339)
	return fmt.Sprintf("it was powered on and did not stay on, %s in a row; powered on again after %s: look why its guest shuts down",
		count(m.powerOn.Count, "time"), next)
}

// place says where the VM lies.
func (m *member) place(in Input) string {
	place := orUnknown(m.vm.ParentPath, "a place that cannot be read")
	if m.outside() {
		place += ", outside the root folder " + rootPath(in)
	}
	return place
}

// rootPath is the inventory path of the root folder: the group's is <root>/<namespace>/<name>.
func rootPath(in Input) string { return path.Dir(path.Dir(in.Snapshot.Path)) }

func cloneMessage(op *vsphere.Operation) string {
	switch {
	case op.Overdue:
		return "the clone is past its deadline; vCenter was asked to cancel it"
	case op.Cancelled && op.Task == "":
		return "the clone was cancelled; waiting whether its VM comes all the same"
	case op.Unknown:
		return "the answer to the clone request was lost; looking whether the VM was made"
	default:
		return "being cloned"
	}
}

func orUnknown(what, unknown string) string {
	if what == "" {
		return unknown
	}
	return what
}

func find(list []*member, match func(*member) bool) *member {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i]
	}
	return nil
}

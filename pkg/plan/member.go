package plan

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// toleratedConflicts is how many conflicts in a row nobody hears of: another look settles most of them.
const toleratedConflicts = 5

// member is a VM that has to do with the group, or one that is on its way. Status reads members and never writes to them.
type member struct {
	vm       *vsphere.VM // in the snapshot, which is shared; notVisible for one that is on its way
	identity vsphere.Identity
	name     string
	guest    string             // of one of ours: what its stamp says of its guest, see vsphere.GuestPending
	slot     int                // of one that is on its way
	op       *vsphere.Operation // in flight
	failures []*vsphere.Failure // how its last operations have failed, one of each kind
	outdated []*vsphere.Failure // failures from before the last edit, see Input.outdated
	powerOn  *vsphere.PowerOn   // nil: none that has not proven to last
	victim   bool
	state    v1alpha1.VMState
	message  string

	// mark is what spec.members says of it. differs is true if it surely differs from a VM made now, old if a new one is to
	// take its place.
	mark         v1alpha1.MemberDeletion
	age          vsphere.Age
	differs, old bool
	// change is what it takes until it is as the spec has it, and turn is true if it is to be changed in place now. changeFailed is
	// how that has failed the last time, and changeWaits is true if it is not to be tried now, or again.
	change       change
	turn         bool
	changeFailed *vsphere.Failure
	changeWaits  bool
	keepOff      bool // it is to be off
	partitioned  bool // spec.update.partition keeps it as it is
	// completed is set if the VM has done its work and is to be made anew, see setCompleted: the last replacement of its slot.
	completed   *Replacement
	unfinished  bool                  // its guest was told nothing, and nobody knows any more what, see isUnfinished
	unhealthy   bool                  // see setHealth
	help        v1alpha1.HealthAction // what is to be done now because it is not healthy, empty for nothing
	notReady    string                // why it is not ready, empty if it is
	availableAt time.Time             // when it becomes available, if it is ready and has to wait for that
}

// notVisible stands for a VM that is not in the snapshot.
var notVisible = &vsphere.VM{}

// serving reports whether the VM is complete, its guest too, connected and powered on.
func (m *member) serving() bool {
	return m.identity == vsphere.Ours && m.vm.Power == vsphere.PoweredOn && m.reachable() && !m.untold()
}

// ready reports whether the VM is serving and shows the sign that the group asks for.
func (m *member) ready() bool { return m.serving() && m.notReady == "" }

// available reports whether the VM does its work: it has been ready for long enough.
func (m *member) available() bool { return m.ready() && m.availableAt.IsZero() }

// reachable reports whether vCenter can read the VM, and act on it, now.
func (m *member) reachable() bool { return m.vm.Connection == vsphere.Connected && !m.vm.Unreadable }

// outsideRoot reports whether the VM lies outside the root folder: it counts, and the controller does not touch it.
func (m *member) outsideRoot() bool { return !m.vm.UnderRoot }

// cloning reports whether the VM is there and its clone task has not ended.
func (m *member) cloning() bool { return m.op != nil && m.op.Kind.Makes() }

// awaitsName reports whether the member stands for a name in use, see awaitNames.
func (m *member) awaitsName() bool { return m.vm == notVisible && m.op == nil }

// terminating reports whether the removal of the VM has begun.
func (m *member) terminating() bool { return m.op != nil && removes(m.op.Kind) }

// spent reports whether the VM does no work any more, so that it goes whatever the numbers say: it has ended, spec.health replaces it,
// or it can never be finished.
func (m *member) spent() bool {
	return m.completed != nil || m.help == v1alpha1.HealthReplace || m.unfinished
}

// inService reports whether the VM is as it is to be at rest, available or off, and stays so: nothing is under way that switches
// it off, or destroys it.
func (m *member) inService() bool {
	if m.keepOff {
		return m.vm.Power == vsphere.PoweredOff && m.reachable() && m.op == nil && !m.untold()
	}
	return m.available() && !m.terminating()
}

// shuttingDown reports whether the guest was asked to shut down.
func (m *member) shuttingDown() bool { return m.op != nil && m.op.Kind == vsphere.OperationShutdown }

// shutdownFailed reports whether the guest could not be asked to shut down.
func (m *member) shutdownFailed() bool {
	return slices.ContainsFunc(m.failures, func(f *vsphere.Failure) bool { return f.Kind == vsphere.OperationShutdown })
}

// next returns the operation that one of our VMs needs. It is empty if the VM needs none, or lies outside the root folder.
func (m *member) next() vsphere.OperationKind {
	switch {
	case m.outsideRoot():
		return ""
	case m.victim && m.vm.Power == vsphere.PoweredOff:
		return vsphere.OperationDestroy
	case m.victim:
		return vsphere.OperationPowerOff
	case m.untold() && m.vm.Power != vsphere.PoweredOff:
		return vsphere.OperationPowerOff
	case m.untold():
		return vsphere.OperationConfigure
	case m.completed != nil:
		return ""
	case m.resizes() && m.vm.Power == vsphere.PoweredOff && !m.changeWaits, m.turn && m.change == hotChange:
		return vsphere.OperationReconfigure
	case m.turn:
		return vsphere.OperationPowerOff
	case m.keepOff && m.vm.Power != vsphere.PoweredOff:
		return vsphere.OperationPowerOff
	case m.keepOff:
		return ""
	case m.help == v1alpha1.HealthReset:
		return vsphere.OperationReset
	case m.vm.Power != vsphere.PoweredOn:
		return vsphere.OperationPowerOn
	default:
		return ""
	}
}

// failure returns how the operation that the VM needs next has failed the last time, nil if it has not. A failure of any
// other operation means nothing now: to power on a VM that is surplus, for example.
func (m *member) failure() *vsphere.Failure {
	if len(m.failures) == 0 {
		return nil
	}
	next := m.next()
	for _, f := range m.failures {
		if f.Kind == next {
			return f
		}
	}
	return nil
}

// lastingFailure returns the failure unless the next attempt may well settle it, or the VM does its work all the same: a change
// in place has failed (see changeRefused).
func (m *member) lastingFailure() *vsphere.Failure {
	f := m.failure()
	if f == nil || isTolerated(f) || f.Kind == vsphere.OperationReconfigure {
		return nil
	}
	return f
}

// isTolerated reports whether a failure is a conflict that the next attempt may well settle.
func isTolerated(f *vsphere.Failure) bool {
	return f.Err.Class == vsphere.ClassConflict && f.Count <= toleratedConflicts
}

// inCrashLoop reports whether the VM must be powered on, and has to wait because it does not stay on.
func (m *member) inCrashLoop(now time.Time) bool {
	return m.op == nil && m.next() == vsphere.OperationPowerOn && m.reachable() && powerOnBackOff(m.powerOn, now) > 0
}

// hasFailed reports whether the VM could not be powered on and is not, or could not be removed before.
func (m *member) hasFailed() bool {
	failed := func(f *vsphere.Failure) bool {
		return f.Kind != vsphere.OperationPowerOn || m.vm.Power != vsphere.PoweredOn
	}
	return slices.ContainsFunc(m.failures, failed) || slices.ContainsFunc(m.outdated, failed)
}

// stateIn returns the state of one of our VMs, and why it is not available. The first that applies:
//
//  1. vCenter cannot read it, or its host does not answer: Unreachable
//  2. it was found off after it had been ready, and is made anew: Completed, also while it is removed, or cannot be. A process
//     that starts meanwhile knows of it by that alone
//  3. the operation that it needs next has failed: Failed
//  4. it is surplus, and nothing holds changes back: Moved if it lies outside the root folder, otherwise Deleting
//  5. its clone has not ended, and it is not powered on: Pending
//  6. its guest was not told what it is to be told: Configuring
//  7. it is not powered on: PoweredOff
//  8. it lies outside the group's folder: Moved
//  9. it is not ready, or not for long enough: NotReady
//  10. Available
func (m *member) stateIn(in Input, ms *membership) (v1alpha1.VMState, string) {
	if m.vm.Unreadable {
		return v1alpha1.VMUnreachable, "it can no longer be read, and is not proven gone; check the controller's permissions on it"
	}
	if !m.reachable() {
		return v1alpha1.VMUnreachable, "vCenter reports it as " + cmp.Or(m.vm.Connection, "of unknown state")
	}
	failure := m.lastingFailure()
	switch {
	case m.completed != nil:
		return v1alpha1.VMCompleted, m.whyCompleted(heldBy(in) == "", failure)
	case failure != nil:
		return v1alpha1.VMFailed, failure.Err.Error()
	case m.victim && heldBy(in) == "" && m.outsideRoot():
		return v1alpha1.VMMoved, "it is to be removed, and lies in " + m.location(in) + ", where nothing is removed"
	case m.victim && heldBy(in) == "":
		return v1alpha1.VMDeleting, "being removed"
	case m.cloning() && m.vm.Power != vsphere.PoweredOn:
		return v1alpha1.VMPending, cloneMessage(m.op)
	case m.untold():
		return v1alpha1.VMConfiguring, m.whyUntold(in, ms)
	case m.keepOff && m.vm.Power == vsphere.PoweredOff && m.next() == "":
		return v1alpha1.VMPoweredOff, ""
	case m.vm.Power != vsphere.PoweredOn:
		return v1alpha1.VMPoweredOff, m.whyOff(in, ms)
	case ms.folder == nil || m.vm.Parent != ms.folder.Ref:
		return v1alpha1.VMMoved, "it was moved to " + m.location(in)
	case !m.available():
		return v1alpha1.VMNotReady, m.whyUnavailable()
	case m.resizes() && m.changeRefused():
		return v1alpha1.VMAvailable, fmt.Sprintf("not changed to %s: %s", ms.target.resized(), m.changeFailed.Err)
	default:
		return v1alpha1.VMAvailable, ms.target.drift(m.vm)
	}
}

// wrongPower reports whether the VM is off and is to be on, or the other way round.
func (m *member) wrongPower() bool {
	if m.keepOff {
		return m.vm.Power != vsphere.PoweredOff
	}
	return m.vm.Power != vsphere.PoweredOn
}

// whyOff says why the VM is not powered on.
func (m *member) whyOff(in Input, ms *membership) string {
	switch {
	case m.outsideRoot():
		return "it lies in " + m.location(in) + ", where nothing is switched on"
	case m.next() == vsphere.OperationReconfigure && m.keepOff:
		return "being changed to " + ms.target.resized()
	case m.next() == vsphere.OperationReconfigure:
		return "being changed to " + ms.target.resized() + ", and powered on after that"
	case m.op != nil && m.op.Kind == vsphere.OperationPowerOn:
		return "being powered on"
	case m.inCrashLoop(in.Now):
		next := m.powerOn.At.Add(vsphere.PowerOnDelay(m.powerOn.Count)).UTC().Format(time.RFC3339)
		return fmt.Sprintf("it was powered on and did not stay on, %s in a row; powered on again after %s: look why its guest shuts down",
			count(m.powerOn.Count, "time"), next)
	default:
		return "waiting to be powered on"
	}
}

// location says where the VM lies.
func (m *member) location(in Input) string {
	location := cmp.Or(m.vm.ParentPath, "a place that cannot be read")
	if m.outsideRoot() {
		location += ", outside the root folder " + rootPath(in)
	}
	return location
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

package vsphere

import (
	"fmt"
	"slices"
)

// OperationKind is what an operation does. The table of kinds says all that does not depend on a single operation.
type OperationKind string

// Kinds of operations.
const (
	OperationClone       OperationKind = "Clone"
	OperationPowerOn     OperationKind = "PowerOn"
	OperationConfigure   OperationKind = "Configure"
	OperationReset       OperationKind = "Reset"
	OperationReconfigure OperationKind = "Reconfigure"
	OperationShutdown    OperationKind = "Shutdown"
	OperationPowerOff    OperationKind = "PowerOff"
	OperationDestroy     OperationKind = "Destroy"
)

// kinds is the table of kinds, in the order in which the requests of one plan are started: what makes a group available
// comes before what a plan removes.
var kinds = []KindInfo{
	{
		Kind: OperationPowerOn, Verb: "power on", TaskName: "powerOn",
		Budget: BudgetPower, Deadline: DeadlineShort, Effect: Neither, Ends: ByTask, Power: PoweredOn,
	},
	{
		Kind: OperationConfigure, Verb: "configure", TaskName: "reconfigure",
		Budget: BudgetPower, Deadline: DeadlineShort, Effect: Neither, Ends: ByObservation,
	},
	{
		Kind: OperationReset, Verb: "reset", TaskName: "reset",
		Budget: BudgetPower, Deadline: DeadlineShort, Effect: Neither, Ends: ByTask,
	},
	{
		Kind: OperationClone, Verb: "clone", TaskName: "clone",
		Budget: BudgetClone, Deadline: DeadlineClone, Effect: Makes, Ends: ByObservation,
	},
	{
		Kind: OperationReconfigure, Verb: "reconfigure", TaskName: "reconfigure",
		Budget: BudgetPower, Deadline: DeadlineShort, Effect: Neither, Ends: ByObservation,
	},
	{
		Kind: OperationShutdown, Verb: "shut down",
		Budget: BudgetPower, Deadline: DeadlineGuest, Effect: Neither, Ends: ByObservation, Power: PoweredOff,
	},
	{
		Kind: OperationPowerOff, Verb: "power off", TaskName: "powerOff",
		Budget: BudgetPower, Deadline: DeadlineShort, Effect: Neither, Ends: ByTask, Power: PoweredOff,
	},
	{
		Kind: OperationDestroy, Verb: "destroy", TaskName: "destroy",
		Budget: BudgetDestroy, Deadline: DeadlineShort, Effect: Removes, Ends: ByTask,
	},
}

// KindInfo is a row of the table of kinds.
type KindInfo struct {
	Kind OperationKind
	// Verb names what it does to a VM, in messages.
	Verb string
	// TaskName is vCenter's name for its tasks: what follows the dot of their descriptionId. It is empty for a kind that has no
	// task: vCenter takes the request, and tells nothing more. Such a kind holds its place in the budget for the submission.
	TaskName string
	Budget   Budget
	Deadline Deadline
	Effect   Effect
	Ends     Ending
	// Power is the power state that its success leaves a VM in. It is empty for kinds that are about something else.
	Power PowerState
}

// Budget is a number of operations that may be under way at once, over all groups.
type Budget string

// Budgets: clones read and write whole disks, destructions free them, all others do neither.
const (
	BudgetClone   Budget = "clone" // -max-clones
	BudgetPower   Budget = "power"
	BudgetDestroy Budget = "destroy"
)

// Deadline says when an operation that has not ended is overdue.
type Deadline string

// Deadlines.
const (
	DeadlineClone Deadline = "clone" // -clone-timeout
	DeadlineShort Deadline = "short" // operations.ShortTimeout
	DeadlineGuest Deadline = "guest" // operations.GuestTimeout
)

// Effect is what an operation does to the number of VMs.
type Effect string

// Effects.
const (
	// Makes means that a VM may come of it, whatever became of its answer or its task: it counts as a replica until that
	// is settled, and cannot simply be repeated.
	Makes Effect = "Makes"
	// Removes means that a VM goes with it.
	Removes Effect = "Removes"
	Neither Effect = "Neither"
)

// Ending says what shows that an operation has succeeded. A task that fails ends every kind that has one.
type Ending string

// Endings.
const (
	// ByTask means that its task succeeds.
	ByTask Ending = "ByTask"
	// ByObservation means that the inventory shows its effect. The end of its task says only that this is about to come.
	ByObservation Ending = "ByObservation"
)

// Kinds returns the kinds of operations, in the order in which the requests of one plan are started.
func Kinds() []OperationKind {
	all := make([]OperationKind, len(kinds))
	for i := range kinds {
		all[i] = kinds[i].Kind
	}
	return all
}

// Info returns the row of a kind, and false for a kind that the table does not have: nothing may be started for that.
func (k OperationKind) Info() (KindInfo, bool) {
	i := k.Order()
	if i == len(kinds) {
		return KindInfo{}, false
	}
	return kinds[i], true
}

// Order is the position of a kind among Kinds. A kind without a row comes last.
func (k OperationKind) Order() int {
	for i := range kinds {
		if kinds[i].Kind == k {
			return i
		}
	}
	return len(kinds)
}

// Makes reports whether operations of a kind make a VM: they are known by its name until it is there.
func (k OperationKind) Makes() bool { return k.has(Makes) }

// Removes reports whether a VM goes with an operation of a kind.
func (k OperationKind) Removes() bool { return k.has(Removes) }

// Budget returns the budget that operations of a kind share, empty for a kind without a row.
func (k OperationKind) Budget() Budget {
	info, _ := k.Info()
	return info.Budget
}

func (k OperationKind) has(effect Effect) bool {
	info, ok := k.Info()
	return ok && info.Effect == effect
}

// HasTask reports whether vCenter makes a task of an operation of the kind.
func (k KindInfo) HasTask() bool { return k.TaskName != "" }

// KindOfTask returns the kind of operation that vCenter's name of a task stands for, empty if it is none of ours. Of kinds whose
// tasks have the same name it is the first: nobody can tell which it was.
func KindOfTask(name string) OperationKind {
	i := slices.IndexFunc(kinds, func(info KindInfo) bool { return info.HasTask() && info.TaskName == name })
	if i < 0 {
		return ""
	}
	return kinds[i].Kind
}

// Request asks for one operation.
type Request struct {
	Kind OperationKind
	// VM is the VM that something is done to. A request that makes one has Name and Clone instead.
	VM    Ref
	Name  string
	Clone *CloneSpec // shared: nobody writes to it
	// Resize is what a reconfiguration is to bring about, or, of a VM that is to be switched off or shut down, the reconfiguration that
	// it is switched off for. Nobody writes to it.
	Resize *Resize
	// Guest is what a configuration hands to the guest, or, of a clone, what it is customized by.
	Guest *GuestData
}

// Resize is what a VM shall have, all of it. What it has already is not sent to vCenter, apart from the stamp.
type Resize struct {
	CPU       int32 // vCPUs
	MemoryMiB int64
	DiskGiB   int32  // of its first disk; 0: it is not to be changed
	Revision  string // of its stamp
}

// ShownBy reports whether a VM has all of it. A disk that is to grow has to be seen grown.
func (r Resize) ShownBy(vm VM) bool {
	return r.sizeOf(vm) && vm.Stamp != nil && vm.Stamp.Revision == r.Revision
}

func (r Resize) sizeOf(vm VM) bool {
	disk := r.DiskGiB == 0 || vm.DiskBytes != 0 && CompareDisk(&vm, r.DiskGiB) == 0
	return vm.CPU == r.CPU && vm.MemoryMiB == r.MemoryMiB && disk
}

// Refuse says why a VM must not be changed after all. In order:
//
//  1. its disk is larger than asked for: a disk does not shrink
//  2. it has the size already, and another revision: the revision of a stamp changes together with the size, or not at all
func (r Resize) Refuse(vm VM) *Error {
	message := ""
	switch {
	case CompareDisk(&vm, r.DiskGiB) > 0:
		message = fmt.Sprintf("VM %s has a disk of %s by now, more than the %d GiB asked for, and a disk does not shrink.",
			vm.Name, DiskSize(vm.DiskBytes), r.DiskGiB)
	case r.sizeOf(vm) && !r.ShownBy(vm):
		message = fmt.Sprintf("VM %s has been given its new size by somebody else meanwhile.", vm.Name)
	default:
		return nil
	}
	return &Error{Class: ClassConflict, Reason: ReasonChangedMeanwhile, Message: message}
}

// RefuseSwitch says why a VM of ours must not be switched, nil if it may: its guest would start without its data. cloud-init takes
// what it finds then for all there is.
func (r Request) RefuseSwitch(vm VM) error {
	info, _ := r.Kind.Info()
	if vm.Stamp.Guest != GuestPending || info.Power != PoweredOn && r.Kind != OperationReset {
		return nil
	}
	return &Error{Class: ClassConflict, Reason: ReasonChangedMeanwhile, Message: fmt.Sprintf(
		"VM %s is not switched on before its guest is told its hostname, addresses and user data.", vm.Name)}
}

// Operation returns the operation that a request asks for.
func (r Request) Operation() Operation {
	op := Operation{Kind: r.Kind, Name: r.Name, VM: r.VM}
	if r.Clone != nil {
		op.Place, op.Host, op.SpecHash = r.Clone.Place, r.Clone.Host, r.Clone.Hash()
		op.Networks, _ = r.Clone.NetworksOf(r.Clone.Slot)
	}
	return op
}

// Stamp returns the stamp that a clone is born with. disks are the device keys of the template's disks, and instance is the
// instanceUuid that the clone is to have.
func (s *CloneSpec) Stamp(owner string, g GroupID, disks []int32, instance string) Stamp {
	stamp := Stamp{
		Version: StampVersion, Owner: owner, UID: g.UID, Namespace: g.Namespace, Name: g.Name,
		Slot: s.Slot, Revision: s.Revision(), Disks: disks, Instance: instance,
		Template: s.Source.InstanceUUID, Class: s.Place.Class, Zone: s.Place.Zone,
	}
	stamp.Networks, _ = s.NetworksOf(s.Slot) // the plan asks for no slot without an address
	if s.Guest != (Guest{}) {
		stamp.Guest = GuestPending
	}
	return stamp
}

// CloneSpec says what a clone shall be.
type CloneSpec struct {
	*VMSpec          // shared with the other clones of a plan: nobody writes to it
	Source  Template // as FindTemplate has returned it
	Folder  Ref
	Place   Place
	Host    Ref // empty: vCenter chooses
	Slot    int
	PowerOn bool
}

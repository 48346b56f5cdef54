package vsphere

import (
	"time"
)

// Ref is the value of a managed object reference, such as "vm-42". It is a handle within one vCenter only.
type Ref string

// PowerState of a VM, as vCenter spells it. Empty means not known yet.
type PowerState string

// Power states.
const (
	PoweredOn  PowerState = "poweredOn"
	PoweredOff PowerState = "poweredOff"
	Suspended  PowerState = "suspended"
)

// Connected is the connection state of a VM whose host answers. All others (disconnected, orphaned, inaccessible,
// invalid) mean that vCenter cannot act on it now.
const Connected = "connected"

// VM is one virtual machine, as last seen.
type VM struct {
	Ref  Ref
	Name string // empty while vCenter has not set it
	// Parent is the folder that holds it, empty if it is not readable (a VM in a vApp has none).
	Parent Ref
	// ParentPath is the inventory path of Parent, for people.
	ParentPath string
	// UnderRoot is true if it lies below the root folder, at any depth, or in the root folder itself. It is false if
	// Parent is empty, or if a folder between it and the root cannot be read. Nothing is done to a VM that lies elsewhere.
	UnderRoot bool
	// Configured is false while vCenter has not written the VM's configuration: nothing below it is known then.
	Configured   bool
	Stamp        *Stamp // nil: none, or not readable as one
	InstanceUUID string
	Template     bool
	// CPUHotAdd and MemoryHotAdd are true if vCPUs and memory can be added while it is on.
	CPUHotAdd, MemoryHotAdd bool
	// GuestReady is true if the guest has said so, see ReadyKey. It may be from before the VM was switched off.
	GuestReady bool
	CPU        int32 // vCPUs
	MemoryMiB  int64
	// DiskBytes is the capacity of its first disk (see FirstDisk), as last read. 0 means that it is not known: it is read on
	// demand alone, see Interface.ReadDisks.
	DiskBytes int64
	Created   time.Time // zero if vCenter does not tell
	// MemoryHotAddLimitMiB is the most memory that can be added while it is on (config.hotPlugMemoryLimit), and
	// MemoryHotAddIncrementMiB what that has to be a multiple of. 0 means that vCenter does not tell, as of a VM that is off.
	MemoryHotAddLimitMiB, MemoryHotAddIncrementMiB int64

	Power      PowerState
	Connection string
	Host       string // name of the host that runs it
	IP         string // as reported by the guest, for people only
	Hostname   string // the same
	// ToolsRunning is true while VMware Tools run in the guest. While they start they do not yet.
	ToolsRunning bool
	// IPs are the addresses of the VM's network cards as VMware Tools report them, without prefix lengths, in vCenter's order,
	// each once. They are nil while Tools report none. Like IP, they are what the guest says of itself.
	IPs []string
	// Customization is what vCenter tells of that of its guest. vCenter tells it from version 7.0 Update 2 on.
	Customization Customization
	// Unreadable is true for a VM that left the view and could neither be read nor be proven gone. What else is known
	// of it is from before.
	Unreadable bool
}

// Folder is a folder that may be a group's.
type Folder struct {
	Ref    Ref
	Name   string
	Path   string // inventory path
	Parent Ref
	// UnderRoot is true if it lies below the root folder, at any depth.
	UnderRoot bool
	// Children is the number of all objects in it that are visible to us.
	Children int
}

// Host is a host that a clone can be told to go to.
type Host struct {
	Ref  Ref
	Name string
	// Unfit says why no VM can be made there now, as the end of a sentence about the host; empty if one can.
	Unfit string
	// VMs is how many VMs of ours, of whatever groups, are on it.
	VMs int
}

// Snapshot is all that is known of one group at one instant. It never changes, and nobody may change it: it shares its VMs,
// their stamps and its lists with the adapter and with other snapshots.
type Snapshot struct {
	// Version differs from that of the snapshot of the group before if, and only if, anything below does. It means nothing
	// to another process.
	Version uint64
	// VCenter is the instance UUID of the vCenter (about.instanceUuid): the MoRefs below mean nothing in another one.
	VCenter string
	// Owner is the identity of this controller, as stamps carry it.
	Owner string
	// RootExists is false while the root folder does not exist.
	RootExists bool
	// Path is the inventory path that the group's folder has, or would have.
	Path string
	// Folders holds the folder with the group's path, if it exists, and the folders below the root that hold a VM with
	// the group's stamp (an admin may have renamed it).
	Folders []Folder
	// VMs holds every VM in one of Folders, whoever owns it, and every VM with the group's stamp wherever it lies, by name
	// and reference.
	VMs []*VM
	// Operations are the group's requests that have not ended, or whose effect is not visible yet.
	Operations []Operation
	// ClonesToCome is the number of clones that may still make a VM of the group and that none of Operations stands for:
	// tasks of nobody known, which may be anybody's, and requests that are lost and may still arrive.
	ClonesToCome int
	// Failures are the last failures of each kind of operation, until the same succeeds.
	Failures []Failure
	// PowerOns are the power-ons by this process that have succeeded and not proven to last, one for each VM.
	PowerOns []PowerOn
	// Zones are the places where VMs of the group's class can be made, none while nobody knows the class. Everybody is
	// notified when any class's change.
	Zones []Zone
	// Networks are those of the group's class.
	Networks []Network
	// Swept is the number of the last sweep that has succeeded, see Interface.Sweep. SweepErr says why a later one has failed,
	// nil if none has.
	Swept    int
	SweepErr *Error
	// Disappearance is set while a mass disappearance, of any groups' VMs, is being looked into.
	Disappearance *Disappearance
	// NotApart says what keeps the VMs from being kept apart, see Interface.Associate; nil if nothing does, or nobody asked for it.
	NotApart *Error
	// Released is true once the group has wanted its VMs released, and nothing keeps them apart any more.
	Released bool
}

// ByRef returns an index of the VMs. It is made anew at each call.
func (s Snapshot) ByRef() map[Ref]*VM {
	index := make(map[Ref]*VM, len(s.VMs))
	for _, vm := range s.VMs {
		index[vm.Ref] = vm
	}
	return index
}

// Disappearance is that many VMs of ours, of whatever groups, have left the view at once and that not all of them are
// proven gone. They may be there, and we have lost sight of them.
type Disappearance struct {
	// Missing have left, proven gone or not; Unproven is how many of them are not.
	Missing, Unproven int
	// Of is how many VMs of ours there were, Missing included.
	Of int
}

// Operation is a request to vCenter that is under way. A new process knows of none that an earlier one has sent, but for clones
// (see ClonesToCome).
type Operation struct {
	Kind  OperationKind
	Name  string // the VM's name, of a clone
	VM    Ref    // of all others; of a clone once its task has ended and its VM is not in the view yet
	Place Place  // of a clone
	Host  Ref    // of a clone that names one
	Task  Ref    // empty while it is being submitted or its outcome is unknown
	// SpecHash is VMSpec.Hash of what a clone is made from, and Networks what its stamp says of its networks.
	SpecHash string
	Networks string
	// Unknown is true if the answer to the submission was lost and nobody has looked yet.
	Unknown bool
	// Cancelled is true once Cancel was called for it.
	Cancelled bool
	// Overdue is true once it has outlived its deadline and was asked to cancel.
	Overdue bool
	Started time.Time
}

// Failure is the last failure of an operation, kept until the same succeeds, or one that leaves the VM in the same power
// state, until its VM is gone, or, for a clone, its VM is there. Failures of clones count per group, zone and VMSpec, those that concern a name (see ConcernsName) per name, all others
// per VM.
type Failure struct {
	Kind     OperationKind
	Name     string // the VM's name, of a clone
	VM       Ref    // of all others
	Place    Place  // of a clone
	SpecHash string // of a clone: VMSpec.Hash of what it was to be made from
	Err      *Error
	Count    int // consecutive failures
	At       time.Time
}

// PowerOn is how often in a row a VM was powered on without staying on, kept until its VM is gone, or PowerOnDelay of the
// count and StableAfter have passed: the VM has stayed on then. What others power on, and a clone that is born on, does not
// count.
type PowerOn struct {
	VM    Ref
	Count int
	At    time.Time // of the last
}

// Template is a VM template that a group can be cloned from.
type Template struct {
	Ref    Ref
	Path   string // inventory path, as far as it is visible
	Parent Ref    // the folder that holds it
	// InstanceUUID tells it from another one that has taken its place and its name.
	InstanceUUID string
}

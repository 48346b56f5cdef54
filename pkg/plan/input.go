package plan

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Input is all that a decision depends on.
type Input struct {
	Group *v1alpha1.VmGroup
	Now   time.Time

	// Unavailable says why there is no Snapshot. If it is set, everything below is unknown, which is not the same as
	// empty.
	Unavailable *vsphere.Error
	Snapshot    vsphere.Snapshot

	// Template is what spec.template stands for, unless TemplateError says why it stands for nothing. Neither is looked
	// up for a group that is being deleted.
	Template      vsphere.Template
	TemplateError *vsphere.Error

	// OrphanAsked is true if the deletion of the group was once seen to ask for its VMs to stay, see AsksToOrphan.
	OrphanAsked bool
	// SpecSince is since when this process has known the present spec. What a person has edited may have mended why an
	// operation was refused before.
	SpecSince time.Time
	// Living are the UIDs of other VmGroups there are, among those whose VMs are in the snapshot.
	Living map[string]bool

	// ReadOnly holds all changes back.
	ReadOnly bool
	// FolderRecorded is true if the status of any VmGroup records a folder: a root that is missing was lost then, and is
	// not one that is still to be made.
	FolderRecorded bool
}

// Plan is what to do next. Its parts are carried out in the order of its fields.
type Plan struct {
	AddFinalizer bool
	// EnsureFolder says that the group's folder is missing and needed. Otherwise Folder is where clones go.
	EnsureFolder bool
	Folder       vsphere.Ref
	PowerOn      []vsphere.Ref
	Clone        []vsphere.Clone
	Cancel       []vsphere.Operation
	// PowerOff and Destroy hold victims only: VMs that are surplus, or whose group goes.
	PowerOff []vsphere.Ref
	Destroy  []vsphere.Ref
	// RemoveFolders are empty folders of a group that goes, RemoveFinalizer the last step of it. Before either, all
	// stamps are to be read anew (Sweep) and the plan is to be computed again.
	RemoveFolders   []vsphere.Ref
	RemoveFinalizer bool
	// Orphan says that the group goes without its VMs: vCenter is not even looked at.
	Orphan bool

	// Held says why vCenter is left as it is although something is to be done: ReasonPaused or ReasonReadOnly.
	Held string
	// RetryAfter is when to compute again, if nothing happens before. Zero: no need.
	RetryAfter time.Duration
	// Problem is the worst thing that stands in the way, nil if nothing does.
	Problem *Problem
	// Notices are what people should know about and the controller does nothing about.
	Notices []Notice

	census census
	// due is what the plan wants and how much of it, also if it is held back.
	due due
}

// Notice is told once, as an event.
type Notice struct {
	Reason  string
	Message string
}

// due counts the changes that the group needs, whether or not they can be made now.
type due struct {
	clones, cancels, powerOns, removals int
	deleting                            bool
}

func (d due) any() bool { return d.clones+d.cancels+d.powerOns+d.removals > 0 || d.deleting }

// Writes reports whether the plan changes anything in vCenter.
func (p Plan) Writes() bool {
	return p.Makes() || p.Removes() || len(p.PowerOn) > 0 || len(p.Cancel) > 0
}

// Makes reports whether the plan makes a folder or a VM.
func (p Plan) Makes() bool { return p.EnsureFolder || len(p.Clone) > 0 }

// Removes reports whether the plan takes something away: a VM's power, a VM, a folder.
func (p Plan) Removes() bool {
	return len(p.PowerOff) > 0 || len(p.Destroy) > 0 || len(p.RemoveFolders) > 0
}

// TemplateIsAside reports whether the template is unusable and no clone is due: the group lacks nothing, and is told.
func (p Plan) TemplateIsAside(in Input) bool {
	return in.TemplateError != nil && in.TemplateError.Class == vsphere.ClassInvalid && p.due.clones == 0
}

// Finishes reports whether the plan takes the last of a group away, and so needs a fresh look before it is carried out.
func (p Plan) Finishes() bool { return p.RemoveFinalizer && !p.Orphan }

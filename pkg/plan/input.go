package plan

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Input is all that a decision depends on. Neither Compute nor Status writes to it: the snapshot is shared.
type Input struct {
	Group *v1alpha1.VmGroup
	Now   time.Time

	// Unavailable says why there is no Snapshot. If it is set, all fields below are unknown, which is not the same as
	// empty.
	Unavailable *vsphere.Error
	Snapshot    vsphere.Snapshot

	// Controller is the name of this controller. Class is that of the group's class, whose zones the snapshot tells; it is empty if
	// the flags of the controller name the place. ClassError says why no VM of the group may be made, nor changed
	// in place, nil if one may.
	Controller string
	Class      string
	ClassError *vsphere.Error
	// Offer is the class itself, nil if there is none. A VM that is made again from an earlier spec has to be in it too.
	Offer *v1alpha1.VmGroupClass

	// Template is the one that spec.template names, unless TemplateError says why there is none, or, with
	// vsphere.ErrPending, that the search for it has not ended. Nobody looks it up for a group that is being deleted.
	Template      vsphere.Template
	TemplateError *vsphere.Error

	// Revisions are those that ControllerRevisions of the group record, in any order. UnreadableRevisions say of others what is
	// wrong with them.
	Revisions           []Revision
	UnreadableRevisions []string
	// KeptTemplate is the template of KeptRevision, unless KeptTemplateError says why there is none, see Template.
	KeptTemplate      vsphere.Template
	KeptTemplateError *vsphere.Error

	// SweepAsked is the number of the sweep that the group has asked for when the controller saw nothing left of it. It is 0
	// if there is none, or if the controller has seen something of the group since.
	SweepAsked int

	// OrphanAsked is true if the deletion of the group has once asked to keep its VMs, see AsksToOrphan.
	OrphanAsked bool
	// SpecSince is when this process first saw the present spec. The edit may have removed the cause of an earlier failure.
	SpecSince time.Time
	// Living are the UIDs of the other VmGroups that exist, among those whose VMs are in the snapshot.
	Living map[string]bool

	// Clocks are those of the plan before.
	Clocks Clocks

	// ReadOnly holds all changes back.
	ReadOnly bool
	// FolderRecorded is true if the status of any VmGroup records a folder. A missing root was lost then, and must not be
	// made again.
	FolderRecorded bool
}

// searchesTemplate reports whether the search for the template has not ended.
func (in Input) searchesTemplate() bool {
	return in.TemplateError != nil && errors.Is(in.TemplateError, vsphere.ErrPending)
}

// Plan is what to do next, in the order of its fields.
type Plan struct {
	AddFinalizer bool
	// EnsureFolder says that the group's folder is missing and needed. Otherwise clones go to Folder.
	EnsureFolder bool
	Folder       vsphere.Ref
	Cancel       []vsphere.Operation
	// Record are the revisions to record before anything is cloned. Forget are the names of ControllerRevisions to delete after
	// that.
	Record []Revision
	Forget []string
	// Requests are the operations to start, in the order of their kinds (see vsphere.Kinds). Victims alone are destroyed: VMs
	// that are surplus or replaced, or whose group goes. They are switched off before, as are VMs for a change in place.
	Requests []vsphere.Request
	// Sweep says that the controller sees nothing left of a group that goes, and that a sweep has to confirm it. The caller
	// asks for one, unless Input.SweepAsked is its number.
	Sweep bool
	// RemoveFolders are empty folders of a group that goes, RemoveFinalizer is its last step, once these folders are gone.
	// Both come after a sweep that began when the controller saw nothing left of the group, and that succeeded.
	RemoveFolders   []vsphere.Ref
	RemoveFinalizer bool
	// Orphan says that the group goes without its VMs. The plan does not depend on vCenter then.
	Orphan bool

	// Held says what holds back the changes that are due: ReasonPaused or ReasonReadOnly.
	Held string
	// RetryAfter is when to compute again, if nothing happens before. Zero: no need.
	RetryAfter time.Duration
	// Problem is the most severe that stands in the way, nil if there is none.
	Problem *Problem
	// Notices tell people of things that the controller leaves alone.
	Notices []Notice
	// Clocks are for the input of the next plan.
	Clocks Clocks

	members membership
	numbers numbers
	due     due
}

// due counts the changes that the group needs, whether or not they can be made now.
type due struct {
	clones, cancels, powerOns, removals int
	remakes                             int // of clones, those from an earlier revision
	updates                             int // VMs that new ones are to take the place of
	changes                             int // VMs to change in place
	powerOffs                           int // VMs to switch off and keep
	guests                              int // guests to tell what they are to be told
	deleting                            bool
}

func (d due) any() bool {
	return d.makes()+d.cancels+d.powerOns+d.powerOffs+d.removals+d.changes+d.guests > 0 || d.deleting
}

// makes returns how many VMs have to be made, now or in the course of a rollout.
func (d due) makes() int { return d.clones + d.updates }

// fromSpec returns how many of these are made from the present spec.
func (d due) fromSpec() int { return d.makes() - d.remakes }

// Writes reports whether the plan changes anything in vCenter.
func (p Plan) Writes() bool {
	return len(p.Requests) > 0 || len(p.Cancel) > 0 || p.EnsureFolder || len(p.RemoveFolders) > 0
}

// Makes reports whether the plan makes a folder or a VM.
func (p Plan) Makes() bool {
	return p.EnsureFolder || slices.ContainsFunc(p.Requests, func(r vsphere.Request) bool { return r.Kind.Makes() })
}

// RemovesVMs reports whether the plan switches a VM off or destroys one.
func (p Plan) RemovesVMs() bool {
	return slices.ContainsFunc(p.Requests, func(r vsphere.Request) bool { return removes(r.Kind) })
}

// removes reports whether an operation takes a VM out of service, to remove it or to change it.
func removes(kind vsphere.OperationKind) bool {
	return kind.Removes() || kind == vsphere.OperationPowerOff || kind == vsphere.OperationShutdown
}

// RequestsOf returns the requests of one kind.
func (p Plan) RequestsOf(kind vsphere.OperationKind) []vsphere.Request {
	var of []vsphere.Request
	for _, r := range p.Requests {
		if r.Kind == kind {
			of = append(of, r)
		}
	}
	return of
}

// Counts returns how many requests of each kind there are.
func (p Plan) Counts() map[vsphere.OperationKind]int {
	counts := map[vsphere.OperationKind]int{}
	for _, r := range p.Requests {
		counts[r.Kind]++
	}
	return counts
}

// request asks for an operation on a VM.
func (p *Plan) request(kind vsphere.OperationKind, vm vsphere.Ref) {
	p.Requests = append(p.Requests, vsphere.Request{Kind: kind, VM: vm})
}

// sortRequests brings the requests into the order of their kinds.
func (p *Plan) sortRequests() {
	slices.SortStableFunc(p.Requests, func(a, b vsphere.Request) int {
		if a.Kind == b.Kind { // most are
			return 0
		}
		return cmp.Compare(a.Kind.Order(), b.Kind.Order())
	})
}

// WarnsOfTemplate reports whether the template is unusable and no clone from it is due: the group lacks nothing, and gets a warning.
func (p Plan) WarnsOfTemplate(in Input) bool {
	return in.TemplateError != nil && in.TemplateError.Class == vsphere.ClassInvalid && p.due.fromSpec() == 0
}

// Finishes reports whether the controller sees nothing left of a group that goes: the plan is its last one, or waits for the
// sweep that has to confirm it.
func (p Plan) Finishes() bool { return p.Sweep || p.RemoveFinalizer && !p.Orphan }

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Problem stands between the group and its spec.
type Problem struct {
	// Stalled is true if a human must act, false if the controller goes on trying.
	Stalled bool
	Reason  string
	Message string

	severity     severity
	blocksClones bool
}

// severity orders problems: of several, the user reads the one that must be solved first.
type severity int

// Severities, the most severe first.
const (
	severityStalled severity = iota
	severityExhausted
	severityWaiting
	severityRetrying
)

// mostSevere returns the most severe problem, the first of equals. Problems may be nil.
func mostSevere(p *Problem, others ...*Problem) *Problem {
	for _, o := range others {
		if o != nil && (p == nil || o.severity < p.severity) {
			p = o
		}
	}
	return p
}

func stalled(reason, message string) *Problem {
	return &Problem{Stalled: true, Reason: reason, Message: message, severity: severityStalled, blocksClones: true}
}

func waiting(reason, message string) *Problem {
	return &Problem{Reason: reason, Message: message, severity: severityWaiting}
}

func retrying(reason, message string) *Problem {
	return &Problem{Reason: reason, Message: message, severity: severityRetrying}
}

func exhausted(message string) *Problem {
	return &Problem{Reason: v1alpha1.ReasonResourceExhausted, Message: message, severity: severityExhausted}
}

// ofError returns the problem that an error is to the group.
func ofError(err *vsphere.Error) *Problem {
	switch err.Class {
	case vsphere.ClassInvalid:
		return stalled(cmp.Or(err.Reason, v1alpha1.ReasonInvalidConfiguration), err.Error())
	case vsphere.ClassExhausted:
		return exhausted(err.Error())
	case vsphere.ClassUnknown:
		return retrying(v1alpha1.ReasonOutcomeUnknown, err.Error())
	default:
		return retrying(v1alpha1.ReasonRetrying, err.Error())
	}
}

// ofFailure returns the problem that a failed operation is. It blocks no clones: clonesAllowed decides when to try again.
func ofFailure(f *vsphere.Failure) *Problem {
	p := ofError(f.Err)
	p.blocksClones = false
	return p
}

func vCenterChanged(in Input) *Problem {
	return stalled(v1alpha1.ReasonVCenterChanged, fmt.Sprintf(
		"the group was made in the vCenter with instance UUID %s, but %s answers now; nothing is changed until the first is back",
		in.Group.Status.Folder.VCenter, in.Snapshot.VCenter))
}

// groupProblems returns the problems of a group that is to live. In order, of those that are equally severe:
//
//  1. a copy holds the name of one of our slots: somebody has to look before more are cloned
//  2. the root folder is gone, and must not be made again beside its lost VMs
//  3. a mass disappearance is under investigation, and clones are due
//  4. the status counts VMs that cannot be read or listed, and clones are due
//  5. the template is unusable, or there is no place for VMs, and clones are due (otherwise it is a warning: the group lacks
//     nothing). A search for the template that has not ended is no problem
//  6. clones fail
//  7. a VM of ours has a problem (see memberProblem)
//  8. a clone in flight has a problem (see pendingProblem)
//  9. clones are due, and have to name a host, but no host can take one
//  10. the rollout is halted
//  11. VMs are surplus that spec.members does not let go
//  12. a VM is missing that spec.update.partition keeps at an earlier revision, and cannot be made
//  13. too many VMs are not healthy
//  14. only new VMs can be as the spec has them, and the strategy replaces none
func groupProblems(in Input, p *Plan) []*Problem {
	ms := &p.members
	var problems []*Problem
	if len(ms.instanceMismatches) > 0 {
		m := ms.instanceMismatches[0]
		problems = append(problems, stalled(v1alpha1.ReasonInstanceMismatch, fmt.Sprintf(
			"VM %s (%s) has the name and the stamp of one of the group's VMs, but is another: nothing more is cloned until it is renamed or removed",
			m.name, m.vm.Ref)))
	}
	if p.due.makes() > 0 {
		problems = append(problems, cloningProblems(in, p)...)
	}
	if in.ClassError != nil && p.due.makes() == 0 && p.due.changes > 0 {
		problems = append(problems, ofError(in.ClassError))
	}
	if f := cloneFailure(in); f != nil && !isTolerated(f) && p.due.makes()+len(ms.pending) > 0 {
		problems = append(problems, ofFailure(f))
	}
	problems = append(problems, memberProblem(in, ms), pendingProblem(ms))
	if p.due.clones > 0 {
		problems = append(problems, noHost(in))
	}
	return append(problems, haltedRollout(in, p), unnamedVictims(in, p), keptRevisionLacks(in, p), tooManyUnhealthy(in, p),
		replacementRequired(in, p))
}

// haltedRollout returns the problem that no new VM has become available in time. It blocks no clones: VMs that are missing are
// made all the same.
func haltedRollout(in Input, p *Plan) *Problem {
	if !p.numbers.halted {
		return nil
	}
	problem := stalled(v1alpha1.ReasonProgressDeadlineExceeded, fmt.Sprintf(
		"no updated VM has become available within %s: %s still to be updated, and none is until one does; look at the VMs that are not available, then correct the spec or go back to the old one",
		progressDeadline(in.Group), count(p.due.updates+p.due.changes, "VM")))
	problem.blocksClones = false
	return problem
}

// unnamedVictims returns the problem that VMs are surplus, and spec.members lets none of them go.
func unnamedVictims(in Input, p *Plan) *Problem {
	if p.numbers.unnamed == 0 {
		return nil
	}
	advice := "spec.members protects the others with deletion: Never"
	if scaleDownPolicy(in.Group) == v1alpha1.ScaleDownExplicit {
		advice = "mark as many with deletion: First in spec.members, by their instance in status.vms"
	}
	problem := stalled(v1alpha1.ReasonVictimsNotNamed, fmt.Sprintf("%s too many, and none may go: %s", count(p.numbers.unnamed, "VM"), advice))
	problem.blocksClones = false
	return problem
}

// cloningProblems returns the problems 2 to 5 of groupProblems: the clones that are due have to wait for them.
func cloningProblems(in Input, p *Plan) []*Problem {
	ms := &p.members
	var problems []*Problem
	if !in.Snapshot.RootExists && in.FolderRecorded {
		problems = append(problems, stalled(v1alpha1.ReasonRootFolderLost, fmt.Sprintf(
			"the root folder of %s is gone: restore it or make an empty one; until then nothing is cloned", in.Snapshot.Path)))
	}
	if d := in.Snapshot.Disappearance; d != nil {
		problems = append(problems, massDisappearance(d))
	}
	if ms.unlisted > 0 {
		problems = append(problems, waiting(v1alpha1.ReasonVMsUnreadable, fmt.Sprintf(
			"%d VMs that were counted last are not to be seen, while others cannot be read: nothing is cloned until those can be read, or are proven gone; check the permissions of the controller's account", ms.unlisted)))
	}
	if in.TemplateError != nil && !in.searchesTemplate() && p.due.fromSpec() > 0 {
		problem := ofError(in.TemplateError)
		problem.blocksClones = false // only those from this template, see clonesDue
		problems = append(problems, problem)
	}
	if err := placementError(in); err != nil {
		problems = append(problems, ofError(err))
	}
	for _, err := range []*vsphere.Error{networkError(in), customizationNeedsClass(in)} {
		if err != nil {
			problems = append(problems, ofError(err))
		}
	}
	return problems
}

func massDisappearance(d *vsphere.Disappearance) *Problem {
	return waiting(v1alpha1.ReasonMassDisappearance, fmt.Sprintf(
		"%d of all %d VMs have left the view at once and %d of them are not proven gone: nothing is cloned and no VmGroup goes until each is proven gone or is back; if that lasts, check the permissions of the controller's account",
		d.Missing, d.Of, d.Unproven))
}

// obstacle says what stands in the way of one VM.
type obstacle int

const (
	noObstacle obstacle = iota
	victimUnreachable
	vmOutsideRoot
	operationFails
	crashLoop
	changeRefused
	customizationFailed
)

// obstacleOf returns what stands in the way of a VM of ours, and how severe it is. The first that applies:
//
//  1. it is to be removed, and vCenter cannot reach it
//  2. it is to be removed or switched, and lies outside the root folder: a human has to move it
//  3. the operation that it needs next fails
//  4. it does not stay on
//  5. it cannot be changed in place
//  6. its guest could not be customized
//
// While changes are held back, the controller waits for nothing: 1 and 2 do not apply.
func obstacleOf(in Input, m *member) (obstacle, severity) {
	failure := m.lastingFailure()
	switch {
	case m.victim && !m.reachable() && heldBy(in) == "":
		return victimUnreachable, severityWaiting
	case m.outsideRoot() && m.reachable() && heldBy(in) == "" && (m.victim || m.wrongPower()):
		return vmOutsideRoot, severityStalled
	case failure != nil:
		return operationFails, ofFailure(failure).severity
	case m.inCrashLoop(in.Now), m.waitsCompleted(in.Now) > 0:
		return crashLoop, severityWaiting
	case m.resizes() && m.changeRefused():
		return changeRefused, ofFailure(m.changeFailed).severity
	case m.customization().State == vsphere.CustomizationFailed && !m.victim:
		return customizationFailed, severityStalled
	default:
		return noObstacle, 0
	}
}

// memberProblem returns the most severe problem of a VM of ours, nil if none has one. It writes one message only: thousands
// of VMs may have a problem.
func memberProblem(in Input, ms *membership) *Problem {
	var first *member
	var most severity
	for _, m := range ms.ours {
		if o, s := obstacleOf(in, m); o != noObstacle && (first == nil || s < most) {
			first, most = m, s
		}
	}
	if first == nil {
		return nil
	}
	return problemOf(in, first)
}

func problemOf(in Input, m *member) *Problem {
	switch o, _ := obstacleOf(in, m); o {
	case victimUnreachable:
		return waiting(v1alpha1.ReasonVMUnreachable, fmt.Sprintf("VM %s is to be removed and cannot be reached: %s", m.name, m.message))
	case vmOutsideRoot:
		return outsideRoot(in, m)
	case customizationFailed:
		p := stalled(v1alpha1.ReasonCustomizationFailed, fmt.Sprintf(
			"VM %s: %s; correct the customization specification or the template, and then have the VM made anew, by spec.members or spec.health", m.name, m.notReady))
		p.blocksClones = false
		return p
	case crashLoop:
		return waiting(v1alpha1.ReasonCrashLoopBackOff, fmt.Sprintf("VM %s: %s", m.name, m.message))
	default:
		failure := m.lastingFailure()
		if o == changeRefused {
			failure = m.changeFailed
		}
		p := ofFailure(failure)
		if !strings.Contains(p.Message, m.name) {
			p.Message = fmt.Sprintf("VM %s: %s", m.name, p.Message)
		}
		return p
	}
}

// outsideRoot says how to help a VM that lies outside the root folder. It blocks no clones: the VM counts.
func outsideRoot(in Input, m *member) *Problem {
	way := "or switch it on by hand"
	switch {
	case m.keepOff && !m.victim:
		way = "or switch it off by hand"
	case in.Group.DeletionTimestamp != nil:
		way = fmt.Sprintf("or let the VmGroup go without its VMs by the annotation %s: %s", v1alpha1.OnDeleteAnnotation, v1alpha1.OnDeleteOrphan)
	case m.victim:
		way = "or raise spec.replicas"
	}
	p := stalled(v1alpha1.ReasonVMOutsideRoot, fmt.Sprintf(
		"VM %s (%s): %s; move it back below %s, %s", m.name, m.vm.Ref, m.message, rootPath(in), way))
	p.blocksClones = false
	return p
}

// pendingProblem returns the most severe problem of a clone in flight, nil if none has one:
//
//  1. it is past its deadline, or vCenter says for long that its name is in use
//  2. its outcome is unknown
func pendingProblem(ms *membership) *Problem {
	var unknown *member
	for _, m := range slices.Concat(ms.pending, ms.ours) {
		inFlight := m.cloning() && !m.serving()
		switch {
		case inFlight && m.op.Overdue:
			return waiting(v1alpha1.ReasonCloneStalled, m.name+": "+m.message)
		case inFlight && m.op.Unknown && unknown == nil:
			unknown = m
		case m.awaitsName() && m.failures[0].Count > toleratedConflicts:
			return waiting(v1alpha1.ReasonNameInUse, m.name+": "+m.message)
		}
	}
	if unknown == nil {
		return nil
	}
	return retrying(v1alpha1.ReasonOutcomeUnknown, unknown.name+": "+unknown.message)
}

// unidentifiedProblem returns what holds a deletion once nothing else does.
func unidentifiedProblem(ms *membership) *Problem {
	if len(ms.unidentified) == 0 || len(ms.ours)+len(ms.pending) > 0 {
		return nil
	}
	m := ms.unidentified[0]
	return waiting(v1alpha1.ReasonVMUnreachable, fmt.Sprintf(
		"VM %q (%s) may be one of the group's: %s; if it is not, move it out of the folder", m.name, m.vm.Ref, m.message))
}

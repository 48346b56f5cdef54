package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Problem is what stands between the group and its spec.
type Problem struct {
	// Stalled is true if a human must act, false if the controller goes on trying.
	Stalled bool
	Reason  string
	Message string

	severity     int
	blocksClones bool
}

// Severities, the worst first: of several problems the user is told the one that must be solved first.
const (
	severityStalled = iota
	severityExhausted
	severityWaiting
	severityRetrying
)

// worst returns the most severe problem, the first of equals.
func worst(p *Problem, others ...*Problem) *Problem {
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

func vCenterChanged(in Input) *Problem {
	return stalled(v1alpha1.ReasonVCenterChanged, fmt.Sprintf(
		"the group was made in the vCenter with instance UUID %s, but %s answers now; nothing is changed until the first is back",
		in.Group.Status.Folder.VCenter, in.Snapshot.VCenter))
}

// groupProblems returns what stands in the way of a group that is to live. In order, of those that are equally severe:
//
//  1. a VM that is not ours has the name of one of our slots, and our stamp: somebody has to look before more are cloned
//  2. the root folder is gone, and is not to be made again beside its lost VMs
//  3. a mass disappearance is being looked into, and clones are due
//  4. VMs that the status counts cannot be read or listed, and clones are due
//  5. the template is unusable, and clones are due (otherwise it is an aside: the group lacks nothing)
//  6. clones fail
//  7. VMs lie where nothing is done to them, cannot be reached or do not stay on, or operations on them fail (see memberProblems)
//  8. clones wait: past their deadline, for a name that stays in use, or of unknown outcome
//  9. clones are due, and none of the hosts that they have to name can take one
func groupProblems(in Input, p *Plan) []*Problem {
	c := &p.census
	var problems []*Problem
	if len(c.usurpers) > 0 {
		problems = append(problems, stalled(v1alpha1.ReasonInstanceMismatch, fmt.Sprintf(
			"VM %s (%s) has the name and the stamp of one of the group's VMs, but is another: nothing more is cloned until it is renamed or removed",
			c.usurpers[0].name, c.usurpers[0].vm.Ref)))
	}
	if !in.Snapshot.RootExists && in.FolderRecorded && p.due.clones > 0 {
		problems = append(problems, stalled(v1alpha1.ReasonRootFolderLost, fmt.Sprintf(
			"the root folder of %s is gone: restore it or make an empty one; until then nothing is cloned", in.Snapshot.Path)))
	}
	if d := in.Snapshot.Disappearance; d != nil && p.due.clones > 0 {
		problems = append(problems, massDisappearance(d))
	}
	if n := c.unlisted(in); n > 0 && p.due.clones > 0 {
		problems = append(problems, waiting(v1alpha1.ReasonVMsUnreadable, fmt.Sprintf(
			"%d VMs that were counted last are not to be seen, while others cannot be read: nothing is cloned until those can be read, or are proven gone; check the permissions of the controller's account", n)))
	}
	if in.TemplateError != nil && p.due.clones > 0 {
		problems = append(problems, fromError(in.TemplateError))
	}
	if f := cloneFailure(in); f != nil && !isQuiet(f) && p.due.clones+len(c.pending) > 0 {
		problems = append(problems, fromFailure(f))
	}
	return append(slices.Concat(problems, memberProblems(in, c), pendingProblems(c)), noHost(in, p))
}

func massDisappearance(d *vsphere.Disappearance) *Problem {
	return waiting(v1alpha1.ReasonMassDisappearance, fmt.Sprintf(
		"%d of all %d VMs have left the view at once and %d of them are not proven gone: nothing is cloned and no VmGroup goes until each is proven gone or is back; if that lasts, check the permissions of the controller's account",
		d.Missing, d.Of, d.Unproven))
}

// memberProblems returns what stands in the way of single VMs. For each, the first that applies:
//
//  1. it is to be removed and cannot be reached: it is waited for
//  2. it is to be removed, or is off, and lies outside the root folder: a human has to move it
//  3. an operation on it fails
//
// While changes are held back, only the last is told.
func memberProblems(in Input, c *census) []*Problem {
	var problems []*Problem
	for _, m := range c.ours {
		trouble := m.trouble()
		switch {
		case m.victim && !m.reachable() && heldBy(in) == "":
			problems = append(problems, waiting(v1alpha1.ReasonVMUnreachable, fmt.Sprintf(
				"VM %s is to be removed and cannot be reached: %s", m.name, m.message)))
		case m.outside() && m.reachable() && heldBy(in) == "" && (m.victim || m.vm.Power != vsphere.PoweredOn):
			problems = append(problems, outsideRoot(in, m))
		case trouble != nil:
			problem := fromFailure(trouble)
			if !strings.Contains(problem.Message, m.name) {
				problem.Message = fmt.Sprintf("VM %s: %s", m.name, problem.Message)
			}
			problems = append(problems, problem)
		case m.resting(in.Now):
			problems = append(problems, waiting(v1alpha1.ReasonCrashLoopBackOff, fmt.Sprintf("VM %s: %s", m.name, m.message)))
		}
	}
	return problems
}

// outsideRoot says what somebody has to do about a VM that lies outside the root folder. It keeps no clone from being made:
// the VM counts.
func outsideRoot(in Input, m *member) *Problem {
	way := "or switch it on by hand"
	switch {
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

// pendingProblems returns what keeps clones from ending.
func pendingProblems(c *census) []*Problem {
	var problems []*Problem
	for _, m := range slices.Concat(c.pending, c.ours) {
		message := fmt.Sprintf("%s: %s", m.name, m.message)
		clone := m.cloning() && !m.available()
		switch {
		case clone && m.op.Overdue:
			problems = append(problems, waiting(v1alpha1.ReasonCloneStalled, message))
		case clone && m.op.Unknown:
			problems = append(problems, &Problem{
				Reason: v1alpha1.ReasonOutcomeUnknown, severity: severityRetrying, Message: message,
			})
		case m.op == nil && m.identity == "" && m.failures[0].Count > quietConflicts:
			problems = append(problems, waiting(v1alpha1.ReasonNameInUse, message))
		}
	}
	return problems
}

// unclearProblems returns what holds a deletion once nothing else does.
func unclearProblems(c *census) []*Problem {
	if len(c.unclear) == 0 || len(c.ours)+len(c.pending) > 0 {
		return nil
	}
	m := c.unclear[0]
	return []*Problem{waiting(v1alpha1.ReasonVMUnreachable, fmt.Sprintf(
		"VM %q (%s) may be one of the group's: %s; if it is not, move it out of the folder", m.name, m.vm.Ref, m.message))}
}

func fromFailure(f *vsphere.Failure) *Problem {
	p := fromError(f.Err)
	p.blocksClones = false // the gate decides when to try again
	return p
}

// fromError says what an error means to the group.
func fromError(err *vsphere.Error) *Problem {
	switch err.Class {
	case vsphere.ClassInvalid:
		return stalled(reasonOr(err.Reason, v1alpha1.ReasonInvalidConfiguration), err.Error())
	case vsphere.ClassExhausted:
		return &Problem{
			Reason: v1alpha1.ReasonResourceExhausted, severity: severityExhausted, Message: err.Error(),
		}
	case vsphere.ClassUnknown:
		return &Problem{Reason: v1alpha1.ReasonOutcomeUnknown, severity: severityRetrying, Message: err.Error()}
	default:
		return &Problem{Reason: v1alpha1.ReasonRetrying, severity: severityRetrying, Message: err.Error()}
	}
}

func reasonOr(reason, fallback string) string {
	if reason == "" {
		return fallback
	}
	return reason
}

// leftBehind returns what people should know of a group that goes without our finalizer.
func leftBehind(in Input) []Notice {
	if in.Unavailable != nil || otherVCenter(in) || orphans(in) { // that VMs are to stay is told when the finalizer goes
		return nil
	}
	c := takeCensus(in)
	if len(c.ours) == 0 {
		return nil
	}
	return []Notice{{Reason: v1alpha1.ReasonOrphaned, Message: fmt.Sprintf(
		"the finalizer was removed while the VmGroup is being deleted: VM %s is left to itself, with %d more",
		c.ours[0].name, len(c.ours)-1)}}
}

// notices returns what people should know of and nothing is done about.
func notices(c *census) []Notice {
	var out []Notice
	for _, m := range c.copies {
		out = append(out, Notice{Reason: string(v1alpha1.VMCopy), Message: fmt.Sprintf(
			"VM %s (%s) is a copy of a VM of this group: it is neither counted nor touched", m.name, m.vm.Ref)})
	}
	for _, m := range c.squatters {
		out = append(out, Notice{Reason: v1alpha1.ReasonNameInUse, Message: fmt.Sprintf(
			"VM %s (%s) has the name of one of the group's VMs and is somebody else's: the next free name is taken", m.name, m.vm.Ref)})
	}
	for _, m := range c.taken {
		out = append(out, Notice{Reason: string(v1alpha1.VMConvertedToTemplate), Message: fmt.Sprintf(
			"VM %s (%s) was made a template: it is neither counted nor touched until it is converted back", m.name, m.vm.Ref)})
	}
	return out
}

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// summary says where the group stands.
type summary struct {
	ready, reconciling, stalled bool
	problem                     bool // something stands in the way
	reason, message             string
	upToDate                    upToDate
}

// summarize says where the group stands. Warnings end the message where there is no problem to tell first.
func summarize(in Input, p Plan, out Outcome) summary {
	s := progress(in, p, out)
	s.upToDate = p.members.upToDate(in)
	if in.Group.DeletionTimestamp == nil && !s.problem {
		s.message = appendWarnings(s.message, warnings(in, &p))
	}
	return s
}

// progress says where the group stands on its way to its spec. In order:
//
//  1. there is a problem, or else an error of this sync: Stalled or Reconciling
//  2. changes are due and held back: neither, but not Ready
//  3. VMs are being replaced or changed in place, or other changes are due or under way: Reconciling
//  4. as many VMs as wanted are there, all are available, or off if they are to be: Ready
//  5. some are not available, and nothing can be done about it: Reconciling
func progress(in Input, p Plan, out Outcome) summary {
	ms, want := &p.members, int(in.Group.DesiredReplicas())
	problem := p.Problem
	if out.Err != nil && out.Err.Class != vsphere.ClassConflict {
		problem = mostSevere(problem, ofError(out.Err))
	}
	available := ms.availableReplicas()
	counts, arrived, reason := fmt.Sprintf("%d of %d VMs available", available, want), available, v1alpha1.ReasonAllReplicasAvailable
	if keepsOff(in.Group) {
		arrived, reason = countIf(ms.ours, (*member).inService), v1alpha1.ReasonAllReplicasPoweredOff
		counts = fmt.Sprintf("%d of %d VMs off, as spec.power.state says", arrived, want)
	}
	switch {
	case problem != nil:
		return summary{
			stalled: problem.Stalled, reconciling: !problem.Stalled, reason: problem.Reason, message: problem.Message,
			problem: true,
		}
	case p.Held == v1alpha1.ReasonPaused:
		return summary{reason: p.Held, message: "spec.paused holds back: " + p.due.String() + "; " + counts}
	case p.Held == v1alpha1.ReasonReadOnly:
		return summary{reason: p.Held, message: "the controller is read-only and holds back: " + p.due.String() + "; " + counts}
	case p.due.deleting:
		return summary{reconciling: true, reason: v1alpha1.ReasonDeleting, message: "being deleted: " + remaining(in, ms)}
	case p.due.updates+p.due.changes > 0:
		return summary{reconciling: true, reason: v1alpha1.ReasonUpdating, message: counts + updating(p)}
	case p.due.clones+p.due.powerOns+p.due.guests > 0 || len(ms.pending) > 0 && len(ms.ours) < want:
		return summary{reconciling: true, reason: v1alpha1.ReasonScalingUp, message: counts + comingUp(ms, p.due) + templateSearch(in, p)}
	case p.due.powerOffs > 0:
		return summary{reconciling: true, reason: v1alpha1.ReasonPoweringOff, message: counts}
	case p.due.removals > 0 || len(ms.pending) > 0:
		return summary{reconciling: true, reason: v1alpha1.ReasonScalingDown, message: fmt.Sprintf(
			"%s, %d to be removed", counts, p.due.removals+len(ms.pending))}
	case arrived >= want:
		return summary{ready: true, reason: reason, message: counts + remarks(ms)}
	case slices.ContainsFunc(ms.ours, (*member).starting):
		return summary{reconciling: true, reason: v1alpha1.ReasonNotReady, message: counts + remarks(ms)}
	default:
		return summary{reconciling: true, reason: v1alpha1.ReasonReplicasUnavailable, message: counts + remarks(ms)}
	}
}

// updating says how far an update is, and what it waits for, as the end of a message.
func updating(p Plan) string {
	var parts []string
	if p.due.updates > 0 {
		parts = append(parts, fmt.Sprintf("%d to be replaced", p.due.updates))
	}
	if p.due.changes > 0 {
		parts = append(parts, fmt.Sprintf("%d to be changed in place", p.due.changes))
	}
	if n := len(p.members.pending); n > 0 {
		parts = append(parts, fmt.Sprintf("%d being cloned", n))
	}
	starting := map[string]int{}
	for _, m := range p.members.ours {
		if m.starting() {
			starting[m.startingBriefly()]++
		}
	}
	parts = append(parts, counted(starting)...)
	if p.numbers.why != "" {
		parts = append(parts, p.numbers.why)
	}
	return asEnd(parts)
}

// comingUp counts the VMs that are on their way, as the end of a message.
func comingUp(ms *membership, d due) string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{len(ms.pending), "being cloned"}, {d.clones, "to be cloned"}, {d.guests, "being configured"}, {d.powerOns, "to power on"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return asEnd(parts)
}

// templateSearch says that clones which are due wait for a search, as the end of a message.
func templateSearch(in Input, p Plan) string {
	if p.due.clones == 0 || !in.searchesTemplate() {
		return ""
	}
	return asEnd([]string{fmt.Sprintf("the datacenter is searched for template %q", in.Group.Spec.Template)})
}

// remaining says what a group that goes still has.
func remaining(in Input, ms *membership) string {
	vms, clones := len(ms.ours), len(ms.pending)+len(ms.unidentified)+in.Snapshot.ClonesToCome
	if vms+clones == 0 {
		return "no VM is left"
	}
	return fmt.Sprintf("%s left, %s to wait for", count(vms, "VM"), count(clones, "clone"))
}

// remarks counts the VMs that are not as they should be, although the group has no problem, as the end of a message.
func remarks(ms *membership) string {
	counts := map[string]int{}
	if len(ms.unidentified) > 0 {
		counts["without name or configuration"] = len(ms.unidentified)
	}
	for _, m := range ms.ours {
		switch {
		case m.state == v1alpha1.VMMoved && m.outsideRoot():
			counts["moved out of the root folder"]++
		case m.state == v1alpha1.VMMoved:
			counts["moved out of the folder"]++
		case m.state == v1alpha1.VMUnreachable:
			counts["unreachable"]++
		case m.starting():
			counts[m.startingBriefly()]++
		case m.message != "" && m.available():
			what, _, _ := strings.Cut(m.message, ":")
			counts[what]++
		}
	}
	return asEnd(counted(counts))
}

// startingBriefly says in a few words what a VM lacks that is powered on and not available.
func (m *member) startingBriefly() string {
	what, _, _ := strings.Cut(m.whyUnavailable(), ",")
	return what
}

// counted lists what there is so often.
func counted(counts map[string]int) []string {
	var parts []string
	for what, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(parts)
	return parts
}

// asEnd joins the parts of the end of a message.
func asEnd(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// String lists the changes that are due.
func (d due) String() string {
	var parts []string
	if d.clones > 0 {
		parts = append(parts, count(d.clones, "clone"))
	}
	if d.cancels > 0 {
		parts = append(parts, count(d.cancels, "clone")+" to cancel")
	}
	if d.guests > 0 {
		parts = append(parts, fmt.Sprintf("%d to configure", d.guests))
	}
	if d.powerOns > 0 {
		parts = append(parts, fmt.Sprintf("%d to power on", d.powerOns))
	}
	if d.powerOffs > 0 {
		parts = append(parts, fmt.Sprintf("%d to switch off", d.powerOffs))
	}
	if d.removals > 0 {
		parts = append(parts, fmt.Sprintf("%d to remove", d.removals))
	}
	if d.updates > 0 {
		parts = append(parts, fmt.Sprintf("%d to replace", d.updates))
	}
	if d.changes > 0 {
		parts = append(parts, fmt.Sprintf("%d to change in place", d.changes))
	}
	if d.deleting {
		parts = append(parts, "the deletion")
	}
	return strings.Join(parts, ", ")
}

// count returns a number of things, as in "2 VMs".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// setConditions sets the conditions, and derives message and phase. As kstatus demands, Reconciling and Stalled are never both
// True, and both are False at rest.
func setConditions(status *v1alpha1.VmGroupStatus, in Input, s summary) {
	condition := func(kind string, value bool, reason, message string) {
		setCondition(status, in, kind, boolStatus(value), reason, message)
	}
	condition(v1alpha1.ConditionReady, s.ready, s.reason, s.message)
	condition(v1alpha1.ConditionReconciling, s.reconciling, s.reason, onlyIf(s.reconciling, s.message))
	condition(v1alpha1.ConditionStalled, s.stalled, s.reason, onlyIf(s.stalled, s.message))
	condition(v1alpha1.ConditionVCenterReachable, true, v1alpha1.ReasonVCenterConnected, "")
	u := s.upToDate
	setCondition(status, in, v1alpha1.ConditionUpToDate, u.status, u.reason, u.message)
	status.Message = bounded(s.message)
	status.Phase = phaseOf(status.Conditions)
}

// setUnavailable leaves the counts as last known: unknown is not zero. VCenterReachable is False only if vCenter does not answer:
// after one lost answer, the controller may know too little and reach it all the same.
func setUnavailable(status *v1alpha1.VmGroupStatus, in Input, err *vsphere.Error) {
	reachable := err.Class != vsphere.ClassUnavailable
	reason, message := cmp.Or(err.Reason, v1alpha1.ReasonVCenterUnreachable), err.Error()
	if reachable {
		reason = cmp.Or(err.Reason, v1alpha1.ReasonRetrying)
	}
	if status.ObservedGeneration > 0 {
		message += " The counts and the VMs are the last known."
	}
	setCondition(status, in, v1alpha1.ConditionReady, metav1.ConditionUnknown, reason, message)
	setCondition(status, in, v1alpha1.ConditionReconciling, metav1.ConditionFalse, reason, "")
	setCondition(status, in, v1alpha1.ConditionStalled, metav1.ConditionFalse, reason, "")
	setCondition(status, in, v1alpha1.ConditionUpToDate, metav1.ConditionUnknown, reason, "")
	if reachable {
		setCondition(status, in, v1alpha1.ConditionVCenterReachable, metav1.ConditionTrue, v1alpha1.ReasonVCenterConnected, "")
	} else {
		setCondition(status, in, v1alpha1.ConditionVCenterReachable, metav1.ConditionFalse, reason, err.Error())
	}
	status.Message = bounded(message)
	status.Phase = phaseOf(status.Conditions)
}

// setCondition sets a condition of the generation that the status has observed.
func setCondition(status *v1alpha1.VmGroupStatus, in Input, kind string, value metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: kind, Status: value, Reason: reason, Message: bounded(message),
		ObservedGeneration: status.ObservedGeneration, LastTransitionTime: metav1.NewTime(in.Now),
	})
}

// maxMessage is the most characters of a message. Texts from vCenter and lists of paths have no limit, and the API server
// refuses a status that is too large as a whole: the user would read nothing at all then.
const maxMessage = 1024

// bounded returns the first maxMessage characters of a message.
func bounded(message string) string { return Bounded(message, maxMessage) }

// Bounded returns a message, or, if it has more characters than that, the first of them and an ellipsis.
func Bounded(message string, most int) string {
	if len(message) <= most { // bytes, of which no character has less than one
		return message
	}
	if runes := []rune(message); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return message
}

// phaseOf derives the phase from the conditions alone.
func phaseOf(conditions []metav1.Condition) v1alpha1.Phase {
	switch {
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady):
		return v1alpha1.PhaseReady
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled):
		return v1alpha1.PhaseError
	default:
		return v1alpha1.PhasePending
	}
}

func boolStatus(b bool) metav1.ConditionStatus {
	if b {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

func onlyIf(cond bool, message string) string {
	if cond {
		return message
	}
	return ""
}

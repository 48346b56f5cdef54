package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Outcome is what came of carrying out a plan.
type Outcome struct {
	// Err is the error that stopped it, nil if all of it was submitted or is waiting for its turn.
	Err *vsphere.Error
	// Folder is the folder that was made.
	Folder *vsphere.Folder
}

// Status says what to tell the user, from the same input as the plan and from what came of it. What is not known stays as it
// was last known:
//
//  1. of a group that goes without us (its finalizer is gone, or it leaves its VMs behind): everything
//  2. vCenter is unavailable: the counts, the VMs, the folder, the generation
//  3. another vCenter answers: the counts, the VMs and the folder
func Status(in Input, p Plan, out Outcome) v1alpha1.VmGroupStatus {
	return sumUp(in, p, out, v1alpha1.MaxListedVMs)
}

// WholeStatus is the Status before a plan is carried out, with all VMs, for who has room for more than an object has.
func WholeStatus(in Input, p Plan) v1alpha1.VmGroupStatus {
	return sumUp(in, p, Outcome{}, math.MaxInt)
}

// sumUp lists the first limit VMs.
func sumUp(in Input, p Plan, out Outcome, limit int) v1alpha1.VmGroupStatus {
	status := *in.Group.Status.DeepCopy()
	if pastReach(in.Group) || p.Orphan {
		return status
	}
	status.Selector = Selector(in.Group.Name)
	unavailable := in.Unavailable
	if unavailable == nil && out.Err != nil && out.Err.Class == vsphere.ClassUnavailable {
		unavailable = out.Err
	}
	if unavailable != nil {
		sayUnavailable(&status, in, unavailable)
		return status
	}
	status.ObservedGeneration = in.Group.Generation
	if otherVCenter(in) {
		sayConditions(&status, in, verdict(in, p, out))
		return status
	}
	c := &p.census
	status.Replicas = int32(c.expected() + c.unlisted(in))
	status.ReadyReplicas = int32(c.available())
	status.AvailableReplicas = status.ReadyReplicas
	status.VMs = listVMs(c, limit)
	status.Folder = folderStatus(in, c, out)
	sayConditions(&status, in, verdict(in, p, out))
	return status
}

// Selector is published for the scale subresource: no object carries the label.
func Selector(group string) string { return v1alpha1.GroupLabel + "=" + group }

// folderStatus returns where the group lives. In order:
//
//  1. its folder, or the one that was just made
//  2. the root folder is gone: what was last known, which is not to be forgotten (see ReasonRootFolderLost)
//  3. there are VMs, all of them elsewhere: only the vCenter, for their MoRefs mean nothing in another one
//  4. nothing
func folderStatus(in Input, c *census, out Outcome) *v1alpha1.FolderStatus {
	folder := c.folder
	if folder == nil {
		folder = out.Folder
	}
	switch {
	case folder != nil:
		return &v1alpha1.FolderStatus{Path: folder.Path, MoRef: string(folder.Ref), VCenter: in.Snapshot.VCenter}
	case !in.Snapshot.RootExists && RecordsFolder(in.Group):
		return in.Group.Status.Folder.DeepCopy()
	case c.expected()+len(c.taken)+len(c.copies) > 0:
		return &v1alpha1.FolderStatus{VCenter: in.Snapshot.VCenter}
	default:
		return nil
	}
}

// RecordsFolder reports whether a group's status records a folder, and with it that the root folder was there once.
func RecordsFolder(g *v1alpha1.VmGroup) bool {
	return g.Status.Folder != nil && g.Status.Folder.MoRef != ""
}

// listVMs lists the first limit VMs: those that are not available first, then by name.
func listVMs(c *census, limit int) []v1alpha1.VMStatus {
	for _, m := range c.taken {
		m.state, m.message = v1alpha1.VMConvertedToTemplate, "made a template: neither counted nor touched until it is converted back"
	}
	for _, m := range c.copies {
		m.state, m.message = v1alpha1.VMCopy, "a copy of one of the group's VMs: neither counted nor touched"
	}
	all := slices.Concat(c.ours, c.pending, c.unclear, c.taken, c.copies)
	slices.SortStableFunc(all, func(a, b *member) int {
		return cmp.Or(first(!a.available(), !b.available()), cmp.Compare(a.name, b.name))
	})
	var list []v1alpha1.VMStatus
	for _, m := range all[:min(len(all), limit)] {
		list = append(list, v1alpha1.VMStatus{
			Name: m.name, MoRef: string(m.vm.Ref), PowerState: string(m.vm.Power),
			IP: m.vm.IP, Host: m.vm.Host, State: m.state, Message: bounded(m.message),
		})
	}
	return list
}

// finding is what the conditions are made from.
type finding struct {
	ready, reconciling, stalled bool
	problem                     bool // something stands in the way, be it for a human or not
	reason, message             string
}

// verdict sums up where the group stands, with the asides where no problem has to be told first.
func verdict(in Input, p Plan, out Outcome) finding {
	f := standing(in, p, out)
	if in.Group.DeletionTimestamp == nil && !f.problem {
		f.message += said(asides(in, &p))
	}
	return f
}

// standing sums up where the group stands, in order:
//
//  1. the problem, or else the error of this sync: Stalled or Reconciling
//  2. changes are due and held back: neither, but not Ready
//  3. changes are due or under way: Reconciling
//  4. as many VMs as wanted are there, all are available: Ready
//  5. some are not available, and nothing can be done about it: Reconciling
func standing(in Input, p Plan, out Outcome) finding {
	c, want := &p.census, int(in.Group.DesiredReplicas())
	problem := p.Problem
	if out.Err != nil && out.Err.Class != vsphere.ClassConflict {
		problem = worst(problem, fromError(out.Err))
	}
	available := c.available()
	progress := fmt.Sprintf("%d of %d VMs available", available, want)
	switch {
	case problem != nil:
		return finding{
			stalled: problem.Stalled, reconciling: !problem.Stalled, reason: problem.Reason, message: problem.Message,
			problem: true,
		}
	case p.Held == v1alpha1.ReasonPaused:
		return finding{reason: p.Held, message: "spec.paused holds back: " + p.due.String() + "; " + progress}
	case p.Held == v1alpha1.ReasonReadOnly:
		return finding{reason: p.Held, message: "the controller is read-only and holds back: " + p.due.String() + "; " + progress}
	case p.due.deleting:
		return finding{reconciling: true, reason: v1alpha1.ReasonDeleting, message: "being deleted: " + c.leftovers(in)}
	case p.due.clones+p.due.powerOns > 0 || len(c.pending) > 0 && len(c.ours) < want:
		return finding{reconciling: true, reason: v1alpha1.ReasonScalingUp, message: progress + c.growth(p.due)}
	case p.due.removals > 0 || len(c.pending) > 0:
		return finding{reconciling: true, reason: v1alpha1.ReasonScalingDown, message: fmt.Sprintf(
			"%s, %d to be removed", progress, p.due.removals+len(c.pending))}
	case available >= want:
		return finding{ready: true, reason: v1alpha1.ReasonAllReplicasAvailable, message: progress + c.remarks()}
	default:
		return finding{reconciling: true, reason: v1alpha1.ReasonReplicasUnavailable, message: progress + c.remarks()}
	}
}

// growth counts the VMs that are on their way.
func (c *census) growth(d due) string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{len(c.pending), "being cloned"}, {d.clones, "to be cloned"}, {d.powerOns, "to power on"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// leftovers says what a group that goes still has.
func (c *census) leftovers(in Input) string {
	vms, clones := len(c.ours), len(c.pending)+len(c.unclear)+in.Snapshot.Strays
	if vms+clones == 0 {
		return "no VM is left"
	}
	return fmt.Sprintf("%s left, %s to wait for", count(vms, "VM"), count(clones, "clone"))
}

// remarks counts the VMs that are noteworthy, without being a problem of the group.
func (c *census) remarks() string {
	remarks := map[string]int{}
	if len(c.unclear) > 0 {
		remarks["without name or configuration"] = len(c.unclear)
	}
	for _, m := range c.ours {
		switch {
		case m.state == v1alpha1.VMMoved && m.outside():
			remarks["moved out of the root folder"]++
		case m.state == v1alpha1.VMMoved:
			remarks["moved out of the folder"]++
		case m.state == v1alpha1.VMUnreachable:
			remarks["unreachable"]++
		case m.message != "" && m.available():
			remarks[strings.SplitN(m.message, ":", 2)[0]]++
		}
	}
	var parts []string
	for what, n := range remarks {
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// String says what is due.
func (d due) String() string {
	var parts []string
	if d.clones > 0 {
		parts = append(parts, count(d.clones, "clone"))
	}
	if d.cancels > 0 {
		parts = append(parts, count(d.cancels, "clone")+" to cancel")
	}
	if d.powerOns > 0 {
		parts = append(parts, fmt.Sprintf("%d to power on", d.powerOns))
	}
	if d.removals > 0 {
		parts = append(parts, fmt.Sprintf("%d to remove", d.removals))
	}
	if d.deleting {
		parts = append(parts, "the deletion")
	}
	return strings.Join(parts, ", ")
}

// count says how many of a thing there are.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// sayConditions writes the conditions and what is derived from them. Those of kstatus: Reconciling and Stalled are never
// both True, and False at rest.
func sayConditions(status *v1alpha1.VmGroupStatus, in Input, f finding) {
	condition := func(kind string, value bool, reason, message string) {
		setCondition(status, in, kind, boolStatus(value), reason, message)
	}
	condition(v1alpha1.ConditionReady, f.ready, f.reason, f.message)
	condition(v1alpha1.ConditionReconciling, f.reconciling, f.reason, onlyIf(f.reconciling, f.message))
	condition(v1alpha1.ConditionStalled, f.stalled, f.reason, onlyIf(f.stalled, f.message))
	condition(v1alpha1.ConditionVCenterReachable, true, v1alpha1.ReasonVCenterConnected, "")
	status.Message = bounded(f.message)
	status.Phase = phaseOf(status.Conditions)
}

// sayUnavailable leaves the counts as last known: unknown is not zero. vCenter is called unreachable only if it is: what is
// known may be too old because one answer was lost.
func sayUnavailable(status *v1alpha1.VmGroupStatus, in Input, err *vsphere.Error) {
	reachable := err.Class != vsphere.ClassUnavailable
	reason, message := reasonOr(err.Reason, v1alpha1.ReasonVCenterUnreachable), err.Error()
	if reachable {
		reason = reasonOr(err.Reason, v1alpha1.ReasonRetrying)
	}
	if status.ObservedGeneration > 0 {
		message += " The counts and the VMs are the last known."
	}
	setCondition(status, in, v1alpha1.ConditionReady, metav1.ConditionUnknown, reason, message)
	setCondition(status, in, v1alpha1.ConditionReconciling, metav1.ConditionFalse, reason, "")
	setCondition(status, in, v1alpha1.ConditionStalled, metav1.ConditionFalse, reason, "")
	if reachable {
		setCondition(status, in, v1alpha1.ConditionVCenterReachable, metav1.ConditionTrue, v1alpha1.ReasonVCenterConnected, "")
	} else {
		setCondition(status, in, v1alpha1.ConditionVCenterReachable, metav1.ConditionFalse, reason, err.Error())
	}
	status.Message = bounded(message)
	status.Phase = phaseOf(status.Conditions)
}

// setCondition sets a condition. It speaks of the generation that the status speaks of.
func setCondition(status *v1alpha1.VmGroupStatus, in Input, kind string, value metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: kind, Status: value, Reason: reason, Message: bounded(message),
		ObservedGeneration: status.ObservedGeneration, LastTransitionTime: metav1.NewTime(in.Now),
	})
}

// maxMessage is how many characters of a message are told. What vCenter and a list of paths may say has no end, and a
// status that is too large is refused as a whole: then the user is told nothing at all.
const maxMessage = 1024

// bounded returns the beginning of a message, as much as is told.
func bounded(message string) string {
	if len(message) <= maxMessage { // bytes, of which no character has less than one
		return message
	}
	if runes := []rune(message); len(runes) > maxMessage {
		return string(runes[:maxMessage-1]) + "…"
	}
	return message
}

// phaseOf derives the phase, which holds nothing of its own.
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

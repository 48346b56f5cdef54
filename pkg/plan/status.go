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

// Outcome is what came of carrying out a plan.
type Outcome struct {
	// Err is the error that stopped it, nil if all of it was submitted or is waiting for its turn.
	Err *vsphere.Error
	// Folder is the folder that was made.
	Folder *vsphere.Folder
}

// Status says what to tell the user, from the same input as the plan and from what came of it. What is not known stays as it
// was last known.
func Status(in Input, p Plan, out Outcome) v1alpha1.VmGroupStatus {
	status := *in.Group.Status.DeepCopy()
	status.Selector = Selector(in.Group.Name)
	unavailable := in.Unavailable
	if unavailable == nil && out.Err != nil && out.Err.Class == vsphere.ClassUnavailable {
		unavailable = out.Err
	}
	if unavailable != nil {
		sayUnavailable(&status, in, unavailable)
		return status
	}
	c := &p.census
	status.ObservedGeneration = in.Group.Generation
	status.Replicas = int32(len(c.ours) + len(c.pending))
	status.ReadyReplicas = int32(c.available())
	status.AvailableReplicas = status.ReadyReplicas
	status.VMs = listVMs(c)
	status.Folder = folderStatus(in, c, out)
	sayConditions(&status, in, verdict(in, p, out))
	return status
}

// Selector is published for the scale subresource: no object carries the label.
func Selector(group string) string { return v1alpha1.SchemeGroupVersion.Group + "/vmgroup=" + group }

func (c *census) available() int {
	n := 0
	for _, m := range c.ours {
		if m.available() {
			n++
		}
	}
	return n
}

func folderStatus(in Input, c *census, out Outcome) *v1alpha1.FolderStatus {
	folder := c.folder
	if folder == nil {
		folder = out.Folder
	}
	switch {
	case otherVCenter(in), folder == nil && !in.Snapshot.RootExists:
		return in.Group.Status.Folder // it is not to be forgotten: see ReasonVCenterChanged, ReasonRootFolderLost
	case folder == nil:
		return nil
	}
	return &v1alpha1.FolderStatus{Path: folder.Path, MoRef: string(folder.Ref), VCenter: in.Snapshot.VCenter}
}

// listVMs lists the VMs that are not available first, then by name.
func listVMs(c *census) []v1alpha1.VMStatus {
	for _, m := range c.taken {
		m.state, m.message = v1alpha1.VMTaken, "made a template: neither counted nor touched until it is converted back"
	}
	for _, m := range c.copies {
		m.state, m.message = v1alpha1.VMCopy, "a copy of one of the group's VMs: neither counted nor touched"
	}
	all := slices.Concat(c.ours, c.pending, c.taken, c.copies)
	slices.SortStableFunc(all, func(a, b *member) int {
		return cmp.Or(first(!a.available(), !b.available()), cmp.Compare(a.name, b.name))
	})
	if len(all) > v1alpha1.MaxListedVMs {
		all = all[:v1alpha1.MaxListedVMs]
	}
	var list []v1alpha1.VMStatus
	for _, m := range all {
		list = append(list, v1alpha1.VMStatus{
			Name: m.name, MoRef: string(m.vm.Ref), PowerState: string(m.vm.Power),
			IP: m.vm.IP, Host: m.vm.Host, State: m.state, Message: m.message,
		})
	}
	return list
}

// finding is what the conditions are made from.
type finding struct {
	ready, reconciling, stalled bool
	reason, message             string
}

// verdict sums up where the group stands. In order:
//
//  1. the problem, or else the error of this sync: Stalled or Reconciling
//  2. changes are due and held back: neither, but not Ready
//  3. changes are due or under way: Reconciling
//  4. as many VMs as wanted are there, all are available: Ready
//  5. some are not available, and nothing can be done about it: Reconciling
func verdict(in Input, p Plan, out Outcome) finding {
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
		}
	case p.Held == v1alpha1.ReasonPaused:
		return finding{reason: p.Held, message: "spec.paused holds back: " + p.due.String() + "; " + progress}
	case p.Held == v1alpha1.ReasonReadOnly:
		return finding{reason: p.Held, message: "the controller is read-only and holds back: " + p.due.String() + "; " + progress}
	case p.due.deleting:
		return finding{reconciling: true, reason: v1alpha1.ReasonDeleting, message: fmt.Sprintf(
			"being deleted: %d VMs left, %d clones to wait for", len(c.ours), len(c.pending)+in.Snapshot.Strays)}
	case p.due.clones+p.due.powerOns > 0 || len(c.pending) > 0 && len(c.ours) < want:
		return finding{reconciling: true, reason: v1alpha1.ReasonScalingUp, message: progress}
	case p.due.removals > 0 || len(c.pending) > 0:
		return finding{reconciling: true, reason: v1alpha1.ReasonScalingDown, message: fmt.Sprintf(
			"%s, %d to be removed", progress, p.due.removals+len(c.pending))}
	case available >= want:
		return finding{ready: true, reason: v1alpha1.ReasonAllReplicasAvailable, message: progress + c.remarks()}
	default:
		return finding{reconciling: true, reason: v1alpha1.ReasonReplicasUnavailable, message: progress + c.remarks()}
	}
}

// remarks counts the VMs that are noteworthy, without being a problem of the group.
func (c *census) remarks() string {
	remarks := map[string]int{}
	for _, m := range c.ours {
		switch {
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
		parts = append(parts, fmt.Sprintf("%d clones", d.clones))
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

// sayConditions writes the conditions and what is derived from them. Those of kstatus: Reconciling and Stalled are never
// both True, and False at rest.
func sayConditions(status *v1alpha1.VmGroupStatus, in Input, f finding) {
	condition := func(kind string, value bool, reason, message string) {
		setCondition(status, in, kind, boolStatus(value), reason, message)
	}
	condition(v1alpha1.ConditionVCenterReachable, true, v1alpha1.ReasonVCenterConnected, "")
	condition(v1alpha1.ConditionReady, f.ready, f.reason, f.message)
	condition(v1alpha1.ConditionReconciling, f.reconciling, f.reason, onlyIf(f.reconciling, f.message))
	condition(v1alpha1.ConditionStalled, f.stalled, f.reason, onlyIf(f.stalled, f.message))
	status.Message = f.message
	status.Phase = phaseOf(status.Conditions)
}

// sayUnavailable leaves the counts as last known: unknown is not zero.
func sayUnavailable(status *v1alpha1.VmGroupStatus, in Input, err *vsphere.Error) {
	reason := reasonOr(err.Reason, v1alpha1.ReasonVCenterUnreachable)
	setCondition(status, in, v1alpha1.ConditionVCenterReachable, metav1.ConditionFalse, reason, err.Error())
	setCondition(status, in, v1alpha1.ConditionReady, metav1.ConditionUnknown, reason, err.Error())
	setCondition(status, in, v1alpha1.ConditionReconciling, metav1.ConditionFalse, reason, "")
	setCondition(status, in, v1alpha1.ConditionStalled, metav1.ConditionFalse, reason, "")
	status.Message = err.Error()
	status.Phase = phaseOf(status.Conditions)
}

func setCondition(status *v1alpha1.VmGroupStatus, in Input, kind string, value metav1.ConditionStatus, reason, message string) {
	generation := in.Group.Generation
	if value == metav1.ConditionUnknown {
		generation = status.ObservedGeneration
	}
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: kind, Status: value, Reason: reason, Message: message,
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(in.Now),
	})
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

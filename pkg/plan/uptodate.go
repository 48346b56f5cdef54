package plan

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// upToDate is what the condition UpToDate says.
type upToDate struct {
	status          metav1.ConditionStatus
	reason, message string
}

// updated reports whether the VM is as the spec has it, as far as can be told.
func (m *member) updated() bool { return !m.differs && m.age != vsphere.AgeUnknown }

// protected reports whether spec.members keeps the VM.
func (m *member) protected() bool { return m.mark == v1alpha1.DeletionNever }

// keptByMembers reports whether spec.members keeps the VM from what it takes to be as the spec has it.
func keptByMembers(m *member) bool { return m.protected() && m.change == replacement }

// upToDate says whether all VMs are as the spec has them. The first that applies:
//
//  1. VMs differ, and spec.members protects all of these from what it takes: False, Protected
//  2. VMs differ, or the partition lacks some, and spec.update.partition or spec.members keeps all of these: False, Partitioned
//  3. VMs are not replaced that would have to be, with the strategy InPlaceOnly: False, ReplacementRequired
//  4. all other VMs that differ have to be switched off for a change, and the strategy does not: False, PowerCycleRequired
//  5. VMs differ: False, OutOfDate
//  6. another template has taken the place of the one that VMs were cloned from: False, TemplateRebuilt
//  7. of some VMs nobody can tell: Unknown
//  8. True
//
// The message also tells of entries of spec.members that name no VM of the group. They are no error: VMs go. With 2, it tells
// if a VM that is lost could not be made again. While the template is looked for, 6 holds as long as it was true before.
func (ms *membership) upToDate(in Input) upToDate {
	g := in.Group
	u := upToDate{status: metav1.ConditionTrue, reason: v1alpha1.ReasonAllReplicasUpdated}
	all := count(len(ms.ours), "VM")
	differ := filter(ms.ours, func(m *member) bool { return m.differs })
	unknown := countIf(ms.ours, func(m *member) bool { return m.age == vsphere.AgeUnknown })
	lacking, part := ms.lacking(), &ms.partition
	rebuilt := countIf(ms.ours, func(m *member) bool { return m.ofAnotherTemplate(in.Template) })
	before := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionUpToDate)
	kept := countIf(differ, func(m *member) bool { return keptByMembers(m) || m.partitioned })
	switch {
	case lacking == 0 && len(differ) > 0 && countIf(differ, keptByMembers) == len(differ):
		u.status, u.reason = metav1.ConditionFalse, v1alpha1.ReasonProtected
		u.message = fmt.Sprintf("%d of %s out of date; spec.members protects them", len(differ), all)
	case len(differ)+lacking > 0 && kept == len(differ):
		u.status, u.reason = metav1.ConditionFalse, v1alpha1.ReasonPartitioned
		u.message = fmt.Sprintf("%d of %s at an earlier revision, as spec.update.partition asks", len(differ), all)
		if lacking > 0 {
			u.message += fmt.Sprintf(", which lacks %d", lacking)
		}
		if part.cannot != "" {
			u.message += fmt.Sprintf("; one that is lost cannot be made again: %s; lower spec.update.partition to go on", part.cannot)
		}
	case strategyOf(g) == v1alpha1.UpdateInPlaceOnly && countIf(differ, (*member).stuck) > 0:
		u.status, u.reason = metav1.ConditionFalse, v1alpha1.ReasonReplacementRequired
		older, larger := ms.countStuck()
		u.message = fmt.Sprintf("%s: only new VMs can be as the spec has them",
			whyStuck(older, larger, fmt.Sprintf("%d of %s", older+larger, all)))
	case len(differ) > 0 && ms.changesLeft(g) == 0 && countIf(differ, (*member).needsPowerCycle)+kept == len(differ):
		u.status, u.reason = metav1.ConditionFalse, v1alpha1.ReasonPowerCycleRequired
		u.message = fmt.Sprintf("%d of %s not of the size in the spec: they are changed when somebody switches them off", len(differ)-kept, all)
	case len(differ) > 0:
		u.status, u.reason = metav1.ConditionFalse, v1alpha1.ReasonOutOfDate
		u.message = fmt.Sprintf("%d of %s made from an earlier spec, or of another size", len(differ), all)
	case rebuilt > 0:
		u.status, u.reason = metav1.ConditionFalse, v1alpha1.ReasonTemplateRebuilt
		u.message = fmt.Sprintf("%d of %s cloned from another template, whose place %s has taken; for new VMs set spec.update.trigger to another text",
			rebuilt, all, in.Template.Path)
	case before != nil && before.Reason == v1alpha1.ReasonTemplateRebuilt && in.searchesTemplate():
		return upToDate{before.Status, before.Reason, before.Message}
	case unknown > 0:
		u.status, u.reason = metav1.ConditionUnknown, v1alpha1.ReasonRevisionUnknown
		u.message = fmt.Sprintf("a newer version of the controller has made %d of %s: whether from the present spec cannot be told", unknown, all)
	}
	if unknownOnes := ms.unknownInstances(g); len(unknownOnes) > 0 {
		if u.message != "" {
			u.message += "; "
		}
		u.message += fmt.Sprintf("spec.members has %d without a VM, the first is %s", len(unknownOnes), unknownOnes[0])
	}
	return u
}

// ofAnotherTemplate reports whether a VM is made from the present spec, and was cloned from a template in whose place there is
// another one by now. Nobody replaces it for that: only a change of the spec begins a rollout.
func (m *member) ofAnotherTemplate(now vsphere.Template) bool {
	of := m.vm.Stamp.Template
	return m.age == vsphere.Current && of != "" && now.InstanceUUID != "" && of != now.InstanceUUID
}

// needsPowerCycle reports whether the VM has to be switched off to be changed.
func (m *member) needsPowerCycle() bool {
	return m.resizes() && m.pendingChange() == v1alpha1.PendingPowerCycle
}

// unknownInstances returns the instances in spec.members that no VM of the group has.
func (ms *membership) unknownInstances(g *v1alpha1.VmGroup) []string {
	if len(g.Spec.Members) == 0 {
		return nil
	}
	known := make(map[string]bool, len(ms.ours))
	for _, m := range ms.ours {
		known[m.vm.InstanceUUID] = true
	}
	var unknown []string
	for _, entry := range g.Spec.Members {
		if !known[entry.Instance] && !slices.Contains(unknown, entry.Instance) {
			unknown = append(unknown, entry.Instance)
		}
	}
	return unknown
}

package cli

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// rolling returns a group of 3 in the middle of a rollout, of which the controller has read the spec.
func rolling(changes ...func(*v1alpha1.VmGroup)) *v1alpha1.VmGroup {
	vg := &v1alpha1.VmGroup{ObjectMeta: metav1.ObjectMeta{Name: "web", Generation: 4}}
	vg.Spec.Replicas, vg.Spec.Update = ptr.To[int32](3), &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace}
	vg.Status = v1alpha1.VmGroupStatus{
		ObservedGeneration: 4, Replicas: 4, UpdatedReplicas: ptr.To[int32](1), AvailableReplicas: 3, Phase: v1alpha1.PhasePending,
		Message: "3 of 3 VMs available; 2 to be replaced",
		VMs: []v1alpha1.VMStatus{
			{State: v1alpha1.VMPending}, {State: v1alpha1.VMAvailable}, {State: v1alpha1.VMAvailable}, {State: v1alpha1.VMAvailable},
		},
	}
	for _, change := range append([]func(*v1alpha1.VmGroup){condition(v1alpha1.ConditionUpToDate, metav1.ConditionFalse, v1alpha1.ReasonOutOfDate, "")}, changes...) {
		change(vg)
	}
	return vg
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) {
		vg.Status.Conditions = append([]metav1.Condition{{Type: kind, Status: status, Reason: reason, Message: message}}, vg.Status.Conditions...)
	}
}

func deleted(vg *v1alpha1.VmGroup)   { vg.DeletionTimestamp = &metav1.Time{} }
func unread(vg *v1alpha1.VmGroup)    { vg.Generation++ }
func onDelete(vg *v1alpha1.VmGroup)  { vg.Spec.Update.Strategy = v1alpha1.UpdateOnDelete }
func noUpdate(vg *v1alpha1.VmGroup)  { vg.Spec.Update = nil }
func noCounter(vg *v1alpha1.VmGroup) { vg.Status.UpdatedReplicas = nil }

// full lets the status list no VM that is available, and not all others.
func full(vg *v1alpha1.VmGroup) {
	vg.Status.Replicas = 10
	for i := range vg.Status.VMs {
		vg.Status.VMs[i].State = v1alpha1.VMPending
	}
}

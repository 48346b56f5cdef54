package crd

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func TestStatusSubresource(t *testing.T) {
	groups := vmGroups.VsphereV1alpha1().VmGroups(namespace)
	group := newGroup("status")
	group.Status = v1alpha1.VmGroupStatus{Phase: v1alpha1.PhaseReady, Replicas: 3}
	group = mustCreate(t, group)
	if diff := cmp.Diff(v1alpha1.VmGroupStatus{}, group.Status); diff != "" {
		t.Errorf("a creation has set the status (-want +got):\n%s", diff)
	}

	changed := group.DeepCopy()
	changed.Spec.CPU = 8
	changed.Status = fullStatus()
	updated, err := groups.UpdateStatus(t.Context(), changed, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullStatus(), updated.Status); diff != "" {
		t.Errorf("status after its update (-want +got):\n%s", diff)
	}
	if updated.Spec.CPU != group.Spec.CPU || updated.Generation != group.Generation {
		t.Errorf("an update of the status has changed the spec: %+v", updated)
	}

	changed = updated.DeepCopy()
	changed.Spec.CPU = 8
	changed.Status = v1alpha1.VmGroupStatus{}
	updated, err = groups.Update(t.Context(), changed, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullStatus(), updated.Status); diff != "" {
		t.Errorf("an update of the spec has changed the status (-want +got):\n%s", diff)
	}
	if updated.Spec.CPU != 8 || updated.Generation != group.Generation+1 {
		t.Errorf("an update of the spec has got lost: %+v", updated)
	}
}

func TestStatusIsChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*v1alpha1.VmGroupStatus)
		want   string
	}{
		{"100 VMs", func(s *v1alpha1.VmGroupStatus) { s.VMs = make([]v1alpha1.VMStatus, v1alpha1.MaxListedVMs) }, ""},
		{
			"101 VMs",
			func(s *v1alpha1.VmGroupStatus) { s.VMs = make([]v1alpha1.VMStatus, v1alpha1.MaxListedVMs+1) },
			"status.vms: Too many",
		},
		{
			"two VMs of one name",
			func(s *v1alpha1.VmGroupStatus) { s.VMs = []v1alpha1.VMStatus{{Name: "a"}, {Name: "a"}} },
			"",
		},
		{
			"phase unknown",
			func(s *v1alpha1.VmGroupStatus) { s.Phase = "DONE" },
			`status.phase: Unsupported value: "DONE"`,
		},
		{
			"a condition twice",
			func(s *v1alpha1.VmGroupStatus) { s.Conditions = append(s.Conditions, s.Conditions...) },
			"status.conditions[1]: Duplicate value",
		},
	}
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			group := mustCreate(t, newGroup(fmt.Sprintf("status-%d", i)))
			group.Status = fullStatus()
			tc.change(&group.Status)
			_, err := vmGroups.VsphereV1alpha1().VmGroups(namespace).UpdateStatus(t.Context(), group, metav1.UpdateOptions{})
			wantError(t, err, tc.want)
		})
	}
}

func TestScaleSubresource(t *testing.T) {
	groups := vmGroups.VsphereV1alpha1().VmGroups(namespace)
	group := mustCreate(t, newGroup("scale"))
	group.Status = fullStatus()
	if _, err := groups.UpdateStatus(t.Context(), group, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}

	scale, err := groups.GetScale(t.Context(), group.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (autoscalingv1.ScaleSpec{Replicas: 3}); scale.Spec != want {
		t.Errorf("scale spec is %+v, want %+v", scale.Spec, want)
	}
	status := fullStatus()
	if want := (autoscalingv1.ScaleStatus{Replicas: status.Replicas, Selector: status.Selector}); scale.Status != want {
		t.Errorf("scale status is %+v, want %+v", scale.Status, want)
	}

	mustKubectl(t, "scale", "vg/scale", "--namespace", namespace, "--replicas=5")
	scaled, err := groups.Get(t.Context(), group.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := scaled.DesiredReplicas(); got != 5 {
		t.Errorf("spec.replicas is %d after kubectl scale --replicas=5", got)
	}

	scale.ResourceVersion = ""
	scale.Spec.Replicas = -1
	_, err = groups.UpdateScale(t.Context(), group.Name, scale, metav1.UpdateOptions{})
	wantError(t, err, "spec.replicas")
}

func newGroup(name string) *v1alpha1.VmGroup {
	return &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.VmGroupSpec{CPU: 2, Memory: 4, Template: "linux", Replicas: ptr.To[int32](3)},
	}
}

// fullStatus sets every field once.
func fullStatus() v1alpha1.VmGroupStatus {
	return v1alpha1.VmGroupStatus{
		ObservedGeneration: 1,
		Replicas:           2,
		ReadyReplicas:      1,
		AvailableReplicas:  1,
		UpdatedReplicas:    ptr.To[int32](1),
		Revision:           "2:0123456789",
		Phase:              v1alpha1.PhasePending,
		Message:            "one VM is being cloned",
		Selector:           "app=web",
		Folder:             &v1alpha1.FolderStatus{Path: "/dc/vm/vmgroups/default/web", MoRef: "group-v1", VCenter: "uuid"},
		VMs: []v1alpha1.VMStatus{
			{Name: "web-abcde-1", State: v1alpha1.VMPending, Message: "cloning"},
			{Name: "web-abcde-0", MoRef: "vm-1", PowerState: "poweredOn", IP: "192.0.2.1", Host: "esx1", State: v1alpha1.VMAvailable,
				Instance: "502e5d5c-0000-4000-8000-0123456789ab", Slot: ptr.To[int32](0), Ready: true, Revision: "2:0123456789"},
		},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonScalingUp,
			ObservedGeneration: 1, LastTransitionTime: metav1.Unix(1566777600, 0),
		}},
	}
}

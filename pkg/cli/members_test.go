package cli

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	applyconfig "github.com/vmgroup/vmgroup-controller/pkg/generated/applyconfiguration/vsphere/v1alpha1"
)

const (
	instanceA = "aaaaaaaa-0000-4000-8000-000000000001"
	instanceB = "bbbbbbbb-0000-4000-8000-000000000002"
)

// member lets spec.members have an entry, which the managers own.
func member(instance string, deletion v1alpha1.MemberDeletion, managers ...string) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) {
		vg.Spec.Members = append(vg.Spec.Members, v1alpha1.MemberSpec{Instance: instance, Deletion: deletion})
		for _, manager := range managers {
			operation := metav1.ManagedFieldsOperationUpdate
			if manager == fieldManager {
				operation = metav1.ManagedFieldsOperationApply
			}
			vg.ManagedFields = append(vg.ManagedFields, metav1.ManagedFieldsEntry{
				Manager: manager, Operation: operation, APIVersion: v1alpha1.SchemeGroupVersion.String(), FieldsType: "FieldsV1",
				FieldsV1: metav1.NewFieldsV1(fmt.Sprintf(
					`{"f:spec":{"f:members":{"k:{\"instance\":\"%s\"}":{".":{},"f:deletion":{},"f:instance":{}}}}}`, instance)),
			})
		}
	}
}

// TestMarkOne marks the VM a.
func TestMarkOne(t *testing.T) {
	const never, now, first = v1alpha1.DeletionNever, v1alpha1.DeletionNow, v1alpha1.DeletionFirst
	const edit = "kubectl-edit"
	for name, tc := range map[string]struct {
		is   func(*v1alpha1.VmGroup)
		want v1alpha1.MemberDeletion
		own  string // entries of the plugin after that
		says string
		err  string
	}{
		"1: there is none":                {member(instanceB, never, edit), noMark, "", "has no entry in spec.members", ""},
		"2: others want one":              {member(instanceA, never, edit), noMark, "", "", `"kubectl-edit" has set its deletion to Never`},
		"2: others want one, too":         {member(instanceA, never, edit, fieldManager), noMark, "", "", `"kubectl-edit" has set its deletion to Never`},
		"2: nobody knows who wants one":   {member(instanceA, now), noMark, "", "", "somebody has set its deletion to Now"},
		"3: protected":                    {member(instanceA, never, fieldManager), noMark, "", "not protected any more", ""},
		"3: to be replaced":               {member(instanceA, now, fieldManager), noMark, "", "not to be replaced any more", ""},
		"4: protected by the plugin":      {member(instanceA, never, fieldManager), now, "", "", "is protected, and nothing was changed"},
		"4: protected by others":          {member(instanceA, never, edit), now, "", "", `"kubectl-edit" has set its deletion to Never`},
		"4: protected by both":            {member(instanceA, never, edit, fieldManager), now, "", "", `"kubectl-edit" has set its deletion to Never`},
		"5: others let it go first":       {member(instanceA, first, edit), never, "", "", `"kubectl-edit" has set its deletion to First`},
		"5: nobody knows who set it":      {member(instanceA, first), now, "", "", "somebody has set its deletion to First"},
		"6: protect":                      {member(instanceB, never, edit), never, "a Never", "protected", ""},
		"6: protect beside another":       {member(instanceB, never, fieldManager), never, "b Never a Never", "protected", ""},
		"6: protect what is protected":    {member(instanceA, never, fieldManager), never, "a Never", "already protected", ""},
		"6: protect what others protect":  {member(instanceA, never, edit), never, "a Never", "already protected", ""},
		"6: keep what was to be replaced": {member(instanceA, now, fieldManager), never, "a Never", "protected", ""},
		"6: replace":                      {func(*v1alpha1.VmGroup) {}, now, "a Now", "to be replaced", ""},
	} {
		t.Run(name, func(t *testing.T) {
			vg := rolling(tc.is)
			own, err := applyconfig.ExtractVmGroup(vg, fieldManager)
			if err != nil {
				t.Fatal(err)
			}
			says, err := markOne(vg, own, namedVM{"web-0", instanceA}, tc.want)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%q, %v; want the error %q", says, err, tc.err)
				}
				return
			}
			if got := entries(own); got != tc.own || says != tc.says || err != nil {
				t.Errorf("%q, own %q, %v; want %q, own %q", says, got, err, tc.says, tc.own)
			}
		})
	}
}

// entries writes each entry as the first letter of its instance, and its deletion.
func entries(own *applyconfig.VmGroupApplyConfiguration) string {
	var all []string
	for _, m := range ownMembers(own) {
		all = append(all, ptr.Deref(m.Instance, "?")[:1]+" "+string(ptr.Deref(m.Deletion, "?")))
	}
	return strings.Join(all, " ")
}

// TestDropSpent keeps entries of VMs that may still be there.
func TestDropSpent(t *testing.T) {
	lists := func(n int32, instances ...string) func(*v1alpha1.VmGroup) {
		return func(vg *v1alpha1.VmGroup) {
			vg.Status.Replicas, vg.Status.VMs = n, nil
			for _, instance := range instances {
				vg.Status.VMs = append(vg.Status.VMs, v1alpha1.VMStatus{Instance: instance})
			}
		}
	}
	replaced, protected := member(instanceA, v1alpha1.DeletionNow, fieldManager), member(instanceA, v1alpha1.DeletionNever, fieldManager)
	away := condition(v1alpha1.ConditionVCenterReachable, metav1.ConditionFalse, v1alpha1.ReasonVCenterUnreachable, "")
	for name, tc := range map[string]struct {
		changes []func(*v1alpha1.VmGroup)
		want    string
	}{
		"its VM is gone":            {[]func(*v1alpha1.VmGroup){replaced, lists(1, instanceB)}, ""},
		"its VM is there":           {[]func(*v1alpha1.VmGroup){replaced, lists(2, instanceA, instanceB)}, "a Now"},
		"a protection":              {[]func(*v1alpha1.VmGroup){protected, lists(1, instanceB)}, "a Never"},
		"a VM is not listed":        {[]func(*v1alpha1.VmGroup){replaced, lists(2, instanceB)}, "a Now"},
		"a VM has no instance":      {[]func(*v1alpha1.VmGroup){replaced, lists(2, instanceB, "")}, "a Now"},
		"vCenter is away":           {[]func(*v1alpha1.VmGroup){replaced, lists(1, instanceB), away}, "a Now"},
		"the status is of long ago": {[]func(*v1alpha1.VmGroup){replaced, lists(1, instanceB), unread}, "a Now"},
	} {
		t.Run(name, func(t *testing.T) {
			vg := rolling(tc.changes...)
			own, err := applyconfig.ExtractVmGroup(vg, fieldManager)
			if err != nil {
				t.Fatal(err)
			}
			dropSpent(vg, own)
			if got := entries(own); got != tc.want {
				t.Errorf("own %q, want %q", got, tc.want)
			}
		})
	}
}

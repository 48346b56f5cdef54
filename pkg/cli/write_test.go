package cli

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// TestWhatANewerPluginOwns is not taken away: an apply drops what it does not send.
func TestWhatANewerPluginOwns(t *testing.T) {
	const entry = `"k:{\"instance\":\"` + instanceA + `\"}"`
	for name, tc := range map[string]struct {
		owned, manager string
		unknown        string // a part of its path
	}{
		"what is known":           {`{"f:spec":{"f:members":{` + entry + `:{".":{},"f:deletion":{},"f:instance":{}}},"f:update":{"f:partition":{},"f:trigger":{}}}}`, fieldManager, ""},
		"a field":                 {`{"f:spec":{"f:update":{"f:partition":{},"f:window":{}}}}`, fieldManager, ".spec.update.window"},
		"a field of another's":    {`{"f:spec":{"f:update":{"f:window":{}}}}`, "kubectl", ""},
		"a struct":                {`{"f:spec":{"f:standby":{"f:replicas":{}}}}`, fieldManager, ".spec.standby.replicas"},
		"a field of an entry":     {`{"f:spec":{"f:members":{` + entry + `:{".":{},"f:instance":{},"f:until":{}}}}}`, fieldManager, "until"},
		"an entry of another key": {`{"f:spec":{"f:members":{"k:{\"instance\":\"` + instanceB + `\"}":{".":{},"f:instance":{}}}}}`, fieldManager, instanceB},
		"an annotation":           {`{"f:metadata":{"f:annotations":{"f:vsphere.vmware.com/note":{}}}}`, fieldManager, "vsphere.vmware.com/note"},
	} {
		t.Run(name, func(t *testing.T) {
			vg := &v1alpha1.VmGroup{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}}
			vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, Trigger: "again", Partition: ptr.To(intstr.FromInt32(2))}
			vg.Spec.Members = []v1alpha1.MemberSpec{{Instance: instanceA, Deletion: v1alpha1.DeletionNever}}
			vg.ManagedFields = []metav1.ManagedFieldsEntry{{
				Manager: tc.manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: v1alpha1.SchemeGroupVersion.String(),
				FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(tc.owned),
			}}
			_, err := extractOwn(vg)
			if tc.unknown == "" && err != nil || tc.unknown != "" && (err == nil || !strings.Contains(err.Error(), tc.unknown) || !strings.Contains(err.Error(), "newer version")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

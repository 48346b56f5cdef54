package v1alpha1_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	applyv1alpha1 "github.com/vmgroup/vmgroup-controller/pkg/generated/applyconfiguration/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/fake"
)

// The fake clientset finds the schema of a kind by its model name, which comes from a marker in doc.go. Where the two
// do not agree, nothing can be applied and not even created; where the schema is poor, lists are replaced as a whole.
func TestFakeClientset(t *testing.T) {
	group := &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       v1alpha1.VmGroupSpec{CPU: 1, Memory: 1, Template: "linux"},
	}
	groups := fake.NewClientset(group).VsphereV1alpha1().VmGroups("default")

	for _, condition := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
		status := applyv1alpha1.VmGroupStatus().WithConditions(applymetav1.Condition().
			WithType(condition).
			WithStatus(metav1.ConditionTrue).
			WithReason("Test").
			WithMessage("").
			WithLastTransitionTime(metav1.Now()))
		apply := applyv1alpha1.VmGroup("web", "default").WithStatus(status)
		if _, err := groups.ApplyStatus(t.Context(), apply, metav1.ApplyOptions{FieldManager: condition}); err != nil {
			t.Fatalf("apply the condition %s: %v", condition, err)
		}
	}

	got, err := groups.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Spec.Template != "linux" {
		t.Errorf("template is %q, want it untouched", got.Spec.Template)
	}
	for _, condition := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
		if !meta.IsStatusConditionTrue(got.Status.Conditions, condition) {
			t.Errorf("condition %s is lost: %v", condition, got.Status.Conditions)
		}
	}
}

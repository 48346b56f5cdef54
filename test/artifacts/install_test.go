package artifacts

import (
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// The namespace enforces the restricted Pod Security level, and the Pods of the Deployment are admitted to it.
func TestPodsAreAdmitted(t *testing.T) {
	_, err := cluster.Kubectl(t.Context(), "run", "careless", "--namespace", system, "--image=busybox")
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("a Pod that says nothing of its privileges: %v, want it to be refused by the restricted level", err)
	}
	deployment := deploymentIn(t, installFile)
	harness.Eventually(t, "the ReplicaSet makes the Pods", func() error {
		got, err := kube.AppsV1().Deployments(system).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if want := *deployment.Spec.Replicas; got.Status.UpdatedReplicas != want {
			return fmt.Errorf("%d Pods, want %d: %+v", got.Status.UpdatedReplicas, want, got.Status.Conditions)
		}
		return nil
	})
}

// What is accepted for all namespaces is accepted for one, and asks for nothing that is the whole cluster's.
func TestNamespacedIsAccepted(t *testing.T) {
	kubectl(t, "create", "namespace", "vmgroups")
	kubectl(t, "apply", "--validate=strict", "--dry-run=server", "-f", namespacedFile)
	for _, object := range objects(t, namespacedFile) {
		if object.GetNamespace() == "" {
			t.Errorf("%s %s has no namespace", object.GetKind(), object.GetName())
		}
	}
}

func TestExamplesAreAccepted(t *testing.T) {
	kubectl(t, "apply", "--validate=strict", "--dry-run=server", "-f", configExampleFile, "-f", secretExampleFile)
}

// Whoever has one of Kubernetes' own roles may do with VmGroups what it says, and nobody may write the status.
func TestUserRoles(t *testing.T) {
	const namespace = "people"
	kubectl(t, "create", "namespace", namespace)
	roles := []string{"view", "edit", "admin"}
	for _, role := range roles {
		kubectl(t, "create", "rolebinding", role, "--namespace", namespace, "--clusterrole", role, "--user", role)
	}
	tests := []struct {
		verbs, subresource string
		may                string // view, edit or admin: the least that may, empty if none
	}{
		{"get list watch", "", "view"},
		{"get", "status", "view"},
		{"get", "scale", "view"},
		{"create update patch delete deletecollection", "", "edit"},
		{"update patch", "scale", "edit"},
		{"update patch", "status", ""},
	}
	for _, tc := range tests {
		allowed := false
		for _, role := range roles {
			allowed = allowed || role == tc.may
			for verb := range strings.FieldsSeq(tc.verbs) {
				harness.Eventually(t, fmt.Sprintf("%s may %s vmgroups/%s: %v", role, verb, tc.subresource, allowed), func() error {
					got, err := may(t, role, authorizationv1.ResourceAttributes{
						Namespace: namespace, Verb: verb, Group: "vsphere.vmware.com", Resource: "vmgroups", Subresource: tc.subresource,
					})
					if err == nil && got != allowed {
						err = fmt.Errorf("it is %v", got)
					}
					return err
				})
			}
		}
	}
}

func may(t *testing.T, user string, what authorizationv1.ResourceAttributes) (bool, error) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
	answer, err := kube.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

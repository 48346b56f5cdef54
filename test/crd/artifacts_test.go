package crd

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examplesDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no examples in %s", examplesDir)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			mustKubectl(t, "apply", "--namespace", namespace, "-f", file)
			mustKubectl(t, "delete", "--namespace", namespace, "-f", file)
		})
	}
}

// The first example stands in the README word for word.
func TestFirstExample(t *testing.T) {
	file := filepath.Join(examplesDir, "example.yaml")
	mustKubectl(t, "apply", "--namespace", namespace, "-f", file)
	t.Cleanup(func() { deleteGroup(t, "kopf-vmworld-example") })

	got, err := vmGroups.VsphereV1alpha1().VmGroups(namespace).Get(t.Context(), "kopf-vmworld-example", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.VmGroupSpec{CPU: 1, Memory: 1, Template: "kopf-vm-template", Replicas: ptr.To[int32](3)}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"vmworld": "2019"}, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// The controller may do what it does and nothing more.
func TestControllerPermissions(t *testing.T) {
	const own = "vmgroup-system"
	tests := []struct {
		verb, group, resource, subresource, namespace, name string
		want                                                bool
	}{
		{verb: "list", group: "vsphere.vmware.com", resource: "vmgroups", want: true},
		{verb: "watch", group: "vsphere.vmware.com", resource: "vmgroups", want: true},
		{verb: "get", group: "vsphere.vmware.com", resource: "vmgroups", namespace: "web", want: true},
		{verb: "update", group: "vsphere.vmware.com", resource: "vmgroups", namespace: "web", want: false},
		{verb: "create", group: "vsphere.vmware.com", resource: "vmgroups", namespace: "web", want: false},
		{verb: "delete", group: "vsphere.vmware.com", resource: "vmgroups", namespace: "web", want: false},
		{verb: "update", group: "vsphere.vmware.com", resource: "vmgroups", subresource: "status", namespace: "web", want: true},
		{verb: "patch", group: "vsphere.vmware.com", resource: "vmgroups", subresource: "status", namespace: "web", want: false},
		{verb: "create", resource: "events", namespace: "web", want: true},
		{verb: "patch", resource: "events", namespace: "web", want: true},
		{verb: "list", resource: "events", namespace: "web", want: false},
		{verb: "get", resource: "namespaces", name: "kube-system", want: true},
		{verb: "get", resource: "namespaces", name: "default", want: false},
		{verb: "create", group: "coordination.k8s.io", resource: "leases", namespace: own, want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "vmgroup-controller", want: true},
		{verb: "get", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "vmgroup-controller-login", want: true},
		{verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: own, name: "another", want: false},
		{verb: "get", group: "coordination.k8s.io", resource: "leases", namespace: "kube-system", name: "vmgroup-controller", want: false},
		{verb: "get", resource: "secrets", namespace: own, want: false},
		{verb: "get", resource: "secrets", namespace: "web", want: false},
	}
	for _, tc := range tests {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + own + ":vmgroup-controller",
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: tc.verb, Group: tc.group, Resource: tc.resource, Subresource: tc.subresource,
				Namespace: tc.namespace, Name: tc.name,
			},
		}}
		answer, err := kube.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status.Allowed != tc.want {
			t.Errorf("allowed is %v, want %v: %+v", answer.Status.Allowed, tc.want, *review.Spec.ResourceAttributes)
		}
	}
}

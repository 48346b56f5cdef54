package crd

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// mustCreate creates the group for the time of the test.
func mustCreate(t *testing.T, group *v1alpha1.VmGroup) *v1alpha1.VmGroup {
	t.Helper()
	created, err := vmGroups.VsphereV1alpha1().VmGroups(namespace).Create(t.Context(), group, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteGroup(t, group.Name) })
	return created
}

// deleteGroup deletes a group at the end of a test, when the test's context is done already.
func deleteGroup(t *testing.T, name string) {
	t.Helper()
	err := vmGroups.VsphereV1alpha1().VmGroups(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("delete the VmGroup %s: %v", name, err)
	}
}

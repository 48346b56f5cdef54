package e2e

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// recordsRevisions sets a partition. What the VMs are made from is recorded, again under another name when somebody takes the
// label off the record, and forgotten with the partition. The record without the label stays until the group goes.
func (s *site) recordsRevisions() {
	s.User("patch", "vg/"+install.Web, "--type=merge", "-p", `{"spec":{"update":{"strategy":"Replace","partition":0}}}`)
	first := s.revisions(v1alpha1.GroupLabel, 1)[0].Name
	s.Admin("-n", s.Namespace, "label", "controllerrevision", first, v1alpha1.GroupLabel+"-")
	s.revisions("", 2)
	if again := s.revisions(v1alpha1.GroupLabel, 1)[0].Name; again == first {
		s.T.Errorf("%s has its label again", first)
	}
	s.User("patch", "vg/"+install.Web, "--type=merge", "-p", `{"spec":{"update":null}}`)
	s.revisions(v1alpha1.GroupLabel, 0)
	s.revisions("", 1)
}

// revisions waits until there are n ControllerRevisions with a label, or in all, and returns them.
func (s *site) revisions(label string, n int) []appsv1.ControllerRevision {
	s.T.Helper()
	var list *appsv1.ControllerRevisionList
	s.Eventually(fmt.Sprintf("%d ControllerRevisions %s", n, label), func() error {
		var err error
		list, err = s.Kube.AppsV1().ControllerRevisions(s.Namespace).List(s.T.Context(), metav1.ListOptions{LabelSelector: label})
		harness.Must(s.T, err)
		if len(list.Items) != n {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		return nil
	})
	return list.Items
}

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// moRefs returns what the group has in vCenter.
func (s *site) moRefs(vg *v1alpha1.VmGroup) []string {
	s.T.Helper()
	var refs []string
	for _, vm := range s.VMs(vg) {
		refs = append(refs, vm.MoRef+" "+vm.PowerState)
	}
	slices.Sort(refs)
	return refs
}

// returns removes the controller and nothing else, and installs it again: every VM is still there, and is taken up again.
func (s *site) returns() {
	vg := s.Ready(install.Web, 3)
	before := s.moRefs(vg)
	s.follow("The controller only", 0)
	s.stopped()
	s.User("scale", "vg/"+install.Web, "--replicas=4")
	s.Admin("apply", "-f", install.Artifact("install.yaml"))
	s.RolledOut()
	s.Ready(install.Web, 4)
	s.User("scale", "vg/"+install.Web, "--replicas=3")
	s.Ready(install.Web, 3)
	if now := s.moRefs(vg); len(now) != len(before) {
		s.T.Errorf("VMs before and after (-before +after):\n%s", cmp.Diff(before, now))
	}
}

// leaves removes everything, the CRD too, while a group is left. Its VMs stay as they are: the controller has lost its
// permissions before the group is marked as deleted. They are nobody's when the finalizer is taken away; a controller that
// is installed again reports them, and touches none.
func (s *site) leaves() {
	s.noneDenied()    // from now on it will be
	s.Checker.Close() // to strip a finalizer is what it would report
	s.User("create", "-f", install.Artifact("examples/example.yaml"))
	vg := s.Ready(install.Web, 3)
	before := s.moRefs(vg)
	s.Admin("delete", "-f", install.Artifact("install.yaml"), "--wait=false")
	s.stopped()
	s.Eventually("the group is marked as deleted", func() error {
		vg, err := s.Get(install.Web)
		if err == nil && vg.DeletionTimestamp == nil {
			err = errors.New("it is not")
		}
		return err
	})
	if diff := cmp.Diff(before, s.moRefs(vg)); diff != "" {
		s.T.Errorf("VMs before and after the controller was removed (-before +after):\n%s", diff)
	}
	s.follow("What if VmGroups are left", 0)
	s.Eventually("the group goes, and the CRD and the namespace", func() error {
		if _, err := s.Get(install.Web); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the group: %v", err)
		}
		_, err := s.Kube.CoreV1().Namespaces().Get(s.T.Context(), install.System, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the namespace: %v", err)
		}
		return nil
	})
	s.install()
	s.reportsOrphans("3")
	if diff := cmp.Diff(before, s.moRefs(vg)); diff != "" {
		s.T.Errorf("VMs before and after the controller came back (-before +after):\n%s", diff)
	}
	s.removeVMs(vg)
}

func (s *site) reportsOrphans(want string) {
	s.T.Helper()
	s.Eventually("the orphans are reported", func() error {
		pod, _ := s.leader()
		if n := s.metric(pod, "vmgroup_orphans"); n != want {
			return fmt.Errorf("vmgroup_orphans is %q", n)
		}
		return nil
	})
}

// orphans removes everything but the VMs of a group.
func (s *site) orphans() {
	s.User("create", "-f", install.Artifact("examples/example.yaml"))
	vg := s.Ready(install.Web, 3)
	before := s.moRefs(vg)
	s.follow("Everything, but keep the VMs", 0)
	s.stopped()
	if diff := cmp.Diff(before, s.moRefs(vg)); diff != "" || len(before) != 3 {
		s.T.Errorf("VMs before and after (-before +after):\n%s", diff)
	}
	s.removeVMs(vg)
}

// removeVMs is what somebody does in vCenter with VMs that are nobody's.
func (s *site) removeVMs(vg *v1alpha1.VmGroup) {
	s.T.Helper()
	for _, vm := range s.VMs(vg) {
		harness.Must(s.T, s.VCenter.Control.DestroyVM(s.T.Context(), vm.MoRef))
	}
}

// stopped waits until no Pod of the controller runs.
func (s *site) stopped() {
	s.T.Helper()
	s.Eventually("the Pods go", func() error {
		if pods := s.Pods(); len(pods) > 0 {
			return fmt.Errorf("%d are left", len(pods))
		}
		return nil
	})
}

// metric returns the value of a metric without labels at a Pod, empty if it does not answer.
func (s *site) metric(pod, name string) string {
	s.T.Helper()
	for line := range strings.Lines(s.nodes.Get(pod, "metrics", "/metrics")) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/node"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const account = "vmgroup-controller" // the ServiceAccount of the controller

// site is a cluster with two nodes and a vCenter.
type site struct {
	*install.Site
	nodes     *node.Nodes
	desk      *desk
	auditFrom int64               // where the audit log begins to concern it
	rules     []rbacv1.PolicyRule // what its ServiceAccount may do, noted before it is removed
}

// newSite makes nodes that run the controller's Pods, and a namespace for VmGroups, by a name of its own if none is given.
func newSite(t *testing.T, groups string, o vcsim.Options) *site {
	t.Helper()
	return newSiteWith(t, groups, o, nil)
}

// newSiteWith is newSite with images that hold other binaries than the one that ships.
func newSiteWith(t *testing.T, groups string, o vcsim.Options, images map[string]string) *site {
	t.Helper()
	return newSiteAt(t, install.New(t, cluster, groups, o), images)
}

func newSiteAt(t *testing.T, s *install.Site, images map[string]string) *site {
	t.Helper()
	return &site{Site: s, desk: newDesk(t, s.Dir, s.Namespace), auditFrom: auditSize(t), nodes: node.Start(t, node.Options{
		Kubeconfig: cluster.Kubeconfig(), Namespace: install.System, Names: []string{"node-a", "node-b"},
		Binary: filepath.Join(harness.Root(), "bin", "vmgroup-controller"), Images: images,
	})}
}

func (s *site) try(args ...string) (string, error) {
	return cluster.Kubectl(s.T.Context(), append([]string{"-n", s.Namespace}, args...)...)
}

// install installs as docs/install.md says.
func (s *site) install() {
	s.T.Helper()
	s.Configure()
	s.WriteSecret()
	s.follow("Install", 0)
}

// leader returns the Pod that holds the Lease and is there to stay, and as whom: a container that was started again in the same
// Pod is another holder.
func (s *site) leader() (pod, holder string) {
	s.T.Helper()
	s.Eventually("a Pod leads", func() error {
		lease, err := s.Kube.CoordinationV1().Leases(install.System).Get(s.T.Context(), install.Deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		holder = ptr.Deref(lease.Spec.HolderIdentity, "")
		for _, p := range s.Pods() {
			if p.DeletionTimestamp == nil && strings.Contains(s.nodes.Log(p.Name), fmt.Sprintf("identity=%q self=true", holder)) {
				pod = p.Name
				return nil
			}
		}
		return fmt.Errorf("the holder of the Lease, %q, is no Pod that runs", holder)
	})
	return pod, holder
}

// succeeded waits until another than the old holder leads, and says how long that took.
func (s *site) succeeded(old string) {
	s.T.Helper()
	began := time.Now()
	s.Eventually("another leads", func() error {
		if _, holder := s.leader(); holder == old {
			return errors.New("it is the old one")
		}
		return nil
	})
	s.T.Logf("another leads after %s", time.Since(began).Round(100*time.Millisecond))
}

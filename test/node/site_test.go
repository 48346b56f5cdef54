package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const image = "docker.io/vmgroup/vmgroup-controller:devel" // as the manifests call it

var errNoLeader = errors.New("no Pod that is there holds the Lease, or the old one does")

// site is a cluster with a real node, and a vCenter that the node's Pods can reach.
type site struct{ *install.Site }

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{install.New(t, cluster, "", vcsim.Options{Listen: devcluster.NodeAddress + ":0"})}
	t.Cleanup(s.explain)
	return s
}

// explain logs what a person would look at, if the test has failed.
func (s *site) explain() {
	if !s.T.Failed() {
		return
	}
	for _, args := range [][]string{
		{"describe", "pods"},
		{"logs", "--selector=app.kubernetes.io/name=" + install.Deployment, "--tail=50", "--prefix"},
	} {
		out, err := cluster.Kubectl(context.WithoutCancel(s.T.Context()), append([]string{"-n", install.System}, args...)...)
		s.T.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// restarts returns how often the container of each Pod was started again.
func (s *site) restarts() map[string]int32 {
	s.T.Helper()
	counts := map[string]int32{}
	for _, pod := range s.Pods() {
		counts[pod.Name] = pod.Status.ContainerStatuses[0].RestartCount
	}
	return counts
}

// leader waits until a container that runs holds the Lease, and is another holder than old. It returns its Pod, and the holder:
// a container that was started again in the same Pod is another one.
func (s *site) leader(old string) (pod *corev1.Pod, holder string) {
	s.T.Helper()
	s.Eventually("another leads", func() error {
		lease, err := s.Kube.CoordinationV1().Leases(install.System).Get(s.T.Context(), install.Deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if holder = ptr.Deref(lease.Spec.HolderIdentity, ""); holder == old {
			return errNoLeader
		}
		for _, p := range s.Pods() {
			// It is the name of the host, which is that of the Pod, and something of its own.
			if strings.HasPrefix(holder, p.Name+"_") {
				pod = &p
				return nil
			}
		}
		return errNoLeader
	})
	return pod, holder
}

package node

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// What the manifests call things.
const (
	system     = "vmgroup-system"
	deployment = "vmgroup-controller"
	image      = "docker.io/vmgroup/vmgroup-controller:devel"
	web        = "kopf-vmworld-example" // the group of the first example
)

var errNoLeader = errors.New("no Pod that is there holds the Lease, or the old one does")

// site is a cluster with a real node, and a vCenter that the node's Pods can reach.
type site struct {
	*harness.World
	checker  *invariants.Checker
	password string // of vCenter
}

func newSite(t *testing.T) *site {
	t.Helper()
	w := harness.NewWorld(t, cluster, vcsim.Options{Listen: devcluster.NodeAddress + ":0"})
	s := &site{World: w, checker: invariants.Watch(w, invariants.Options{Untapped: true}), password: w.VCenter.Password}
	t.Cleanup(s.explain)
	return s
}

// kubectl runs kubectl in the namespace of the VmGroups.
func (s *site) kubectl(args ...string) string {
	s.T.Helper()
	return s.admin(append([]string{"-n", s.Namespace}, args...)...)
}

// admin runs kubectl in no particular namespace.
func (s *site) admin(args ...string) string {
	s.T.Helper()
	out, err := cluster.Kubectl(s.T.Context(), args...)
	harness.Must(s.T, err)
	return out
}

// explain logs what a person would look at, if the test has failed.
func (s *site) explain() {
	if !s.T.Failed() {
		return
	}
	for _, args := range [][]string{
		{"describe", "pods"},
		{"logs", "--selector=app.kubernetes.io/name=" + deployment, "--tail=50", "--prefix"},
	} {
		out, err := cluster.Kubectl(context.WithoutCancel(s.T.Context()), append([]string{"-n", system}, args...)...)
		s.T.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// artifact returns the path of a manifest that ships.
func artifact(name string) string { return filepath.Join(harness.Root(), "artifacts", name) }

// configure makes the ConfigMap from the example that ships.
func (s *site) configure() {
	s.T.Helper()
	u, err := url.Parse(s.VCenter.URL)
	harness.Must(s.T, err)
	s.fromExample("config.example.yaml", map[string]any{"data": map[string]string{"VC_HOST": u.Hostname(), "VC_PORT": u.Port()}})
}

// writeSecret makes the Secret from the example that ships, or changes it.
func (s *site) writeSecret() {
	s.T.Helper()
	ca, err := os.ReadFile(s.VCenter.CAFile)
	harness.Must(s.T, err)
	s.fromExample("secret.example.yaml", map[string]any{"stringData": map[string]string{
		"username": s.VCenter.Username, "password": s.password, "ca.crt": string(ca),
	}})
}

// fromExample applies an example with some values changed, as users do with an editor.
func (s *site) fromExample(name string, change map[string]any) {
	s.T.Helper()
	patch, err := json.Marshal(change)
	harness.Must(s.T, err)
	text := s.admin("-n", system, "patch", "--local", "-f", artifact(name), "--type=merge", "-p", string(patch), "-o", "yaml")
	file := filepath.Join(s.T.TempDir(), name)
	harness.Must(s.T, os.WriteFile(file, []byte(text), 0o600))
	s.admin("-n", system, "apply", "-f", file)
}

// rolledOut waits until the Pods of the Deployment are those that it wants, and ready.
func (s *site) rolledOut() {
	s.T.Helper()
	s.admin("-n", system, "rollout", "status", "deployment/"+deployment, "--timeout=120s")
}

// pods returns the controller's Pods.
func (s *site) pods() []corev1.Pod {
	s.T.Helper()
	list, err := s.Kube.CoreV1().Pods(system).List(s.T.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + deployment})
	harness.Must(s.T, err)
	return list.Items
}

// restarts returns how often the container of each Pod was started again.
func (s *site) restarts() map[string]int32 {
	s.T.Helper()
	counts := map[string]int32{}
	for _, pod := range s.pods() {
		counts[pod.Name] = pod.Status.ContainerStatuses[0].RestartCount
	}
	return counts
}

// leader waits until a container that runs holds the Lease, and is another holder than old. It returns its Pod, and the holder:
// a container that was started again in the same Pod is another one.
func (s *site) leader(old string) (pod *corev1.Pod, holder string) {
	s.T.Helper()
	s.Eventually("another leads", func() error {
		lease, err := s.Kube.CoordinationV1().Leases(system).Get(s.T.Context(), deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if holder = ptr.Deref(lease.Spec.HolderIdentity, ""); holder == old {
			return errNoLeader
		}
		for _, p := range s.pods() {
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

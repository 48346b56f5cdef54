package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/node"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// What the manifests call things.
const (
	system     = "vmgroup-system"
	deployment = "vmgroup-controller"
	account    = "vmgroup-controller"
	secret     = "vmgroup-controller-vcenter"
)

// site is a cluster with two nodes and a vCenter.
type site struct {
	*harness.World
	nodes     *node.Nodes
	desk      *desk
	checker   *invariants.Checker
	auditFrom int64               // where the audit log begins to concern it
	password  string              // of vCenter
	settings  map[string]string   // besides where vCenter is
	namespace string              // of the controller
	rules     []rbacv1.PolicyRule // what its ServiceAccount may do, noted before it is removed
}

// newSite makes nodes that run the Pods of a namespace, and a namespace for VmGroups, by a name of its own if none is given.
func newSite(t *testing.T, namespace, groups string, o vcsim.Options) *site {
	t.Helper()
	w := harness.NewWorldIn(t, cluster, groups, o)
	checker := invariants.Watch(w, invariants.Options{Untapped: true})
	return &site{World: w, desk: newDesk(t, w.Namespace), auditFrom: auditSize(t), checker: checker, password: w.VCenter.Password, namespace: namespace, nodes: node.Start(t, node.Options{
		Kubeconfig: cluster.Kubeconfig(), Namespace: namespace, Names: []string{"node-a", "node-b"},
		Binary: filepath.Join(harness.Root(), "bin", "vmgroup-controller"),
	})}
}

// kubectl runs kubectl in the namespace of the VmGroups, as an administrator if it is not told otherwise.
func (s *site) kubectl(args ...string) string {
	s.T.Helper()
	return s.admin(append([]string{"-n", s.Namespace}, args...)...)
}

func (s *site) try(args ...string) (string, error) {
	return cluster.Kubectl(s.T.Context(), append([]string{"-n", s.Namespace}, args...)...)
}

// admin runs kubectl in no particular namespace.
func (s *site) admin(args ...string) string {
	s.T.Helper()
	out, err := cluster.Kubectl(s.T.Context(), args...)
	harness.Must(s.T, err)
	return out
}

// artifact returns the path of a manifest that ships.
func artifact(name string) string { return filepath.Join(harness.Root(), "artifacts", name) }

// install installs as docs/install.md says.
func (s *site) install() {
	s.T.Helper()
	s.configure()
	s.writeSecret()
	s.follow("Install", 0)
}

// configure writes the ConfigMap from the example that ships.
func (s *site) configure() {
	s.T.Helper()
	u, err := url.Parse(s.VCenter.URL)
	harness.Must(s.T, err)
	all := map[string]string{"VC_HOST": u.Hostname(), "VC_PORT": u.Port()}
	maps.Copy(all, s.settings)
	s.fromExample("config.example.yaml", "config.yaml", map[string]any{"data": all})
}

// writeSecret writes the Secret from the example that ships.
func (s *site) writeSecret() {
	s.T.Helper()
	ca, err := os.ReadFile(s.VCenter.CAFile)
	harness.Must(s.T, err)
	s.fromExample("secret.example.yaml", "secret.yaml", map[string]any{"stringData": map[string]string{
		"username": s.VCenter.Username, "password": s.password, "ca.crt": string(ca),
	}})
}

// fromExample writes a file from an example, with some values changed, as users do with an editor.
func (s *site) fromExample(example, name string, change map[string]any) {
	s.T.Helper()
	patch, err := json.Marshal(change)
	harness.Must(s.T, err)
	text := s.admin("patch", "--local", "-f", artifact(example), "--type=merge", "-p", string(patch), "-o", "yaml")
	harness.Must(s.T, os.WriteFile(s.file(name), []byte(text), 0o600))
}

// file returns the path of a file that the user has written.
func (s *site) file(name string) string { return filepath.Join(s.desk.dir, name) }

// rolledOut waits until the Pods of the Deployment are those that it wants, and ready.
func (s *site) rolledOut() {
	s.T.Helper()
	s.admin("-n", s.namespace, "rollout", "status", "deployment/"+deployment, "--timeout=120s")
}

// pods returns the controller's Pods.
func (s *site) pods() []corev1.Pod {
	s.T.Helper()
	list, err := s.Kube.CoreV1().Pods(s.namespace).List(s.T.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=vmgroup-controller"})
	harness.Must(s.T, err)
	return list.Items
}

// leader returns the Pod that holds the Lease and is there to stay, and as whom: a container that was started again in the same
// Pod is another holder.
func (s *site) leader() (pod, holder string) {
	s.T.Helper()
	s.Eventually("a Pod leads", func() error {
		lease, err := s.Kube.CoordinationV1().Leases(s.namespace).Get(s.T.Context(), deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		holder = ptr.Deref(lease.Spec.HolderIdentity, "")
		for _, p := range s.pods() {
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

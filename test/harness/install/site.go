// Package install has what all tests of an installation need: the files that a user writes from the examples that ship,
// the controller's Pods, and kubectl.
package install

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// What the manifests call things.
const (
	System     = "vmgroup-system"       // the namespace of the controller
	Deployment = "vmgroup-controller"   // its Lease has that name too
	Web        = "kopf-vmworld-example" // the group of the first example
)

// Files that Configure and WriteSecret write.
const (
	ConfigFile = "config.yaml"
	SecretFile = "secret.yaml"
)

// Site is a cluster, a vCenter, and a directory with the files of the user who installs the controller.
type Site struct {
	*harness.World
	Checker  *invariants.Checker
	Password string            // of vCenter
	Settings map[string]string // besides where vCenter is
	Dir      string
}

// New makes a namespace for VmGroups, by a name of its own if none is given, and starts a vCenter.
func New(t testing.TB, cluster *devcluster.Cluster, groups string, o vcsim.Options) *Site {
	t.Helper()
	return NewLimited(t, cluster, groups, o, nil)
}

// NewLimited is New for classes that allow only so many VMs in a namespace, by their names: see I18 in package invariants.
func NewLimited(t testing.TB, cluster *devcluster.Cluster, groups string, o vcsim.Options, most map[string]int) *Site {
	t.Helper()
	w := harness.NewWorldIn(t, cluster, groups, o)
	return &Site{
		World: w, Checker: invariants.Watch(w, invariants.Options{Untapped: true, VMsPerNamespace: most}), Password: w.VCenter.Password, Dir: t.TempDir(),
	}
}

// User runs kubectl in the namespace of the VmGroups, as an administrator unless the arguments say otherwise.
func (s *Site) User(args ...string) string {
	s.T.Helper()
	return s.Admin(append([]string{"-n", s.Namespace}, args...)...)
}

// Admin runs kubectl in no particular namespace.
func (s *Site) Admin(args ...string) string {
	s.T.Helper()
	out, err := s.Cluster.Kubectl(s.T.Context(), args...)
	harness.Must(s.T, err)
	return out
}

// Artifact returns the path of a manifest that ships.
func Artifact(name string) string { return filepath.Join(harness.Root(), "artifacts", name) }

// File returns the path of a file that the user has written.
func (s *Site) File(name string) string { return filepath.Join(s.Dir, name) }

// Configure writes the ConfigMap from the example that ships.
func (s *Site) Configure() {
	s.T.Helper()
	u, err := url.Parse(s.VCenter.URL)
	harness.Must(s.T, err)
	all := map[string]string{"VC_HOST": u.Hostname(), "VC_PORT": u.Port()}
	maps.Copy(all, s.Settings)
	s.fromExample("config.example.yaml", ConfigFile, map[string]any{"data": all})
}

// WriteSecret writes the Secret from the example that ships.
func (s *Site) WriteSecret() {
	s.T.Helper()
	ca, err := os.ReadFile(s.VCenter.CAFile)
	harness.Must(s.T, err)
	s.fromExample("secret.example.yaml", SecretFile, map[string]any{"stringData": map[string]string{
		"username": s.VCenter.Username, "password": s.Password, "ca.crt": string(ca),
	}})
}

// fromExample writes a file from an example, with some values changed, as users do with an editor.
func (s *Site) fromExample(example, name string, change map[string]any) {
	s.T.Helper()
	patch, err := json.Marshal(change)
	harness.Must(s.T, err)
	text := s.Admin("patch", "--local", "-f", Artifact(example), "--type=merge", "-p", string(patch), "-o", "yaml")
	harness.Must(s.T, os.WriteFile(s.File(name), []byte(text), 0o600))
}

// RolledOut waits until the Pods of the Deployment are those that it wants, and ready.
func (s *Site) RolledOut() {
	s.T.Helper()
	s.Admin("-n", System, "rollout", "status", "deployment/"+Deployment, "--timeout=120s")
}

// Pods returns the controller's Pods.
func (s *Site) Pods() []corev1.Pod {
	s.T.Helper()
	list, err := s.Kube.CoreV1().Pods(System).List(s.T.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + Deployment})
	harness.Must(s.T, err)
	return list.Items
}

// Chapter is one part of the life of an installation.
type Chapter[S any] struct {
	Name string
	Play func(S)
}

// Play plays chapters in turn, each on what the one before has left. The first that fails is the last.
func Play[S any](t *testing.T, site S, chapters []Chapter[S]) {
	t.Helper()
	for _, chapter := range chapters {
		began := time.Now()
		chapter.Play(site)
		if t.Failed() {
			t.Fatalf("failed: %s", chapter.Name)
		}
		t.Logf("%s: %s", chapter.Name, time.Since(began).Round(time.Millisecond))
	}
}

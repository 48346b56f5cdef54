package plugin

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

func TestHelp(t *testing.T) {
	kubectl := newWorld(t, vcsim.Options{}).Kubectl()
	want(t, kubectl.Run("vmgroup"), 0, "Usage:", "only read", "tree", "status", "plan", "orphans", "rollout status",
		"write the spec of a VmGroup", "rollout restart", "protect", "unprotect", "replace", "No command changes anything in vCenter", "-h")
	want(t, kubectl.Run("vmgroup", "-h"), 0, "Usage:")
	for _, args := range [][]string{{"rollout"}, {"rollout", "-h"}} {
		want(t, kubectl.Run(append([]string{"vmgroup"}, args...)...), 0, "Usage:", "rollout status", "rollout restart")
	}
	for command, vCenter := range map[string]bool{
		"tree": true, "status": false, "plan": true, "orphans": true, "rollout status": false, "rollout restart": false, "rollout pause": false, "rollout resume": false,
		"protect": true, "unprotect": true, "replace": true,
	} {
		ran := kubectl.Run(append(append([]string{"vmgroup"}, strings.Fields(command)...), "-h")...)
		want(t, ran, 0, "Usage:\n  kubectl vmgroup "+command, "Flags:", "-kubeconfig")
		if says := strings.Contains(ran.Stdout, "lockout"); says != vCenter {
			t.Errorf("%s speaks of the lockout: %t, want %t", command, says, vCenter)
		}
	}
}

// TestMistakes says what is wrong, and exits with 2 if it is the command line, otherwise with 1.
func TestMistakes(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	kubectl := w.Kubectl()
	for name, tc := range map[string]struct {
		env   []string
		args  []string
		code  int
		parts []string
	}{
		"unknown command":      {nil, []string{"trees"}, 2, []string{`unknown command "trees"`, "kubectl vmgroup -h"}},
		"unknown second word":  {nil, []string{"rollout", "undo"}, 2, []string{`unknown command "rollout undo"`, "kubectl vmgroup -h"}},
		"no VM":                {nil, []string{"protect", "web"}, 2, []string{"kubectl vmgroup protect NAME VM..."}},
		"no name: rollout":     {nil, []string{"rollout", "status"}, 2, []string{"kubectl vmgroup rollout status NAME"}},
		"no name: restart":     {nil, []string{"rollout", "restart"}, 2, []string{"kubectl vmgroup rollout restart NAME"}},
		"another dry run":      {nil, []string{"protect", "web", "vm", "-dry-run=client"}, 2, []string{`-dry-run is "client"`, "none or server"}},
		"a negative timeout":   {nil, []string{"rollout", "status", "web", "-timeout=-1s"}, 2, []string{"-timeout is -1s"}},
		"no such group: write": {nil, []string{"replace", "web", "vm"}, 1, []string{"there is no VmGroup web in namespace default"}},
		"unknown flag":         {nil, []string{"tree", "web", "-x"}, 2, []string{"-x", "kubectl vmgroup tree -h"}},
		"no name":              {nil, []string{"tree"}, 2, []string{"kubectl vmgroup tree NAME"}},
		"two names":            {nil, []string{"tree", "web", "db"}, 2, []string{`"db"`}},
		"neither name nor -f":  {nil, []string{"plan"}, 2, []string{"NAME or -f"}},
		"name and -f":          {nil, []string{"plan", "web", "-f", "x"}, 2, []string{"NAME or -f"}},
		"name and -A":          {nil, []string{"status", "web", "-A"}, 2, []string{"-A"}},
		"no such group":        {nil, []string{"tree", "web"}, 1, []string{"there is no VmGroup web in namespace default", "kubectl get vmgroups -n default"}},
		"no such group: watch": {nil, []string{"status", "web", "-watch"}, 1, []string{"there is no VmGroup web in namespace default"}},
		"no such context":      {nil, []string{"status", "-context", "nowhere"}, 1, []string{"nowhere"}},
		"no kubeconfig":        {[]string{"KUBECONFIG="}, []string{"status"}, 1, []string{"-kubeconfig", "KUBECONFIG"}},
		"a missing kubeconfig": {nil, []string{"status", "-kubeconfig", "/nowhere"}, 1, []string{"-kubeconfig", "/nowhere"}},
		"no vCenter":           {[]string{"VC_HOST="}, []string{"orphans"}, 2, []string{"no vCenter is named", "VC_HOST", "GOVC_URL"}},
		"no password":          {[]string{"VC_PASS="}, []string{"orphans"}, 2, []string{"no credentials", "VC_PASS"}},
		"a blank in the host":  {[]string{"VC_HOST=vc example"}, []string{"orphans"}, 2, []string{"VC_HOST", `"vc example"`}},
		"two lines in a word":  {[]string{"VC_USER=a\nb"}, []string{"orphans"}, 2, []string{"VC_USER", "one line"}},
		"two lines in a name":  {nil, []string{"orphans", "-datacenter", "a\nb"}, 2, []string{"-datacenter", "one line"}},
		"no such CA file":      {[]string{"GOVC_TLS_CA_CERTS=/nowhere"}, []string{"orphans"}, 1, []string{"GOVC_TLS_CA_CERTS", `"/nowhere"`, "no such file"}},
		"an unknown CA":        {[]string{"GOVC_TLS_CA_CERTS="}, []string{"orphans"}, 1, []string{"certificate", "-vcenter-ca-file"}},
		"no such datacenter":   {nil, []string{"orphans", "-datacenter", "DC7"}, 1, []string{"DC7", "DC0"}},
		"vCenter is away":      {[]string{"VC_PORT=1"}, []string{"orphans"}, 1, []string{"vCenter does not answer", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			ran := kubectl.With(tc.env...).Run(append([]string{"vmgroup"}, tc.args...)...)
			want(t, ran, tc.code, append([]string{"error: "}, tc.parts...)...)
			if ran.Stdout != "" {
				t.Errorf("stdout: %s", ran.Stdout)
			}
		})
	}
}

// TestBlanksThatNobodyMeans has the environment of a shell that read it from files, and files in the place of credentials.
func TestBlanksThatNobodyMeans(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		harness.Must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	user, password := file("user", w.VCenter.Username+"\n"), file("password", w.VCenter.Password+"\n")
	u, err := url.Parse(w.VCenter.URL)
	harness.Must(t, err)
	for name, env := range map[string][]string{
		"line breaks": {
			"VC_HOST=" + u.Hostname() + "\n", "VC_PORT=" + u.Port() + "\n", "VC_USER=" + w.VCenter.Username + "\n",
			"VC_PASS=" + w.VCenter.Password + "\n", "GOVC_TLS_CA_CERTS=" + w.VCenter.CAFile + "\n", "GOVC_DATACENTER=DC0\n",
		},
		"credentials in files": {"VC_USER=", "VC_PASS=", "GOVC_USERNAME=" + user, "GOVC_PASSWORD=" + password},
		"two CA files":         {"GOVC_TLS_CA_CERTS=" + w.VCenter.CAFile + ":" + w.VCenter.CAFile},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, w.Kubectl().With(env...).Run("vmgroup", "orphans"), 0, "There are no orphans")
		})
	}
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if calls.LoginsRefused != 0 || calls.LoginsOK != 3 {
		t.Errorf("%d refused logins and %d others, want 0 and 3", calls.LoginsRefused, calls.LoginsOK)
	}
}

// TestLogout leaves nothing behind in vCenter, and has logged in once for each command that needs it.
func TestLogout(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.Create(w.Group("web", 1))
	kubectl := w.Kubectl()
	for _, args := range [][]string{{"orphans"}, {"tree", "web"}, {"status", "web"}} {
		want(t, kubectl.Run(append([]string{"vmgroup"}, append(args, "-n", w.Namespace)...)...), 0)
	}
	leaks, err := w.VCenter.Control.Leaks(t.Context())
	harness.Must(t, err)
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if leaks.Sessions+leaks.Collectors+leaks.Filters+leaks.Views > 0 || calls.LoginsOK != 2 {
		t.Errorf("%d logins, want 2; left in vCenter: %+v", calls.LoginsOK, leaks)
	}
}

func TestMissingCRD(t *testing.T) {
	t.Parallel()
	bare := harness.NewCluster(t, devcluster.Options{})
	w := harness.NewWorld(t, bare, vcsim.Options{})
	invariants.Watch(w, invariants.Options{})
	for _, args := range [][]string{{"tree", "web"}, {"status"}, {"status", "-watch"}, {"orphans"}, {"protect", "web", "vm"}, {"rollout", "status", "web"}} {
		want(t, w.Kubectl().Run(append([]string{"vmgroup"}, args...)...), 1, "error: ", "not installed", "kubectl create -f artifacts/crd.yaml")
	}
	want(t, w.Kubectl().With("KUBECONFIG="+w.Impersonate("nobody")).Run("vmgroup", "status"), 1, "not installed")
}

// TestPermissions runs as somebody who may do nothing, and as somebody who may look at one namespace.
func TestPermissions(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
	nobody := w.Kubectl().With("KUBECONFIG=" + w.Impersonate("nobody"))
	for _, args := range [][]string{{"tree", "web"}, {"status"}, {"status", "-watch"}, {"orphans"}, {"protect", "web", "vm"}, {"rollout", "status", "web"}} {
		want(t, nobody.Run(append([]string{"vmgroup"}, args...)...), 1, "error: ", "denies it", `User "nobody" cannot`, "vmgroups")
	}

	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "viewer"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.SchemeGroupVersion.Group}, Resources: []string{"vmgroups"}, Verbs: []string{"get", "list", "watch"},
	}}}
	_, err := w.Kube.RbacV1().Roles(w.Namespace).Create(t.Context(), role, metav1.CreateOptions{})
	harness.Must(t, err)
	_, err = w.Kube.RbacV1().RoleBindings(w.Namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "viewer"}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "viewer"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "viewer"}},
	}, metav1.CreateOptions{})
	harness.Must(t, err)
	viewer := w.Kubectl().With("KUBECONFIG=" + w.Impersonate("viewer"))
	w.Eventually("the role counts", func() error {
		_, err := w.Cluster.Kubectl(t.Context(), "auth", "can-i", "list", "vmgroups", "-n", w.Namespace, "--as", "viewer")
		return err
	})
	want(t, viewer.Run("vmgroup", "status", "-n", w.Namespace), 0, "web", "READY")
	want(t, viewer.Run("vmgroup", "tree", "web", "-n", w.Namespace), 1, "web-", "Available", "error: ", "kube-system", "-owner-id")
	owner, err := w.Kube.CoreV1().Namespaces().Get(t.Context(), metav1.NamespaceSystem, metav1.GetOptions{})
	harness.Must(t, err)
	id := string(owner.UID)
	want(t, viewer.Run("vmgroup", "tree", "web", "-n", w.Namespace, "-owner-id", id), 0, "READY", "web-", "Available")
	want(t, viewer.Run("vmgroup", "orphans", "-owner-id", id), 1, "denies it", "at the cluster scope")
	want(t, viewer.Run("vmgroup", "orphans", "-owner-id", id, "-n", w.Namespace), 0, "There are no orphans")

	file := filepath.Join(t.TempDir(), "new.yaml")
	harness.Must(t, os.WriteFile(file, []byte(newGroup), 0o600))
	want(t, viewer.Run("vmgroup", "plan", "-f", file, "-n", w.Namespace, "-owner-id", id), 0, "clone", "new-?????-0", "was not asked")
}

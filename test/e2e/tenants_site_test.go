package e2e

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// People, and the most VMs that the classes of the examples allow in a namespace.
const (
	cleo   = "cleo"   // has the role edit in the namespace ci
	dora   = "dora"   // has the role vmgroup-edit in the namespace shop
	victor = "victor" // has the role vmgroup-view in the namespace shop

	mostRunners = 8
	mostGold    = 11
)

// tenants is a cluster with a namespace for each of two teams. Each team has a class, a vCenter and a controller.
type tenants struct {
	ci   *site         // whose controller is installed as docs/install.md says
	shop *install.Site // whose controller is a second Deployment
	jobs atomic.Int64  // that wait for a runner
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	ci := install.NewLimited(t, cluster, "ci", vcsim.Options{Inventory: "testdata/ci.yaml", TemplateFolder: "templates"}, map[string]int{"ci": mostRunners})
	shop := install.NewLimited(t, cluster, "shop", vcsim.Options{Inventory: "testdata/gold.yaml", TemplateFolder: "templates"}, map[string]int{"gold": mostGold})
	for _, s := range []*install.Site{ci, shop} {
		harness.Must(t, s.VCenter.Control.SetUsualGuest(t.Context(), control.Guest{Tools: true, CloudInit: true}))
	}
	_, err := shop.VCenter.Control.AddTag(t.Context(), "backup", "daily")
	harness.Must(t, err)
	return &tenants{ci: newSiteAt(t, ci, nil), shop: shop}
}

// installs installs a controller for each vCenter.
func (s *tenants) installs() {
	s.ci.Configure()
	s.ci.WriteSecret()
	s.ci.follow("Install", 0)
	s.shop.Configure()
	s.shop.WriteSecret()
	s.ci.Admin("-n", install.System, "create", "role", "vmgroup-controller-vc2", "--verb=get,update", "--resource=leases",
		"--resource-name=vmgroup-controller-vc2", "--resource-name=vmgroup-controller-vc2-login")
	s.ci.Admin("-n", install.System, "create", "rolebinding", "vmgroup-controller-vc2", "--role=vmgroup-controller-vc2",
		"--serviceaccount="+install.System+":"+account)
	for _, file := range []string{s.shop.File(install.ConfigFile), s.shop.File(install.SecretFile), install.Artifact("controller/deployment.yaml")} {
		s.ci.Admin("apply", "-f", s.ci.written(s.second(file)))
	}
	s.ci.Admin("-n", install.System, "rollout", "status", "deployment/vmgroup-controller-vc2", "--timeout=120s")
}

// second returns a manifest of the controller as one of a second controller, which has its name in all names but that of the
// ServiceAccount.
func (s *tenants) second(file string) string {
	s.ci.T.Helper()
	text, err := os.ReadFile(file)
	harness.Must(s.ci.T, err)
	keep := func(text string) []string { return []string{text, text} }
	return strings.NewReplacer(append(append(append(
		keep("serviceAccountName: vmgroup-controller\n"), keep("vmgroup/vmgroup-controller")...), keep("/etc/vmgroup-controller")...),
		"- -v=2\n", "- -v=2\n        - -controller-name=vc2\n", "vmgroup-controller", "vmgroup-controller-vc2")...).Replace(string(text))
}

// admits gives people their roles, offers the classes, and lets the controllers read the Secrets that the examples name.
func (s *tenants) admits() {
	for _, group := range []struct{ namespace, class, user, role, secrets string }{
		{"ci", "ci", cleo, "edit", "runner-v7"},
		{"shop", "gold", dora, "vmgroup-edit", "pg-userdata web-v12"},
	} {
		s.ci.Admin("-n", group.namespace, "create", "rolebinding", group.user, "--clusterrole="+group.role, "--user="+group.user)
		s.ci.Admin("label", "namespace", group.namespace, "vmgroups="+group.class)
		role := []string{"-n", group.namespace, "create", "role", "vmgroup-user-data", "--verb=get", "--resource=secrets"}
		for name := range strings.FieldsSeq(group.secrets) {
			s.ci.Admin("-n", group.namespace, "create", "secret", "generic", name, "--from-literal=user-data=#cloud-config")
			role = append(role, "--resource-name="+name)
		}
		s.ci.Admin(role...)
		s.ci.Admin("-n", group.namespace, "create", "rolebinding", "vmgroup-user-data", "--role=vmgroup-user-data", "--serviceaccount="+install.System+":"+account)
	}
	s.ci.Admin("-n", "shop", "create", "rolebinding", victor, "--clusterrole=vmgroup-view", "--user="+victor)
	s.ci.Admin("apply", "-f", install.Artifact("examples/users-classes.yaml"))
	s.ci.Admin("wait", "--for=condition=Ready", "--timeout=60s", "vgc/ci", "vgc/gold")
}

// apply applies one of the examples as a tenant.
func (s *tenants) apply(site *install.Site, user, app string) {
	s.ci.T.Helper()
	site.User("apply", "-f", install.Artifact("examples/users.yaml"), "-l", "app="+app, "--as="+user)
}

// say has the guests of a group say that they are ready, and waits until it has n VMs.
func (s *tenants) say(site *install.Site, name string, n int32) *v1alpha1.VmGroup {
	s.ci.T.Helper()
	s.says(site, name, func(vg *v1alpha1.VmGroup) bool {
		return vg.Status.Phase == v1alpha1.PhaseReady && vg.Status.AvailableReplicas == n
	})
	return site.Ready(name, n)
}

// says has the guests of a group say that they are ready, until the group is as it is to be.
func (s *tenants) says(site *install.Site, name string, done func(*v1alpha1.VmGroup) bool) {
	s.ci.T.Helper()
	told := map[string]bool{}
	site.Meets(name, func(vg *v1alpha1.VmGroup) error {
		for _, vm := range site.VMs(vg) {
			if vm.PowerState != "poweredOn" || told[vm.MoRef] {
				continue
			}
			if err := site.VCenter.Control.SetGuestInfo(site.T.Context(), vm.MoRef, vsphere.ReadyKey, "true"); err != nil {
				return err
			}
			told[vm.MoRef] = true
		}
		return until(vg, done)
	})
}

package e2e

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestNamespaced installs the controller of one namespace, with Roles alone.
func TestNamespaced(t *testing.T) {
	const groups = "vmgroups" // whose VmGroups it serves
	s := newSite(t, groups, vcsim.Options{})
	s.Admin("create", "namespace", install.System)
	s.Admin("label", "namespace", install.System, "pod-security.kubernetes.io/enforce=restricted")
	s.Settings = map[string]string{"OWNER_ID": "e2e"}
	s.Configure()
	s.WriteSecret()
	for _, file := range []string{install.Artifact("crd.yaml"), install.Artifact("install-namespaced.yaml"), s.File(install.ConfigFile), s.File(install.SecretFile)} {
		s.Admin("apply", "-f", file)
	}
	s.RolledOut()

	s.User("create", "-f", install.Artifact("examples/example.yaml"))
	s.Ready(install.Web, 3)
	for range 2 { // so that an event is repeated
		s.User("scale", "vg/"+install.Web, "--replicas=1")
		s.Ready(install.Web, 1)
		s.User("scale", "vg/"+install.Web, "--replicas=2")
		s.Ready(install.Web, 2)
	}
	s.recordsRevisions()
	// It asks for a list only to be sure that somebody is an orphan.
	s.Checker.Close()
	s.Admin("-n", install.System, "scale", "deployment", install.Deployment, "--replicas=0")
	s.stopped()
	s.User("delete", "vg", install.Web, "--wait=false")
	s.User("patch", "vg/"+install.Web, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	s.Admin("-n", install.System, "scale", "deployment", install.Deployment, "--replicas=2")
	s.reportsOrphans("2")

	s.noneDenied()
	rules := s.shippedRules()
	s.Admin("delete", "-f", install.Artifact("install-namespaced.yaml"), "--timeout=90s")
	s.stopped()
	s.Admin("delete", "namespace", install.System, "--timeout=90s")
	s.allUsed(rules)
}

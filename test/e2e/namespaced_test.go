package e2e

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestNamespaced installs the controller of one namespace, with Roles alone.
func TestNamespaced(t *testing.T) {
	const groups = "vmgroups" // whose VmGroups it serves
	s := newSite(t, system, groups, vcsim.Options{})
	s.admin("create", "namespace", system)
	s.admin("label", "namespace", system, "pod-security.kubernetes.io/enforce=restricted")
	s.settings = map[string]string{"OWNER_ID": "e2e"}
	s.configure()
	s.writeSecret()
	for _, file := range []string{artifact("crd.yaml"), artifact("install-namespaced.yaml"), s.file("config.yaml"), s.file("secret.yaml")} {
		s.admin("apply", "-f", file)
	}
	s.rolledOut()

	s.kubectl("create", "-f", artifact("examples/example.yaml"))
	s.Ready(web, 3)
	for range 2 { // so that an event is repeated
		s.kubectl("scale", "vg/"+web, "--replicas=1")
		s.Ready(web, 1)
		s.kubectl("scale", "vg/"+web, "--replicas=2")
		s.Ready(web, 2)
	}
	// It asks for a list only to be sure that somebody is an orphan.
	s.checker.Close()
	s.admin("-n", system, "scale", "deployment", deployment, "--replicas=0")
	s.stopped()
	s.kubectl("delete", "vg", web, "--wait=false")
	s.kubectl("patch", "vg/"+web, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	s.admin("-n", system, "scale", "deployment", deployment, "--replicas=2")
	s.reportsOrphans("2")

	s.noneDenied()
	rules := s.shippedRules()
	s.admin("delete", "-f", artifact("install-namespaced.yaml"), "--timeout=90s")
	s.stopped()
	s.admin("delete", "namespace", system, "--timeout=90s")
	s.allUsed(rules)
}

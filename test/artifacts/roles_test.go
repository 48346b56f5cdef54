package artifacts

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// TestRoles compares what people may do with docs/security.md: tenants with the roles that ship and nothing else, and somebody who
// writes classes.
func TestRoles(t *testing.T) {
	const team, neighbour = "team", "neighbour"
	kubectl(t, "create", "namespace", team)
	kubectl(t, "create", "rolebinding", "editor", "--namespace", team, "--clusterrole=vmgroup-edit", "--user=editor")
	kubectl(t, "create", "rolebinding", "viewer", "--namespace", team, "--clusterrole=vmgroup-view", "--user=viewer")
	kubectl(t, "create", "clusterrolebinding", "reader", "--clusterrole=vmgroup-view", "--user=reader")
	kubectl(t, "create", "clusterrole", "class-writer", "--resource=vmgroupclasses.vsphere.vmware.com",
		"--verb=get,list,watch,create,update,patch,delete")
	kubectl(t, "create", "clusterrolebinding", "class-writer", "--clusterrole=class-writer", "--user=class-writer")
	const own, apps, core = "vsphere.vmware.com", "apps", ""
	for _, tt := range []struct {
		user, verb, group, resource, subresource, namespace string
		want                                                bool
	}{
		{"editor", "create", own, "vmgroups", "", team, true},
		{"editor", "delete", own, "vmgroups", "", team, true},
		{"editor", "update", own, "vmgroups", "scale", team, true},
		{"editor", "update", own, "vmgroups", "status", team, false},
		{"editor", "get", own, "vmgroups", "", neighbour, false},
		{"editor", "create", own, "vmgroups", "", neighbour, false},
		{"editor", "get", own, "vmgroupclasses", "", "", false},
		{"editor", "patch", own, "vmgroupclasses", "", "", false},
		{"editor", "get", core, "secrets", "", team, false},
		{"editor", "create", apps, "controllerrevisions", "", team, false},
		{"editor", "patch", core, "namespaces", "", team, false},
		{"viewer", "list", own, "vmgroups", "", team, true},
		{"viewer", "get", own, "vmgroups", "scale", team, true},
		{"viewer", "patch", own, "vmgroups", "", team, false},
		{"viewer", "delete", own, "vmgroups", "", team, false},
		{"viewer", "update", own, "vmgroups", "scale", team, false},
		{"viewer", "list", own, "vmgroups", "", neighbour, false},
		{"reader", "list", own, "vmgroups", "", neighbour, true},
		{"reader", "list", own, "vmgroupclasses", "", "", true},
		{"reader", "patch", own, "vmgroupclasses", "", "", false},
		{"class-writer", "create", own, "vmgroupclasses", "", "", true},
		{"class-writer", "delete", own, "vmgroupclasses", "", "", true},
		{"class-writer", "update", own, "vmgroupclasses", "status", "", false},
		{"class-writer", "create", own, "vmgroups", "", team, false},
		{"class-writer", "patch", core, "namespaces", "", team, false},
		{"class-writer", "get", core, "secrets", "", system, false},
	} {
		got, err := may(t, tt.user, authorizationv1.ResourceAttributes{
			Verb: tt.verb, Group: tt.group, Resource: tt.resource, Subresource: tt.subresource, Namespace: tt.namespace,
		})
		harness.Must(t, err)
		if got != tt.want {
			t.Errorf("%s may %s %s/%s in namespace %q: %t, want %t", tt.user, tt.verb, tt.resource, tt.subresource, tt.namespace, got, tt.want)
		}
	}
}

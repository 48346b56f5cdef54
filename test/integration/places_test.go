package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// says waits until the message of a group's status holds all the words.
func says(w *harness.World, name string, words ...string) {
	w.Meets(name, func(vg *v1alpha1.VmGroup) error {
		for _, want := range words {
			if !strings.Contains(vg.Status.Message, want) {
				return fmt.Errorf("the message does not say %q: %q", want, vg.Status.Message)
			}
		}
		return nil
	})
}

// TestPlacesByPath chooses between namesakes: two datacenters of one name, and two resource pools.
func TestPlacesByPath(t *testing.T) {
	w := newWorld(t, vcsim.Options{Datacenters: []string{"EMEA/DC0", "APAC/DC0"}, Datastores: 2})
	pools := map[string]string{}
	for _, path := range []string{"prod/web", "dev/web"} {
		ref, err := w.VCenter.Control.CreatePool(t.Context(), path)
		harness.Must(t, err)
		pools[path] = ref
	}
	c := w.StartController("-datacenter", "DC0")
	vg := w.Create(w.Group("web", 1))
	says(w, "web", "/APAC/DC0", "/EMEA/DC0", "-datacenter")
	c.Stop()
	c = w.StartController("-datacenter", "/EMEA/DC0", "-datastore", "LocalDS_0", "-resource-pool", "web")
	says(w, "web", "/EMEA/DC0/host/DC0_C0/Resources/dev/web", "/EMEA/DC0/host/DC0_C0/Resources/prod/web", "-resource-pool")
	c.Stop()
	w.StartController("-datacenter", "/EMEA/DC0", "-cluster", "host/DC0_C0", "-resource-pool", "prod/web",
		"-datastore", "/EMEA/DC0/datastore/LocalDS_0")
	w.Ready("web", 1)
	for _, vm := range w.VMs(vg) {
		if vm.Pool != pools["prod/web"] || !strings.HasPrefix(vm.Path, "/EMEA/DC0/vm/vmgroups/") {
			t.Errorf("VM %s is at %s in pool %s, want below /EMEA/DC0 in %s", vm.Name, vm.Path, vm.Pool, pools["prod/web"])
		}
	}
}

// TestRootByPath gives the root a name that vCenter keeps escaped, and a whole path; what was made is found again after a
// restart.
func TestRootByPath(t *testing.T) {
	w := newWorld(t, vcsim.Options{Root: "team%5ck8s"})
	w.Create(w.Group("web", 2))
	c := w.StartController("-folder", "/DC0/host/k8s")
	says(w, "web", `"/DC0/host/k8s"`, "/DC0/vm", "-folder")
	c.Stop()
	c = w.StartController("-folder", "/DC0/vm/templates/k8s", "-template-folder", "templates")
	says(w, "web", "must not overlap")
	c.Stop()
	c = w.StartController("-folder", `team\k8s`)
	w.Ready("web", 2)
	c.Stop()
	const path = "/DC0/vm/team%5ck8s/"
	w.StartController("-folder", path)
	w.Scale("web", 3)
	vg := w.Ready("web", 3)
	if want := path + w.Namespace + "/web"; vg.Status.Folder == nil || vg.Status.Folder.Path != want {
		t.Errorf("status.folder is %+v, want %s", vg.Status.Folder, want)
	}
	for _, vm := range w.VMs(vg) {
		if !strings.HasPrefix(vm.Path, path) {
			t.Errorf("VM %s is at %s, want below %s", vm.Name, vm.Path, path)
		}
	}
	if got := len(w.VMs(vg)); got != 3 {
		t.Errorf("%d VMs, want 3", got)
	}
}

// TestWithoutDRS spreads the VMs over the hosts of a cluster where nothing else does it, makes none on a host that is in
// maintenance, says so when no host is left, and goes on when one is back.
func TestWithoutDRS(t *testing.T) {
	w := newWorld(t, vcsim.Options{Hosts: 3})
	ctx, vc := t.Context(), w.VCenter.Control
	harness.Must(t, vc.SetDRS(ctx, false, ""))
	harness.Must(t, vc.SetHost(ctx, "DC0_C0_H1", true, ""))
	c := w.StartController()
	vg := w.Create(w.Group("web", 4))
	w.Ready("web", 4)
	onHosts := func() map[string]int {
		n := map[string]int{}
		for _, vm := range w.VMs(vg) {
			n[vm.Host]++
		}
		return n
	}
	if n := onHosts(); len(n) != 2 || slices.ContainsFunc(slices.Collect(maps.Values(n)), func(v int) bool { return v != 2 }) {
		t.Errorf("VMs by host: %v, want 2 on each of 2", n)
	}
	// DRS goes and hosts come while it runs.
	harness.Must(t, vc.SetHost(ctx, "DC0_C0_H0", true, ""))
	harness.Must(t, vc.SetHost(ctx, "DC0_C0_H2", false, "notResponding"))
	w.Scale("web", 6)
	says(w, "web", "DC0_C0_H0 is in maintenance mode", "DC0_C0_H1 is in maintenance mode", "DC0_C0_H2 is not responding")
	if got := len(w.VMs(vg)); got != 4 {
		t.Errorf("%d VMs, want 4", got)
	}
	harness.Must(t, vc.SetHost(ctx, "DC0_C0_H1", false, ""))
	w.Ready("web", 6)
	if n := onHosts(); len(n) != 3 {
		t.Errorf("VMs by host: %v, want some on the host that came back", n)
	}
	harness.Must(t, vc.SetDRS(ctx, true, "fullyAutomated"))
	w.Scale("web", 7)
	w.Ready("web", 7)
	c.Stop()

	before := onHosts()
	harness.Must(t, vc.SetHost(ctx, "DC0_C0_H0", false, ""))
	w.StartController("-host", "DC0_C0/DC0_C0_H0")
	w.Scale("web", 9)
	w.Ready("web", 9)
	grown := 0
	for host, n := range onHosts() {
		if n != before[host] {
			grown++
		}
	}
	if grown != 1 {
		t.Errorf("VMs by host: %v, then %v; want the new ones on one", before, onHosts())
	}
}

package vim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// Everything that can be named can be named by its path, also where its name is not enough.
func TestPlacesByPath(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Datacenters: []string{"EMEA/DC0", "APAC/DC0"}, Clusters: 2, Datastores: 2})
	for _, pool := range []string{"prod/web", "dev/web"} {
		_, err := sim.Control.CreatePool(t.Context(), pool)
		must(t, err)
	}
	const cluster = "/EMEA/DC0/host/DC0_C0"
	for _, tt := range []struct {
		datacenter, cluster, pool, datastore string
		want                                 string // the reason, or nothing
		says                                 []string
	}{
		{"", "", "", "", "DatacenterAmbiguous", []string{"/APAC/DC0", "/EMEA/DC0"}},
		{"DC0", "", "", "", "DatacenterAmbiguous", []string{"/APAC/DC0", "/EMEA/DC0"}},
		{"/EMEA/DC0", "", "", "", "ClusterAmbiguous", []string{cluster, "/EMEA/DC0/host/DC0_C1"}},
		{"EMEA/DC0", "DC0_C0", "", "", "DatastoreAmbiguous", []string{"/EMEA/DC0/datastore/LocalDS_0", "/EMEA/DC0/datastore/LocalDS_1"}},
		{"/EMEA/DC0", cluster, "web", "", "ResourcePoolAmbiguous", []string{cluster + "/Resources/prod/web", cluster + "/Resources/dev/web"}},
		{"/EMEA/DC0", cluster, "nowhere", "", "ResourcePoolNotFound", []string{cluster + "/Resources, " + cluster + "/Resources/dev"}},
		{"/EMEA/DC0", "", "*/Resources/prod/web", "LocalDS_0", "ResourcePoolNotFound", []string{"a pattern is not expanded"}},
		{"/EMEA/DC0", cluster, "prod/web", "/APAC/DC0/datastore/LocalDS_0", "DatastoreNotFound", []string{"/EMEA/DC0/datastore/LocalDS_0"}},
		{"/EMEA/DC0", cluster, "prod/web", "/EMEA/DC0/datastore/LocalDS_0", "", nil},
		{"/EMEA/DC0", "host/DC0_C0", "Resources/prod/web", "datastore/LocalDS_1", "", nil},
		{"/EMEA/DC0", "", "DC0_C0/Resources/dev/web", "LocalDS_1", "", nil},
		{"/EMEA/DC0", "", cluster + "/Resources/dev/web", "LocalDS_1", "", nil},
		{"/APAC/DC0", "DC1_C1", "", "LocalDS_0", "", nil},
	} {
		cfg := configFor(sim, &notifier{})
		cfg.Datacenter, cfg.Cluster, cfg.ResourcePool, cfg.Datastore = tt.datacenter, tt.cluster, tt.pool, tt.datastore
		v, stop := run(t, cfg)
		if tt.want == "" {
			awaitSynced(t, v)
			stop()
			continue
		}
		var refused *vsphere.Error
		if strings.HasPrefix(tt.want, "Datacenter") {
			refused = awaitReason(t, v, tt.want)
		} else {
			refused = awaitNoPlace(t, v, tt.want)
		}
		for _, words := range tt.says {
			if text := refused.Error(); !strings.Contains(text, words) {
				t.Errorf("%+v: %q does not say %q", tt, text, words)
			}
		}
		stop()
	}
}

// A clone goes to the pool whose path was given, and not to its namesake.
func TestCloneIntoAPoolByPath(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}})
	pools := map[string]string{}
	for _, pool := range []string{"dev/web", "prod/web"} {
		ref, err := sim.Control.CreatePool(t.Context(), pool)
		must(t, err)
		pools[pool] = ref
	}
	for i, pool := range []string{"prod/web", "dev/web"} {
		cfg := configFor(sim, &notifier{})
		cfg.ResourcePool = pool
		v, stop := run(t, cfg)
		awaitSynced(t, v)
		name := fmt.Sprintf("web-0d1f2-%d", i)
		must(t, submit(t, v, name))
		awaitSnapshot(t, v, name, func(s vsphere.Snapshot) bool { return ready(s) == i+1 && len(s.Operations) == 0 })
		vms, err := sim.Control.VMs(t.Context())
		must(t, err)
		for _, have := range vms {
			if have.Name == name && have.Pool != pools[pool] {
				t.Errorf("-resource-pool %s: it is in %s, want %s", pool, have.Pool, pools[pool])
			}
		}
		stop()
	}
}

// Names that hold what parts names in a path are made, found again, and shown escaped.
func TestRootWithSpecialCharacters(t *testing.T) {
	// Lax, for the account may make no folder between the VM folder and the root folder.
	sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}, Lax: true})
	must(t, sim.Control.RenameFolder(t.Context(), "", "mach%2fines"))
	const path = `/DC0/mach%2fines/100%25 a%5cb/c%2fd`
	for i, folder := range []string{`100% a\b/c%2fd`, `100%25 a%5cb/c%2Fd`, path} {
		cfg := configFor(sim, &notifier{})
		cfg.Folder = folder
		v, stop := run(t, cfg)
		awaitSynced(t, v)
		if i == 0 {
			cloned(t, v, "web-0d1f2-0")
		}
		s, err := v.Snapshot(t.Context(), web, "")
		must(t, err)
		want := path + "/default/web"
		if !s.RootExists || s.Path != want || len(s.VMs) != 1 || s.VMs[0].ParentPath != want || len(s.Folders) != 1 || !s.Folders[0].UnderRoot {
			t.Errorf("-folder %q: root %t, path %q, folders %+v, VMs %+v; want %q", folder, s.RootExists, s.Path, s.Folders, s.VMs, want)
		}
		stop()
	}
}

// A root that the flags put elsewhere than below the datacenter's VM folder is refused, and nothing is made.
func TestRootElsewhere(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	before, err := sim.Control.Folders(t.Context())
	must(t, err)
	for _, folder := range []string{"/DC0/host/k8s", "/vmgroups", "/DC1/vm/k8s"} {
		cfg := configFor(sim, &notifier{})
		cfg.Folder = folder
		v, stop := run(t, cfg)
		if err := awaitReason(t, v, "InvalidConfiguration"); !strings.Contains(err.Error(), folder) || !strings.Contains(err.Error(), "/DC0/vm") {
			t.Errorf("-folder %s: %v", folder, err)
		}
		if _, err := v.EnsureFolder(t.Context(), web); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
			t.Errorf("-folder %s: a folder was made: %v", folder, err)
		}
		stop()
	}
	after, err := sim.Control.Folders(t.Context())
	must(t, err)
	if len(after) != len(before) {
		t.Errorf("folders %+v, want %+v", after, before)
	}
}

// All places may have names that are kept escaped.
func TestPlacesWithSpecialCharacters(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Datacenters: []string{"EM%2fEA/DC%250"}})
	_, err := sim.Control.CreatePool(t.Context(), "prod%5cold/web")
	must(t, err)
	cfg := configFor(sim, &notifier{})
	cfg.Datacenter, cfg.ResourcePool = "EM%2fEA/DC%0", `prod\old/web`
	v, _ := run(t, cfg)
	awaitSynced(t, v)
	s, err := v.Snapshot(t.Context(), web, "")
	must(t, err)
	if want := "/EM%2fEA/DC%250/vm/vmgroups/default/web"; s.Path != want {
		t.Errorf("path %s, want %s", s.Path, want)
	}
}

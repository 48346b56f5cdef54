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
		awaitReason(t, v, tt.want)
		for _, words := range tt.says {
			if text := v.State().Err.Error(); !strings.Contains(text, words) {
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

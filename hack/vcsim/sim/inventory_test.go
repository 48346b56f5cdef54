package sim_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	finder "github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// zones is a simulator with the example inventory, whose template is the one to clone.
func zones(t *testing.T, o sim.Options) *env {
	t.Helper()
	inv, err := sim.ReadInventory("testdata/inventory.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o.Inventory = inv
	return startIn(t, o, "ubuntu")
}

// startIn is start for an inventory that has the template.
func startIn(t *testing.T, o sim.Options, template string) *env {
	t.Helper()
	o.Templates = []string{}
	o.TemplateFolder = "templates/linux"
	return startWith(t, o, template)
}

func (e *env) finder() *finder.Finder {
	e.t.Helper()
	f := finder.NewFinder(e.client.Client)
	dc, err := f.Datacenter(e.ctx, "DC0")
	e.must(err)
	return f.SetDatacenter(dc)
}

// in has a clone go to a resource pool, by path, and a datastore.
func (e *env) in(pool, datastore string) option {
	e.t.Helper()
	p, err := e.finder().ResourcePool(e.ctx, pool)
	e.must(err)
	d, err := e.finder().Datastore(e.ctx, datastore)
	e.must(err)
	return func(s *types.VirtualMachineCloneSpec) {
		pool, store := p.Reference(), d.Reference()
		s.Location.Pool, s.Location.Datastore = &pool, &store
	}
}

// names reads the names of objects of a type, in their order.
func (e *env) names(refs []types.ManagedObjectReference) []string {
	e.t.Helper()
	out := []string{}
	for _, ref := range refs {
		name, err := object.NewCommon(e.client.Client, ref).ObjectName(e.ctx)
		e.must(err)
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func sorted(names ...string) []string {
	slices.Sort(names)
	return names
}

// TestInventory reads with a client what the example file describes.
func TestInventory(t *testing.T) {
	e := zones(t, sim.Options{})
	for name, want := range map[string]struct {
		hosts                int
		drs                  bool
		datastores, networks []string
		pools                []string
	}{
		"c1": {2, true, sorted("shared", "local-1"), sorted("VM Network", "front", "db"), []string{"tenants/gold", "tenants/ci"}},
		"c2": {1, false, sorted("shared", "nvme-1", "nvme-2"), sorted("front", "db", "segment"), []string{"tenants/gold"}},
	} {
		cluster, err := e.finder().ClusterComputeResource(e.ctx, name)
		e.must(err)
		var got mo.ClusterComputeResource
		e.must(cluster.Properties(e.ctx, cluster.Reference(), nil, &got))
		drs := got.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig
		if len(got.Host) != want.hosts || *drs.Enabled != want.drs {
			t.Errorf("%s: %d hosts, DRS %t", name, len(got.Host), *drs.Enabled)
		}
		for _, ref := range got.Host {
			var host mo.HostSystem
			e.must(cluster.Properties(e.ctx, ref, []string{"datastore", "network"}, &host))
			if diff := cmp.Diff([][]string{want.datastores, want.networks}, [][]string{e.names(host.Datastore), e.names(host.Network)}); diff != "" {
				t.Errorf("a host of %s: %s", name, diff)
			}
		}
		if diff := cmp.Diff([][]string{want.datastores, want.networks}, [][]string{e.names(got.Datastore), e.names(got.Network)}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, pool := range want.pools {
			_, err := e.finder().ResourcePool(e.ctx, "/DC0/host/"+name+"/Resources/"+pool)
			e.must(err)
		}
	}
	var pod mo.StoragePod
	found, err := e.finder().DatastoreCluster(e.ctx, "nvme")
	e.must(err)
	e.must(found.Properties(e.ctx, found.Reference(), []string{"childEntity"}, &pod))
	if got := e.names(pod.ChildEntity); !slices.Equal(got, []string{"nvme-1", "nvme-2"}) {
		t.Errorf("the datastore cluster has %q", got)
	}
	for path, kind := range map[string]string{
		"VM Network": "Network", "front": "DistributedVirtualPortgroup", "segment": "OpaqueNetwork", "dvs": "VmwareDistributedVirtualSwitch",
	} {
		network, err := e.finder().Network(e.ctx, path)
		e.must(err)
		if got := network.Reference().Type; got != kind && got != "DistributedVirtualSwitch" {
			t.Errorf("%s is a %s", path, got)
		}
	}
}

// TestInventoryTemplate looks at the template of the example file.
func TestInventoryTemplate(t *testing.T) {
	e := zones(t, sim.Options{})
	got := e.truth("ubuntu")
	want := control.VM{
		Path: "/DC0/vm/templates/linux/ubuntu", Cluster: "c1", Datastores: []string{"shared"}, Template: true,
		DiskKiB: []int64{20 << 20}, NICs: []control.NIC{{Key: 4000, Network: "front", MAC: got.NICs[0].MAC}},
	}
	seen := control.VM{
		Path: got.Path, Cluster: got.Cluster, Datastores: got.Datastores, Template: got.Template, DiskKiB: got.DiskKiB, NICs: got.NICs,
	}
	if diff := cmp.Diff(want, seen); diff != "" || !got.Linked() {
		t.Errorf("disks on %q: %s", got.DiskParents, diff)
	}
	snapshots := e.snapshots("ubuntu")
	if len(snapshots) != 2 || snapshots[0].Name != "v1" || snapshots[1].Name != "v2" {
		t.Errorf("snapshots %+v", snapshots)
	}
}

// TestInventoryIsChecked refuses files that say what cannot be.
func TestInventoryIsChecked(t *testing.T) {
	base, err := os.ReadFile("testdata/inventory.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ old, new, want string }{
		"unknown field":                 {"hosts: 2", "host: 2", `unknown field "host"`},
		"unknown datastore":             {"datastores: [shared, local-1]\n", "datastores: [shared, lokal]\n", `no datastore "lokal"`},
		"unknown network":               {"networks: [VM Network, front, db]", "networks: [VM Network, nowhere]", `no network "nowhere"`},
		"half of a switch":              {"networks: [front, db, segment]", "networks: [front, segment]", `must have "db"`},
		"a kind that does not exist":    {"kind: opaque", "kind: wireless", `no kind "wireless"`},
		"a switch of another kind":      {"kind: opaque", "kind: opaque, switch: dvs", "needs a switch"},
		"no switch":                     {"front, kind: distributed, switch: dvs", "front, kind: distributed", "needs a switch"},
		"twice":                         {"datastores: [shared, local-1, nvme-1, nvme-2]", "datastores: [shared, local-1, nvme-1, nvme-2, shared]", "two datastores"},
		"a datastore that nobody has":   {"datastores: [shared, local-1, nvme-1, nvme-2]", "datastores: [shared, local-1, nvme-1, nvme-2, x]", "no cluster has"},
		"a pod's unknown datastore":     {"[nvme-1, nvme-2]}", "[nvme-1, nvme-3]}", `no datastore "nvme-3"`},
		"a template where it cannot be": {"networks: [front], diskGiB", "networks: [VM Network, segment], diskGiB", "no cluster has"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "inventory.yaml")
			text := strings.Replace(string(base), tt.old, tt.new, 1)
			if text == string(base) {
				t.Fatal("the change is none")
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			inv, err := sim.ReadInventory(file)
			if err == nil {
				var s *sim.Simulator
				if s, err = sim.Start(sim.Options{Inventory: inv}); err == nil {
					_ = s.Close()
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestCloneIntoZone clones into both clusters: with what they have, and with what they do not have.
func TestCloneIntoZone(t *testing.T) {
	e := zones(t, sim.Options{})
	gold1, gold2 := "/DC0/host/c1/Resources/tenants/gold", "/DC0/host/c2/Resources/tenants/gold"
	host := onHost(e.hostOf("c2"))
	e.clone("a", e.in(gold1, "local-1"))
	e.clone("b", e.in(gold2, "nvme-2"), host)
	for name, want := range map[string][]string{"a": {"c1", "local-1"}, "b": {"c2", "nvme-2"}} {
		got := e.truth(name)
		if diff := cmp.Diff(want, append([]string{got.Cluster}, got.Datastores...)); diff != "" || got.Linked() {
			t.Errorf("%s: %s", name, diff)
		}
	}
	fault := wantFault[*types.InvalidDatastore](t, e.cloneError("c", e.in(gold2, "local-1"), host))
	if fault.Name != "local-1" || e.count("c") != 0 {
		t.Errorf("fault %+v, %d VMs", fault, e.count("c"))
	}
	wantFault[*types.InvalidArgument](t, e.cloneError("d", e.in(gold2, "nvme-1"))) // DRS is off
}

// hostOf is the first host of a cluster.
func (e *env) hostOf(cluster string) types.ManagedObjectReference {
	e.t.Helper()
	c, err := e.finder().ClusterComputeResource(e.ctx, cluster)
	e.must(err)
	hosts, err := c.Hosts(e.ctx)
	e.must(err)
	return hosts[0].Reference()
}

// TestInventoryNames has names with what vCenter escapes.
func TestInventoryNames(t *testing.T) {
	e := startIn(t, sim.Options{Inventory: &sim.Inventory{
		Clusters:   []sim.Cluster{{Name: "rack/1", Pools: []string{"a%2fb/c"}, Datastores: []string{"d%1"}, Networks: []string{"10/8"}}},
		Datastores: []string{"d%1"},
		Networks:   []sim.Network{{Name: "10/8"}},
		Templates:  []sim.Template{{Name: "t/1", Networks: []string{"10/8"}}},
	}}, "t%2f1")
	e.clone("a", e.in("/DC0/host/rack%2f1/Resources/a%2fb/c", "d%251"))
	got := e.truth("a")
	if got.Cluster != "rack%2f1" || !slices.Equal(got.Datastores, []string{"d%251"}) || !slices.Equal(got.Networks(), []string{"10%2f8"}) {
		t.Errorf("%+v", got)
	}
	if _, err := e.finder().Network(e.ctx, "VM Network"); err == nil {
		t.Error("there is a network that the inventory does not have")
	}
}

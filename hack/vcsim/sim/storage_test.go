package sim_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/pbm"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// store is the reference of a datastore or a datastore cluster.
func (e *env) store(name string) types.ManagedObjectReference {
	e.t.Helper()
	if pod, err := e.finder().DatastoreCluster(e.ctx, name); err == nil {
		return pod.Reference()
	}
	store, err := e.finder().Datastore(e.ctx, name)
	e.must(err)
	return store.Reference()
}

// recommend asks which datastores of the datastore cluster nvme a clone into a resource pool should go to.
func (e *env) recommend(pool string, change func(*types.StoragePlacementSpec)) (*types.StoragePlacementResult, error) {
	e.t.Helper()
	into, pod := e.pathOf(pool), e.store("nvme")
	spec := types.StoragePlacementSpec{
		Type: "clone", Vm: &e.template, CloneName: "a", Folder: &e.folder, ResourcePool: &into,
		CloneSpec:        &types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &into}},
		PodSelectionSpec: types.StorageDrsPodSelectionSpec{StoragePod: &pod},
	}
	if change != nil {
		change(&spec)
	}
	res, err := methods.RecommendDatastores(e.ctx, e.client.Client, &types.RecommendDatastores{
		This: *e.client.ServiceContent.StorageResourceManager, StorageSpec: spec,
	})
	if err != nil {
		return nil, err
	}
	return &res.Returnval, nil
}

// recommended is the names of the datastores that are recommended for a clone, the best first.
func (e *env) recommended(pool string) []string {
	e.t.Helper()
	res, err := e.recommend(pool, nil)
	e.must(err)
	if (len(res.Recommendations) == 0) != (res.DrsFault != nil) {
		e.t.Errorf("%d recommendations, fault %v", len(res.Recommendations), res.DrsFault)
	}
	var out []string
	for _, r := range res.Recommendations {
		out = append(out, e.names([]types.ManagedObjectReference{r.Action[0].(*types.StoragePlacementAction).Destination})...)
	}
	return out
}

func gib(n int64) *int64 { return &n }

// TestRecommendDatastores recommends members that a host mounts, that have room and are in service.
func TestRecommendDatastores(t *testing.T) {
	e := zones(t, sim.Options{Strict: true})
	set := func(store string, free *int64, maintenance bool) {
		t.Helper()
		e.must(e.control.SetDatastore(e.ctx, store, free, maintenance))
	}
	is := func(why, pool string, want ...string) {
		t.Helper()
		if got := e.recommended(pool); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
	const mounts, lacks = "c2/Resources", "c1/Resources"
	is("both have room", mounts, "nvme-1", "nvme-2")
	is("no host mounts one", lacks)
	set("nvme-1", gib(100), false)
	is("the other has more", mounts, "nvme-2", "nvme-1")
	set("nvme-1", gib(19), false)
	is("a disk of 20 GiB does not fit", mounts, "nvme-2")
	set("nvme-2", nil, true)
	is("and the other is in maintenance", mounts)
	e.must(e.control.SetHost(e.ctx, "c2_H0", true, ""))
	set("nvme-1", nil, false)
	is("no host takes VMs", mounts)

	for property, change := range map[string]func(*types.StoragePlacementSpec){
		"storageSpec.vm":           func(s *types.StoragePlacementSpec) { s.Vm = nil },
		"storageSpec.cloneName":    func(s *types.StoragePlacementSpec) { s.CloneName = "" },
		"storageSpec.cloneSpec":    func(s *types.StoragePlacementSpec) { s.CloneSpec = nil },
		"storageSpec.folder":       func(s *types.StoragePlacementSpec) { s.Folder = nil },
		"storageSpec.resourcePool": func(s *types.StoragePlacementSpec) { s.ResourcePool, s.CloneSpec.Location.Pool = nil, nil },
	} {
		_, err := e.recommend(mounts, change)
		if fault := wantFault[*types.InvalidArgument](t, err); fault.InvalidProperty != property {
			t.Errorf("without %s: %s", property, fault.InvalidProperty)
		}
	}
	e.must(e.control.DenyOn(e.ctx, "datastore/nvme", "Datastore.AllocateSpace"))
	_, err := e.recommend(mounts, nil)
	if e.deniedOn(err) == "" {
		t.Errorf("who may not allocate space is told: %v", err)
	}
}

// TestDatastoreWithoutRoom fails clones that do not fit, or that go to a datastore in maintenance.
func TestDatastoreWithoutRoom(t *testing.T) {
	e := zones(t, sim.Options{})
	into := e.in("/DC0/host/c1/Resources", "local-1")
	e.must(e.control.SetDatastore(e.ctx, "local-1", gib(30), false))
	e.clone("a", into)
	err := e.cloneError("b", into)
	if fault := wantFault[*types.NoDiskSpace](t, err); fault.Datastore != "local-1" {
		t.Errorf("no space on %s", fault.Datastore)
	}
	e.must(e.control.SetDatastore(e.ctx, "local-1", nil, true))
	err = e.cloneError("b", into)
	wantFault[*types.InvalidState](t, err)
	e.must(e.control.SetDatastore(e.ctx, "local-1", nil, false))
	e.clone("b", into)
}

// policies is a client of the endpoint of storage policies, with the session of the other one.
func (e *env) policies() *pbm.Client {
	e.t.Helper()
	c, err := pbm.NewClient(e.ctx, e.client.Client)
	e.must(err)
	return c
}

// TestStoragePolicies reads policies, asks which datastores satisfy one, and makes a virtual machine with it.
func TestStoragePolicies(t *testing.T) {
	e := zones(t, sim.Options{})
	c := e.policies()
	id, err := c.ProfileIDByName(e.ctx, "fast")
	e.must(err)
	if _, err := c.ProfileIDByName(e.ctx, "slow"); err == nil {
		t.Error("there is a policy that there is not")
	}
	var hubs []pbmtypes.PbmPlacementHub
	for _, name := range []string{"shared", "local-1", "nvme/nvme-2"} {
		hubs = append(hubs, pbmtypes.PbmPlacementHub{HubType: "Datastore", HubId: e.store(name).Value})
	}
	res, err := c.CheckRequirements(e.ctx, hubs, nil, []pbmtypes.BasePbmPlacementRequirement{
		&pbmtypes.PbmPlacementCapabilityProfileRequirement{ProfileId: pbmtypes.PbmProfileId{UniqueId: id}},
	})
	e.must(err)
	if fit := res.CompatibleDatastores(); len(res) != 3 || len(fit) != 1 || fit[0] != hubs[1] {
		t.Errorf("of %d hubs, compatible: %v", len(res), fit)
	}

	with := func(id string) option {
		return func(s *types.VirtualMachineCloneSpec) {
			profile := []types.BaseVirtualMachineProfileSpec{&types.VirtualMachineDefinedProfileSpec{ProfileId: id}}
			s.Location.Profile = profile
			s.Location.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{
				DiskId: e.truth("ubuntu").Disks[0], Datastore: *s.Location.Datastore, Profile: profile,
			}}
		}
	}
	on := func(store string) option { return e.in("/DC0/host/c1/Resources", store) }
	e.clone("a", on("local-1"), with(id))
	if vm := e.truth("a"); vm.StoragePolicy != "fast" || !slices.Equal(vm.DiskPolicies, []string{"fast"}) {
		t.Errorf("made with %q, its disks with %q", vm.StoragePolicy, vm.DiskPolicies)
	}
	e.clone("b", on("local-1"))
	if vm := e.truth("b"); vm.StoragePolicy != "" || len(vm.DiskPolicies) > 0 {
		t.Errorf("made without one: %q, %q", vm.StoragePolicy, vm.DiskPolicies)
	}
	for why, how := range map[string][]option{
		"a datastore that does not satisfy it": {on("shared"), with(id)},
		"a policy that is not there":           {on("local-1"), with("no-such-id")},
	} {
		err := e.cloneError("c", how...)
		if fault := wantFault[*types.InvalidArgument](t, err); fault.InvalidProperty != "spec.location.profile" {
			t.Errorf("%s: %s", why, fault.InvalidProperty)
		}
	}
}

// TestPolicySession serves who has a session of the other endpoint, and meets faults and privileges as that does.
func TestPolicySession(t *testing.T) {
	e := zones(t, sim.Options{Strict: true})
	c := e.policies()
	ask := func() error {
		_, err := c.ProfileIDByName(e.ctx, "fast")
		return err
	}
	e.must(ask())
	if calls, err := e.control.Calls(e.ctx); err != nil || calls.Methods["PbmQueryProfile"] != 1 || calls.Methods["PbmRetrieveContent"] != 1 {
		t.Errorf("calls %v", calls.Methods)
	}
	e.must(e.control.Deny(e.ctx, "StorageProfile.View"))
	if fault := wantFault[*types.NoPermission](t, ask()); fault.PrivilegeId != "StorageProfile.View" {
		t.Errorf("denied: %s", fault.PrivilegeId)
	}
	e.must(e.control.Allow(e.ctx))
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "PbmQueryProfile", Type: "SystemError", Count: 1}))
	wantFault[*types.SystemError](t, ask())
	e.must(ask())
	e.must(e.control.EndSessions(e.ctx))
	wantFault[*types.NotAuthenticated](t, ask())
	violations, err := e.control.Violations(e.ctx)
	if e.must(err); len(violations) > 0 {
		t.Errorf("violations: %v", violations)
	}
}

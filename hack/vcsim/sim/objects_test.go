package sim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// deniedOn returns the object's name and the privilege of a call that was refused.
func (e *env) deniedOn(err error) string {
	e.t.Helper()
	fault := wantFault[*types.NoPermission](e.t, err)
	return fault.PrivilegeId + " on " + e.names([]types.ManagedObjectReference{*fault.Object})[0]
}

// TestDenyOnOneObject takes privileges away on one of two networks, pools and datastores.
func TestDenyOnOneObject(t *testing.T) {
	const assign = "Network.Assign"
	e := zones(t, sim.Options{Strict: true})
	submit := func(name string, options ...option) error { _, err := e.submit(name, options...); return err }
	toDB := located(card(editCard, 4000, e.backingOn("db")))

	e.must(e.control.DenyOn(e.ctx, "front", assign))
	if got := e.deniedOn(submit("a", e.c1())); got != assign+" on front" {
		t.Errorf("denied: %s", got)
	}
	e.clone("edited", e.c1(), toDB) // the template's network is not asked for
	e.must(e.control.DenyOn(e.ctx, "db", assign))
	e.must(e.control.AllowOn(e.ctx, "front", assign)) // and there alone
	e.clone("kept", e.c1())
	if got := e.deniedOn(submit("b", e.c1(), toDB)); got != assign+" on db" {
		t.Errorf("denied: %s", got)
	}
	e.must(e.control.Allow(e.ctx, assign))
	e.clone("allowed", e.c1(), toDB)

	e.must(e.control.DenyOn(e.ctx, "c1/Resources/tenants/gold", "Resource.AssignVMToPool"))
	e.must(e.control.DenyOn(e.ctx, "local-1", "Datastore.AllocateSpace"))
	gold, ci := "/DC0/host/c1/Resources/tenants/gold", "/DC0/host/c1/Resources/tenants/ci"
	if got := e.deniedOn(submit("c", e.in(gold, "shared"))); got != "Resource.AssignVMToPool on gold" {
		t.Errorf("denied: %s", got)
	}
	if got := e.deniedOn(submit("c", e.in(ci, "local-1"))); got != "Datastore.AllocateSpace on local-1" {
		t.Errorf("denied: %s", got)
	}
	e.clone("c", e.in(ci, "shared"))
	if err := e.control.DenyOn(e.ctx, "tenants/gold", "Resource.AssignVMToPool"); err == nil {
		t.Error("a path that two pools have was taken for one")
	}
}

// TestAssignOfAddedAndRemovedCards asks for a privilege on the network of an added card, and not on that of a removed one.
func TestAssignOfAddedAndRemovedCards(t *testing.T) {
	e := zones(t, sim.Options{})
	e.must(e.control.DenyOn(e.ctx, "front", "Network.Assign"))
	e.clone("a", e.c1(), located(card(removeCard, 4000, nil), card(addCard, -1, e.backingOn("db"))))
	e.must(e.control.Allow(e.ctx))
	e.must(e.control.DenyOn(e.ctx, "db", "Network.Assign"))
	_, err := e.submit("b", e.c1(), configured(card(addCard, -1, e.backingOn("db"))))
	if got := e.deniedOn(err); got != "Network.Assign on db" {
		t.Errorf("denied: %s", got)
	}
}

// TestFaultsIntoOneZone has clones fail that go to one cluster, pool or datastore.
func TestFaultsIntoOneZone(t *testing.T) {
	e := zones(t, sim.Options{})
	gold, ci := "/DC0/host/c1/Resources/tenants/gold", "/DC0/host/c1/Resources/tenants/ci"
	for into, fails := range map[string]bool{
		"c1": true, "c1/Resources": true, "c1/Resources/tenants": true, "c1/Resources/tenants/gold": true, "local-1": true,
		"c2": false, "c1/Resources/tenants/ci": false, "shared": false, "old": false,
	} {
		e.must(e.control.AddFault(e.ctx, control.Fault{
			Method: "CloneVM_Task", Into: into, Type: "InsufficientResourcesFault", TaskLevel: true,
		}))
		name := strings.ReplaceAll(into, "/", "-")
		if got := faultType(e.cloneError(name, e.in(gold, "local-1"))); (got == "InsufficientResourcesFault") != fails {
			t.Errorf("a fault into %s: %q", into, got)
		}
		e.must(e.control.ClearFaults(e.ctx))
	}
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "*", Into: "c1/Resources/tenants/gold", Type: "InsufficientResourcesFault"}))
	e.clone("other", e.in(ci, "shared")) // with calls that are no clones
}

// TestRemoveObjects removes pools, datastores and networks while virtual machines run.
func TestRemoveObjects(t *testing.T) {
	e := zones(t, sim.Options{})
	gold := "/DC0/host/c1/Resources/tenants/gold"
	ref := e.clone("a", e.in(gold, "local-1"))
	for _, used := range []string{"local-1", "front"} {
		if err := e.control.RemoveObject(e.ctx, used); err == nil || !strings.Contains(err.Error(), "ResourceInUse") {
			t.Errorf("%s is removed under a virtual machine: %v", used, err)
		}
	}
	moved := make(chan error, 1)
	above := e.pathOf("c1/Resources/tenants")
	go func() {
		moved <- property.Wait(e.ctx, property.DefaultCollector(e.client.Client), ref, []string{"resourcePool"},
			func(changes []types.PropertyChange) bool { return changes[0].Val == above })
	}()
	e.must(e.control.RemoveObject(e.ctx, "c1/Resources/tenants/gold"))
	e.must(<-moved)
	if got := e.truth("a").Pool; got != above.Value {
		t.Errorf("its pool is %s, want %s", got, above.Value)
	}
	if _, err := e.finder().ResourcePool(e.ctx, gold); err == nil {
		t.Error("the pool is still there")
	}
	for _, unused := range []string{"nvme-1", "db", "segment", "VM Network"} {
		e.must(e.control.RemoveObject(e.ctx, unused))
	}
	var host mo.HostSystem
	e.must(property.DefaultCollector(e.client.Client).RetrieveOne(e.ctx, e.hostOf("c2"), []string{"datastore", "network"}, &host))
	if d, n := e.names(host.Datastore), e.names(host.Network); !slices.Equal(d, []string{"nvme-2", "shared"}) || !slices.Equal(n, []string{"front"}) {
		t.Errorf("the host has %q and %q", d, n)
	}
	for _, kept := range []string{"c1", "c1/Resources", "nowhere", ""} {
		if err := e.control.RemoveObject(e.ctx, kept); err == nil {
			t.Errorf("%q was removed", kept)
		}
	}
}

// pathOf is the resource pool at the end of a path.
func (e *env) pathOf(path string) types.ManagedObjectReference {
	e.t.Helper()
	pool, err := e.finder().ResourcePool(e.ctx, "/DC0/host/"+path)
	e.must(err)
	return pool.Reference()
}

// TestRemoveUnderClone removes what a clone goes to while it runs.
func TestRemoveUnderClone(t *testing.T) {
	e := zones(t, sim.Options{CloneDelay: endless})
	toDB := located(card(editCard, 4000, e.backingOn("db")))
	standard := located(card(editCard, 4000, e.backingOn("VM Network")))
	var tasks []*object.Task
	for name, options := range map[string][]option{
		"pool": {e.in("/DC0/host/c1/Resources/tenants/ci", "shared")}, "datastore": {e.in("/DC0/host/c1/Resources", "local-1")},
		"port group": {e.c1(), toDB}, "standard": {e.c1(), standard},
	} {
		task, err := e.submit(name, options...)
		e.must(err)
		tasks = append(tasks, task)
	}
	for _, gone := range []string{"c1/Resources/tenants/ci", "local-1", "db", "VM Network"} {
		e.must(e.control.RemoveObject(e.ctx, gone))
	}
	e.must(e.control.Restart(e.ctx, 0, control.TasksFinish))
	e.client = e.login(e.sim.Username(), e.sim.Password())
	faults := map[string]int{}
	for _, task := range tasks {
		faults[faultType(object.NewTask(e.client.Client, task.Reference()).Wait(e.ctx))]++
	}
	if faults["ManagedObjectNotFound"] != 2 || faults["CannotAccessNetwork"] != 2 {
		t.Errorf("faults %v", faults)
	}
}

// TestRenameObjects gives everything that a path can lead to another name, under a virtual machine that lives on.
func TestRenameObjects(t *testing.T) {
	e := startIn(t, sim.Options{Inventory: apart(), Strict: true}, "t")
	base := linkedTo(&e.snapshots("t")[0].Snapshot)
	e.clone("a", e.in("/DC0/host/c1/Resources", "one"), stamped("me"))
	e.clone("linked", e.in("/DC0/host/c1/Resources", "one"), base, stamped("me"))
	for key, name := range map[string]string{"one": "uno", "front": "vorne", "std": "norm", "c1": "c/9", "shared": "common"} {
		e.must(e.control.RenameObject(e.ctx, key, name))
	}
	got := e.truth("a")
	if got.Cluster != "c%2f9" || !slices.Equal(got.Datastores, []string{"uno"}) || !slices.Equal(got.Networks(), []string{"vorne", "norm"}) {
		t.Errorf("%+v", got)
	}
	e.connected("a", e.vm("a"), []string{"vorne", "norm"})
	disk, home := e.disk(e.vm("a"))
	if !strings.HasPrefix(home, "[uno] ") || !strings.HasPrefix(backing(disk).FileName, "[uno] ") {
		t.Errorf("its files are %s and %s", home, backing(disk).FileName)
	}
	for _, gone := range []string{"one", "front", "std"} {
		if err := e.control.RenameObject(e.ctx, gone, "again"); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	if err := e.control.RenameObject(e.ctx, "two", "uno"); err == nil || !strings.Contains(err.Error(), "DuplicateName") {
		t.Errorf("two datastores have one name: %v", err)
	}
	e.clone("b", e.in("/DC0/host/c%2f9/Resources", "common")) // the template's files have moved, too
	e.must(e.control.GrowDisk(e.ctx, "b", 20))
	e.clone("of a snapshot", e.in("/DC0/host/c%2f9/Resources", "uno"), base)
	for _, vm := range []string{"a", "linked"} { // strict mode still knows whose files they have
		task, err := object.NewVirtualMachine(e.client.Client, e.vm(vm)).Destroy(e.ctx)
		e.must(err)
		e.must(task.Wait(e.ctx))
	}
}

// TestRenameUnderClone renames the datastore and the network that a clone goes to while it runs.
func TestRenameUnderClone(t *testing.T) {
	e := startIn(t, sim.Options{Inventory: apart(), CloneDelay: endless}, "t")
	task, err := e.submit("a", e.in("/DC0/host/c1/Resources", "one"), located(card(removeCard, 4001, nil)))
	e.must(err)
	e.must(e.control.RenameObject(e.ctx, "one", "uno"))
	e.must(e.control.RenameObject(e.ctx, "front", "vorne"))
	e.must(e.control.Restart(e.ctx, 0, control.TasksFinish))
	e.client = e.login(e.sim.Username(), e.sim.Password())
	e.must(object.NewTask(e.client.Client, task.Reference()).Wait(e.ctx))
	if got := e.truth("a"); !slices.Equal(got.Datastores, []string{"uno"}) || !slices.Equal(got.Networks(), []string{"vorne"}) {
		t.Errorf("%+v", got)
	}
}

package sim_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// readVMs reads the VMs below a container through a view.
func (e *env) readVMs(container types.ManagedObjectReference, kinds ...string) []mo.VirtualMachine {
	e.t.Helper()
	v, err := view.NewManager(e.client.Client).CreateContainerView(e.ctx, container, kinds, true)
	e.must(err)
	var vms []mo.VirtualMachine
	e.must(v.Retrieve(e.ctx, []string{"VirtualMachine"}, []string{"name", "config.instanceUuid", "runtime.powerState"}, &vms))
	e.must(v.Destroy(e.ctx))
	return vms
}

func TestForeignVMs(t *testing.T) {
	e := start(t, sim.Options{ForeignVMs: 20})
	dc, err := object.NewSearchIndex(e.client.Client).FindByInventoryPath(e.ctx, "/DC0")
	e.must(err)
	identities := map[string]bool{}
	for _, vm := range e.readVMs(dc.Reference(), "VirtualMachine") {
		if vm.Name != "template" && vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			t.Errorf("%s is %s", vm.Name, vm.Runtime.PowerState)
		}
		identities[vm.Config.InstanceUuid] = true
	}
	if len(identities) != 20+1 { // and the template
		t.Errorf("got %d identities, want 21", len(identities))
	}
	if in := e.readVMs(e.folder, "VirtualMachine"); len(in) != 0 {
		t.Errorf("%d foreign VMs are in another folder", len(in))
	}
	truth, err := e.control.VMs(e.ctx)
	e.must(err)
	if len(truth) != 1 {
		t.Errorf("the control port shows %d VMs, want the template alone", len(truth))
	}
	stub, err := object.NewSearchIndex(e.client.Client).FindByInventoryPath(e.ctx, "/DC0/vm/foreign/foreign-7")
	e.must(err)
	if stub == nil {
		t.Fatal("foreign-7 is not found by its path")
	}
	if _, err := object.NewVirtualMachine(e.client.Client, stub.Reference()).PowerOff(e.ctx); err == nil {
		t.Error("a foreign VM was switched off")
	}
	if got := e.readVMs(dc.Reference(), "VirtualMachine"); len(got) != 21 {
		t.Errorf("%d VMs are left, want 21", len(got))
	}
}

func TestReadsOfTheDatacenterAreCounted(t *testing.T) {
	e := start(t, sim.Options{})
	find := func(path string) types.ManagedObjectReference {
		ref, err := object.NewSearchIndex(e.client.Client).FindByInventoryPath(e.ctx, path)
		e.must(err)
		return ref.Reference()
	}
	for _, tc := range []struct {
		name      string
		container types.ManagedObjectReference
		kinds     []string
		want      int
	}{
		{"a datacenter", find("/DC0"), []string{"VirtualMachine"}, 1},
		{"its VM folder", find("/DC0/vm"), []string{"Folder", "VirtualMachine"}, 1},
		{"everything of any kind", e.client.ServiceContent.RootFolder, nil, 1},
		{"another folder", e.folder, []string{"VirtualMachine"}, 0},
		{"its folders alone", find("/DC0/vm"), []string{"Folder"}, 0},
	} {
		e.must(e.control.ResetCalls(e.ctx))
		e.readVMs(tc.container, tc.kinds...)
		calls, err := e.control.Calls(e.ctx)
		e.must(err)
		if calls.DatacenterReads != tc.want {
			t.Errorf("%s: %d reads of a datacenter are counted, want %d", tc.name, calls.DatacenterReads, tc.want)
		}
	}
}

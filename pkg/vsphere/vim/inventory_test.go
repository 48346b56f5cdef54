package vim

import (
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	testOwner = "owner-1"
	testUID   = "uid-1"
)

var testSite = site{vmFolder: folderRef("group-0"), vmFolderPath: []string{"DC0", "vm"}, root: []string{"vmgroups"}}

func assign(path string, val any) types.PropertyChange {
	return types.PropertyChange{Name: path, Op: types.PropertyChangeOpAssign, Val: val}
}

// described is what a filter says of a VM of ours.
func described(name string, parent vsphere.Ref) []types.PropertyChange {
	stamp := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1"}
	return []types.PropertyChange{
		assign(propName, name), assign(propParent, folderRef(parent)), assign(propInstanceUUID, "i-1"),
		assign(propTemplate, false), assign(propStamp, types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}),
		assign(propConnection, types.VirtualMachineConnectionStateConnected),
	}
}

// testInventory holds the folder vmgroups/default/web, group-3.
func testInventory(clock clock.PassiveClock) *inventory.Inventory {
	inv := inventory.New(testOwner, clock)
	inv.Restart(testSite.layout())
	for _, f := range []struct{ ref, name, parent string }{
		{"group-3", "web", "group-2"}, {"group-2", "default", "group-1"}, {"group-1", "vmgroups", "group-0"},
	} {
		inv.UpdateFolder(vsphere.Ref(f.ref), inventory.FolderUpdate{Name: f.name, Parent: vsphere.Ref(f.parent)}, &inventory.Changes{})
	}
	return inv
}

// enter reports a VM that enters the root's filter.
func enter(inv *inventory.Inventory, ref vsphere.Ref, changes ...types.PropertyChange) {
	inv.Update(ref, inventory.FromRoot, true, vmUpdate(changes), &inventory.Changes{})
}

// modify reports a change of a VM that the root's filter holds.
func modify(inv *inventory.Inventory, ref vsphere.Ref, changes ...types.PropertyChange) {
	inv.Update(ref, inventory.FromRoot, false, vmUpdate(changes), &inventory.Changes{})
}

func get(inv *inventory.Inventory, ref vsphere.Ref) vsphere.VM {
	vm, _, _ := inv.Get(ref)
	return vm
}

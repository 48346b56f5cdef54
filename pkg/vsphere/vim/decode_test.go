package vim

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// everything is one value of each property that the inventory knows.
func everything() properties {
	return properties{
		propName: "a%2fb", propParent: folderRef("group-3"), propTemplate: true, propInstanceUUID: "i-1", propNumCPU: int32(2),
		propMemoryMB: int32(4096), propCreateDate: time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)),
		propStamp: types.OptionValue{Key: vsphere.StampKey, Value: "stamp"}, propPower: types.VirtualMachinePowerStatePoweredOn,
		propConnection: types.VirtualMachineConnectionStateConnected,
		propHost:       types.ManagedObjectReference{Type: "HostSystem", Value: "host-1"}, propIP: "192.0.2.1", propHostname: "web-0",
		propToolsRunning: string(types.VirtualMachineToolsRunningStatusGuestToolsRunning),
		propNet:          types.ArrayOfGuestNicInfo{GuestNicInfo: []types.GuestNicInfo{{IpConfig: ipConfig("192.0.2.1", "2001:db8::1")}}},
		propReady:        types.OptionValue{Key: vsphere.ReadyKey, Value: "true"},
		propCustomization: types.GuestInfoCustomizationInfo{
			CustomizationStatus: string(types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_FAILED), ErrorMsg: "no domain",
		},
		propCPUHotAdd: true, propMemoryHotAdd: true, propHotAddLimit: int64(65536), propHotAddIncrement: int64(128),
	}
}

func decoded() inventory.Properties {
	var set inventory.Fields
	for _, field := range fields {
		set |= field
	}
	return inventory.Properties{
		Set: set, Name: "a/b", Parent: "group-3", Template: true, InstanceUUID: "i-1", CPU: 2, MemoryMiB: 4096,
		Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Stamp: "stamp", Power: vsphere.PoweredOn, Connection: vsphere.Connected,
		Host: "host-1", IP: "192.0.2.1", Hostname: "web-0", ToolsRunning: true, IPs: []string{"192.0.2.1", "2001:db8::1"}, GuestReady: true,
		CPUHotAdd: true, MemoryHotAdd: true, MemoryHotAddLimitMiB: 65536, MemoryHotAddIncrementMiB: 128,
		Customization: vsphere.Customization{State: vsphere.CustomizationFailed, Message: "no domain"},
	}
}

// All that is watched of a VM reaches the inventory, and nothing else does.
func TestWhatIsDecodedOfAVM(t *testing.T) {
	paths := append(vmProps(), propCustomization)
	slices.Sort(paths)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), paths); diff != "" {
		t.Errorf("watched (-decoded +watched):\n%s", diff)
	}
	more := everything()
	more[propDevices] = types.ArrayOfVirtualDevice{}
	changes := object{props: more}.changes()
	want := inventory.Update{Fields: decoded().Set, Properties: decoded()}
	if diff := cmp.Diff(want, vmUpdate(changes)); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, object{props: more}.update(paths)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	for _, stamp := range []any{"stamp", &types.OptionValue{Key: vsphere.StampKey, Value: "stamp"}} {
		if got := (properties{propStamp: stamp}).ofVM().Stamp; got != "stamp" {
			t.Errorf("a stamp of type %T is read as %q", stamp, got)
		}
	}
}

// A filter says of each property that it has a value, or has none any more. The last word counts.
func TestWhatAFilterTakesAway(t *testing.T) {
	for name, change := range map[string]types.PropertyChange{
		"without a value":    assign(propIP, nil),
		"removed":            {Name: propIP, Op: types.PropertyChangeOpRemove, Val: "192.0.2.1"},
		"indirectly removed": {Name: propIP, Op: types.PropertyChangeOpIndirectRemove, Val: "192.0.2.1"},
	} {
		got := vmUpdate([]types.PropertyChange{assign(propIP, "192.0.2.1"), change})
		if diff := cmp.Diff(inventory.Update{Fields: inventory.FieldIP}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A read says of all that it asked for that it has a value or none, but for what vCenter withheld.
func TestWhatAReadSpeaksOf(t *testing.T) {
	o := object{props: properties{propName: "a", propPower: types.VirtualMachinePowerStatePoweredOff}, withheld: []string{propStamp}}
	got := o.update([]string{propName, propParent, propStamp})
	want := inventory.Update{
		Fields: inventory.FieldName | inventory.FieldParent | inventory.FieldPower,
		Properties: inventory.Properties{
			Set: inventory.FieldName | inventory.FieldPower, Name: "a", Power: vsphere.PoweredOff,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsDecodedOfTheTree(t *testing.T) {
	vApp := object{
		ref:   types.ManagedObjectReference{Type: "VirtualApp", Value: "resgroup-v1"},
		props: properties{propName: "vapp", propParentFolder: folderRef("group-3")},
	}
	template := object{ref: vmRef("vm-1"), props: everything(), withheld: []string{propStamp}}
	delete(template.props, propStamp)
	folders, templates := treeOf([]object{folderRead("group-3", "a%2fb", "group-2"), vApp, template})
	want := []inventory.FolderRead{
		{Ref: "group-3", FolderUpdate: inventory.FolderUpdate{Name: "a/b", Parent: "group-2"}},
		{Ref: "resgroup-v1", FolderUpdate: inventory.FolderUpdate{Name: "vapp", Parent: "group-3", VApp: true}},
	}
	if diff := cmp.Diff(want, folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if u := templates["vm-1"]; len(templates) != 1 || u.Name != "a/b" || u.Fields&inventory.FieldStamp != 0 {
		t.Errorf("templates %+v", templates)
	}
	if u := folderUpdate([]types.PropertyChange{assign(propName, nil), assign(propParent, nil)}); u != (inventory.FolderUpdate{}) {
		t.Errorf("without values: %+v", u)
	}
}

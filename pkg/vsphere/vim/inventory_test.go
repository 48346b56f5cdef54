package vim

import (
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	testOwner = "owner-1"
	testUID   = "uid-1"
)

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
func testInventory() *inventory {
	inv := newInventory(testOwner, clock.RealClock{})
	inv.restart(site{
		vmFolder: folderRef("group-0"), vmFolderPath: []string{"DC0", "vm"}, root: []string{"vmgroups"},
	})
	for _, f := range []struct{ ref, name, parent string }{
		{"group-3", "web", "group-2"}, {"group-2", "default", "group-1"}, {"group-1", "vmgroups", "group-0"},
	} {
		inv.updateFolder(vsphere.Ref(f.ref), []types.PropertyChange{
			assign(propName, f.name), assign(propParent, folderRef(vsphere.Ref(f.parent))),
		}, &touched{})
	}
	return inv
}

func TestAVMWithoutConfigurationIsStillTheSame(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	inv.update("vm-1", fromRoot, false, []types.PropertyChange{
		assign(propInstanceUUID, nil), assign(propTemplate, nil), assign(propStamp, nil),
		assign(propConnection, types.VirtualMachineConnectionStateInaccessible),
	}, &touched{})
	vm, _, _ := inv.get("vm-1")
	if vsphere.Identify(testOwner, testUID, vm) != vsphere.Ours || vm.Connection != "inaccessible" {
		t.Errorf("%+v", vm)
	}
	// A stamp that is taken off, while the rest is there, is another matter.
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	inv.update("vm-1", fromRoot, false, []types.PropertyChange{assign(propStamp, nil)}, &touched{})
	vm, _, _ = inv.get("vm-1")
	if vsphere.Identify(testOwner, testUID, vm) != vsphere.Foreign {
		t.Errorf("%+v", vm)
	}
}

func TestAVMConcernsItsGroupAndTheOneItLiesIn(t *testing.T) {
	inv := testInventory()
	var heard touched
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &heard)
	for _, g := range []vsphere.GroupID{{UID: testUID}, {Namespace: "default", Name: "web"}} {
		if !heard.groups[g] {
			t.Errorf("%+v was not told: %v", g, heard.groups)
		}
	}
	// Moved away, it concerns the folder that it has left.
	heard = touched{}
	inv.update("vm-1", fromRoot, false, []types.PropertyChange{assign(propParent, folderRef("group-0"))}, &heard)
	if !heard.groups[vsphere.GroupID{Namespace: "default", Name: "web"}] {
		t.Errorf("the folder's group was not told: %v", heard.groups)
	}
	if s := inv.snapshot(vsphere.GroupID{Namespace: "default", Name: "web", UID: testUID}); len(s.VMs) != 1 || s.VMs[0].ParentPath != "/DC0/vm" {
		t.Errorf("%+v", s.VMs)
	}
}

func TestOnlyOursHaveToBeProvenGone(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	inv.update("vm-2", fromRoot, true, []types.PropertyChange{assign(propName, "x"), assign(propInstanceUUID, "i-2")}, &touched{})
	inv.update("vm-3", fromRoot, true, []types.PropertyChange{assign(propName, "y")}, &touched{})
	for ref, want := range map[vsphere.Ref]bool{"vm-1": true, "vm-2": false, "vm-3": true} {
		if got := inv.leave(ref, fromRoot, &touched{}); got != want {
			t.Errorf("%s: verify %t, want %t", ref, got, want)
		}
		if _, _, ok := inv.get(ref); ok != want {
			t.Errorf("%s: known %t, want %t", ref, ok, want)
		}
	}
}

func TestASweepDoesNotOverruleTheWatch(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	answer := object{ref: vmRef("vm-1"), props: properties{propParent: folderRef("group-3"), propTemplate: false}}

	asked := inv.instant()
	inv.update("vm-1", fromRoot, false, []types.PropertyChange{assign(propTemplate, true)}, &touched{})
	inv.refresh(answer, sweptProps(), asked, &touched{})
	if vm, _, _ := inv.get("vm-1"); !vm.Template {
		t.Error("an answer from before the report has overruled it")
	}
	inv.refresh(answer, sweptProps(), inv.instant(), &touched{})
	if vm, _, _ := inv.get("vm-1"); vm.Template {
		t.Error("an answer from after the report was ignored")
	}
}

// The watch reports a state that differs from the last one it has reported: it says nothing of a VM that a task of ours has
// switched on, and somebody else off again, between two looks.
func TestASweepCorrectsWhatATaskHasLeft(t *testing.T) {
	inv := testInventory()
	off := assign(propPower, types.VirtualMachinePowerStatePoweredOff)
	inv.update("vm-1", fromRoot, true, append(described("web-0", "group-3"), off), &touched{})
	inv.setPower("vm-1", vsphere.PoweredOn, time.Now(), &touched{})

	answer := object{ref: vmRef("vm-1"), props: properties{
		propParent: folderRef("group-3"), propTemplate: false, propPower: off.Val,
		propConnection: types.VirtualMachineConnectionStateConnected,
	}}
	var heard touched
	inv.refresh(answer, sweptProps(), inv.instant(), &heard)
	if vm, _, _ := inv.get("vm-1"); vm.Power != vsphere.PoweredOff || !heard.groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("power %s, told %v", vm.Power, heard.groups)
	}
	heard = touched{}
	inv.refresh(answer, sweptProps(), inv.instant(), &heard)
	if len(heard.groups) > 0 {
		t.Errorf("no news, and told %v", heard.groups)
	}
}

// An update that is lost on its way leaves a VM half seen: it counts as one that is still being made.
func TestASweepCompletesWhatTheWatchHasLost(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, []types.PropertyChange{assign(propParent, folderRef("group-3"))}, &touched{})
	inv.update("vm-2", fromRoot, true, []types.PropertyChange{assign(propParent, folderRef("group-3"))}, &touched{})
	whole := properties{}
	whole.apply(described("web-0", "group-3"))
	foreign := properties{propName: "x", propParent: folderRef("group-3"), propInstanceUUID: "i-2"}
	var heard touched
	inv.refresh(object{ref: vmRef("vm-1"), props: whole}, vmProps(), inv.instant(), &heard)
	inv.refresh(object{ref: vmRef("vm-2"), props: foreign}, vmProps(), inv.instant(), &heard)
	for ref, want := range map[vsphere.Ref]vsphere.Identity{"vm-1": vsphere.Ours, "vm-2": vsphere.Foreign} {
		vm, _, _ := inv.get(ref)
		if got := vsphere.Identify(testOwner, testUID, vm); got != want || vm.Name == "" {
			t.Errorf("%s is %v, want %v: %+v", ref, got, want, vm)
		}
	}
	if s := inv.snapshot(vsphere.GroupID{UID: testUID}); len(s.VMs) == 0 || !heard.groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("its group has %+v, told %v", s.VMs, heard.groups)
	}
	read := func(withheld []string, changes ...types.PropertyChange) vsphere.VM {
		props := properties{}
		props.apply(changes)
		inv.refresh(object{ref: vmRef("vm-1"), props: props, withheld: withheld}, vmProps(), inv.instant(), &heard)
		vm, _, _ := inv.get("vm-1")
		return vm
	}
	ours := func(vm vsphere.VM) bool { return vsphere.Identify(testOwner, testUID, vm) == vsphere.Ours }
	// A name and an address that change unheard are taken over too. A configuration that cannot be read is still the same.
	vm := read(nil, assign(propName, "renamed"), assign(propIP, "192.0.2.1"))
	if vm.Name != "renamed" || vm.IP != "192.0.2.1" || vm.Connection != "" || !ours(vm) {
		t.Errorf("without configuration: %+v", vm)
	}
	bare := slices.DeleteFunc(described("web-0", "group-3"), func(c types.PropertyChange) bool { return c.Name == propStamp })
	if vm := read([]string{propStamp}, bare...); vm.Name != "web-0" || vm.IP != "" || !ours(vm) {
		t.Errorf("with a stamp that is withheld: %+v", vm)
	}
	if vm := read(nil, bare...); ours(vm) {
		t.Errorf("without a stamp: %+v", vm)
	}
}

// A process that has just started knows of such a VM only what the group's status says.
func TestAVMThatShowsNothingIsRemembered(t *testing.T) {
	for name, seen := range map[string]bool{"nobody holds it": false, "a filter holds it": true} {
		t.Run(name, func(t *testing.T) {
			inv, g := testInventory(), vsphere.GroupID{Namespace: "default", Name: "web", UID: testUID}
			if seen {
				inv.update("vm-1", fromRoot, true, nil, &touched{})
			}
			inv.remember(testUID, []vsphere.Ref{"vm-1"})
			if s := inv.snapshot(g); len(s.VMs) != 1 || s.VMs[0].Ref != "vm-1" {
				t.Errorf("remembered: %+v", s.VMs)
			}
			// Readable, it shows that it is another's.
			inv.update("vm-1", fromRoot, true, []types.PropertyChange{assign(propName, "x"), assign(propInstanceUUID, "i-2")}, &touched{})
			if s := inv.snapshot(g); len(s.VMs) != 0 {
				t.Errorf("readable: %+v", s.VMs)
			}
		})
	}
}

// The leave of a VM may be lost, whosever it is: one that nobody takes for gone would hold its group's folder for ever.
func TestWhatAFilterHoldsAndAListLacksIsUnlisted(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	inv.update("vm-2", fromRoot, true, []types.PropertyChange{assign(propName, "x"), assign(propInstanceUUID, "i-2")}, &touched{})
	inv.update("vm-3", fromRoot, true, []types.PropertyChange{assign(propParent, folderRef("group-3"))}, &touched{})
	inv.remember(testUID, []vsphere.Ref{"vm-4"}) // which no filter holds
	got := inv.unlisted(map[vsphere.Ref]bool{"vm-1": true})
	slices.Sort(got)
	if want := []vsphere.Ref{"vm-2", "vm-3"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

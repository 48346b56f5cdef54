package vim

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// lies returns what a filter says of a VM that was moved to a folder.
func lies(folder types.ManagedObjectReference) []types.PropertyChange {
	return []types.PropertyChange{assign(propParent, folder)}
}

// named is what a read says of a folder or a datacenter.
func named(name string, parent types.ManagedObjectReference) properties {
	return properties{propName: name, propParent: parent}
}

// The inventory still has the VM below the root; what counts is what was read just now.
func TestADestructionIsJudgedByTheParentJustRead(t *testing.T) {
	for name, parent := range map[string]any{
		"elsewhere":                   folderRef("group-0"),
		"in a folder nobody knows":    folderRef("group-99"),
		"who knows where":             &types.NoPermission{},
		"in a vApp, without a parent": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{vmRef("vm-1"): {asRead(properties{propParent: parent})}}}
			c := scripted(t, s)
			err := c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, "vm-1"))
			wantClass(t, "StartDestroy", err, vsphere.ClassConflict)
			if reasonOf(err) != reasonVMOutsideRoot || s.sent("Destroy_Task") {
				t.Errorf("%v, sent: %v", err, s.calls)
			}
		})
	}
}

func reasonOf(err error) string {
	e, ok := errors.AsType[*vsphere.Error](err)
	if !ok {
		return ""
	}
	return e.Reason
}

func TestNothingOutsideTheRootIsSwitched(t *testing.T) {
	for name, change := range map[string]func(*inventory){
		"the VM was moved": func(inv *inventory) {
			inv.update("vm-1", fromRoot, false, lies(folderRef("group-0")), &touched{})
		},
		"the namespace's folder was moved": func(inv *inventory) {
			inv.updateFolder("group-2", lies(folderRef("group-0")), &touched{})
		},
		"the root folder was renamed": func(inv *inventory) {
			inv.updateFolder("group-1", []types.PropertyChange{assign(propName, "old")}, &touched{})
		},
		"its folder is not to be seen": func(inv *inventory) { inv.removeFolder("group-2", &touched{}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			c := scripted(t, s)
			change(c.v.inv)
			for _, err := range []error{
				c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationPowerOff, "vm-1")), c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationPowerOn, "vm-1")),
			} {
				if reasonOf(err) != reasonVMOutsideRoot {
					t.Errorf("%v", err)
				}
			}
			if len(s.calls) > 0 {
				t.Errorf("sent: %v", s.calls)
			}
		})
	}
}

// Whoever moves a folder moves what is below it: the groups of the VMs there are told, wherever they are.
func TestAFolderThatMovesTakesItsVMsAlong(t *testing.T) {
	inv := testInventory()
	for _, f := range []struct{ ref, name, parent string }{{"group-6", "deep", "group-5"}, {"group-5", "attic", "group-0"}} {
		inv.updateFolder(vsphere.Ref(f.ref), []types.PropertyChange{
			assign(propName, f.name), assign(propParent, folderRef(vsphere.Ref(f.parent))),
		}, &touched{})
	}
	inv.update("vm-1", fromOutside, true, described("web-0", "group-6"), &touched{})
	for _, step := range []struct {
		what   string
		change func(*touched)
		path   string // empty: any
		inside bool
	}{
		{"into the root", func(t *touched) { inv.updateFolder("group-5", lies(folderRef("group-1")), t) }, "/DC0/vm/vmgroups/attic/deep", true},
		{"renamed", func(t *touched) {
			inv.updateFolder("group-5", []types.PropertyChange{assign(propName, "loft")}, t)
		}, "/DC0/vm/vmgroups/loft/deep", true},
		{"below itself, between two updates", func(t *touched) { inv.updateFolder("group-5", lies(folderRef("group-6")), t) }, "", false},
		{"out again", func(t *touched) { inv.updateFolder("group-5", lies(folderRef("group-0")), t) }, "/DC0/vm/loft/deep", false},
		{"gone from sight", func(t *touched) { inv.removeFolder("group-5", t) }, "…/deep", false},
	} {
		var heard touched
		step.change(&heard)
		if !heard.groups[vsphere.GroupID{UID: testUID}] {
			t.Errorf("%s: the VM's group was not told: %v", step.what, heard.groups)
		}
		if path, inside := inv.place("group-6"); step.path != "" && path != step.path || inside != step.inside {
			t.Errorf("%s: it lies in %q, inside %t", step.what, path, inside)
		}
	}
}

// A VM that was moved to another datacenter lies in none of the folders that are watched.
func TestThePlaceOfAVMInAnotherDatacenter(t *testing.T) {
	root, dc := types.ManagedObjectReference{Type: "Folder", Value: "group-d1"}, types.ManagedObjectReference{Type: "Datacenter", Value: "datacenter-9"}
	far, vms, emea := folderRef("group-92"), folderRef("group-91"), folderRef("group-90")
	for name, tt := range map[string]struct {
		reads reads
		want  string
	}{
		"all is readable": {reads{
			far: {named("lab", vms)}, vms: {named("vm", dc)}, dc: {named("DC9", emea)}, emea: {named("EMEA", root)},
		}, "/EMEA/DC9/vm/lab"},
		"the datacenter is not": {reads{far: {named("lab", vms)}, vms: {named("vm", dc)}, dc: {denied403}}, "…/vm/lab"},
		"a parent is not":       {reads{far: {named("lab", vms)}, vms: {properties{propName: "vm"}}}, "…/vm/lab"},
		"the folder is not":     {reads{far: {denied403}}, ""},
		"the folder is gone":    {reads{far: {goneFault(far)}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: tt.reads}
			c := scripted(t, s)
			c.client.ServiceContent.RootFolder = root
			var heard touched
			c.v.inv.update("vm-1", fromOutside, false, lies(far), &heard)
			if diff := cmp.Diff([]vsphere.Ref{"group-92"}, heard.places); diff != "" {
				t.Fatalf("to be read (-want +got):\n%s", diff)
			}
			c.chores.wantPlaces(heard.places...)
			if err := c.readPlaces(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := c.v.inv.snapshot(testGroup).VMs[0]
			if got.ParentPath != tt.want || got.UnderRoot {
				t.Errorf("it lies in %q, below the root: %t; want %q", got.ParentPath, got.UnderRoot, tt.want)
			}
			heard = touched{}
			if c.v.inv.setPlace("group-92", tt.want, &heard); len(heard.groups) > 0 {
				t.Errorf("told although it lies where it lay: %v", heard.groups)
			}
			// It is read again at the next resync, and forgotten once no VM of ours lies there.
			if diff := cmp.Diff([]vsphere.Ref{"group-92"}, c.v.inv.distantFolders()); diff != "" {
				t.Errorf("at the next resync (-want +got):\n%s", diff)
			}
			heard = touched{}
			c.v.inv.update("vm-1", fromOutside, false, lies(folderRef("group-3")), &heard)
			if left := c.v.inv.distantFolders(); len(left)+len(heard.places)+len(c.v.inv.distant) > 0 {
				t.Errorf("left: %v, %v, %v", left, heard.places, c.v.inv.distant)
			}
		})
	}
}

// A chain of parents that never reaches vCenter's root folder comes to an end.
func TestThePlaceOfAVMHasABound(t *testing.T) {
	a, b := folderRef("group-91"), folderRef("group-92")
	s := &script{reads: reads{a: {named("a", b)}, b: {named("b", a)}}}
	names, err := newAncestry(scripted(t, s)).pathOf(t.Context(), a)
	if err != nil || len(names) != maxDepth+1 || names[0] != unreadable || len(s.calls) != 2 {
		t.Errorf("%d calls, %q, %v", len(s.calls), names, err)
	}
}

// What vCenter did not answer is asked again.
func TestAPlaceThatWasNotAnsweredIsReadAgain(t *testing.T) {
	far := folderRef("group-92")
	c := scripted(t, &script{reads: reads{far: {noAnswer, named("lab", folderRef("group-d1"))}}})
	c.client.ServiceContent.RootFolder = folderRef("group-d1")
	c.chores.wantPlaces("group-92", "group-93")
	if err := c.readPlaces(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if err := c.readPlaces(t.Context()); err != nil {
		t.Fatal(err)
	}
	if path, _ := c.v.inv.place("group-92"); path != "/lab" {
		t.Errorf("it lies in %q", path)
	}
}

// Names that cannot be read at first keep the connection from being in step: the first statuses would lack them.
func TestTheFirstReadOfNamesMayFail(t *testing.T) {
	for name, want := range map[string]func(*chores){
		"of a host":           func(ch *chores) { ch.wantHosts("host-9") },
		"of a distant folder": func(ch *chores) { ch.wantPlaces("group-92") },
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{reads: reads{
				folderRef("group-92"): {noAnswer}, types.ManagedObjectReference{Type: "HostSystem", Value: "host-9"}: {noAnswer},
			}})
			want(&c.chores)
			if err := c.reconcile(t.Context()); !errors.Is(err, noAnswer) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A folder that was moved away lies below no namespace's folder, whatever the folder tree says.
func TestAFolderThatWasMovedAwayIsNotRemoved(t *testing.T) {
	for name, parent := range map[string]vsphere.Ref{"elsewhere": "group-0", "into the root folder": "group-1", "who knows where": "group-99"} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{folderRef("group-3"): {named("web", folderRef(parent))}}}
			wantClass(t, "RemoveFolder", removed(t, scripted(t, s)), vsphere.ClassInvalid)
			if s.sent("UnregisterAndDestroy_Task") {
				t.Errorf("sent: %v", s.calls)
			}
		})
	}
}

// Where the account may not make the root folder, it is told of the other way.
func TestARootFolderThatMayNotBeMade(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		class vsphere.Class
		told  bool
	}{
		"not allowed": {denied403, vsphere.ClassInvalid, true},
		"no answer":   {lostAnswer, vsphere.ClassUnknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{fails: fails{"CreateFolder": {tt.err}}})
			c.v.inv.removeFolder("group-1", &touched{})
			_, err := c.v.EnsureFolder(t.Context(), testGroup)
			wantClass(t, "EnsureFolder", err, tt.class)
			if told := strings.Contains(err.Error(), "make the root folder /DC0/vm/vmgroups in vCenter"); told != tt.told {
				t.Errorf("told of the other way: %t: %v", told, err)
			}
		})
	}
}

package vim

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
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
			if reasonOf(err) != v1alpha1.ReasonVMOutsideRoot || s.sent("Destroy_Task") {
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
	for name, change := range map[string]func(*inventory.Inventory){
		"the VM was moved": func(inv *inventory.Inventory) {
			modify(inv, "vm-1", lies(folderRef("group-0"))...)
		},
		"the namespace's folder was moved": func(inv *inventory.Inventory) {
			inv.UpdateFolder("group-2", folderUpdate(lies(folderRef("group-0"))), &inventory.Changes{})
		},
		"the root folder was renamed": func(inv *inventory.Inventory) {
			inv.UpdateFolder("group-1", folderUpdate([]types.PropertyChange{assign(propName, "old")}), &inventory.Changes{})
		},
		"its folder is not to be seen": func(inv *inventory.Inventory) { inv.DeleteFolder("group-2", &inventory.Changes{}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			c := scripted(t, s)
			change(c.v.inv)
			for _, err := range []error{
				c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationPowerOff, "vm-1")), c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationPowerOn, "vm-1")),
			} {
				if reasonOf(err) != v1alpha1.ReasonVMOutsideRoot {
					t.Errorf("%v", err)
				}
			}
			if len(s.calls) > 0 {
				t.Errorf("sent: %v", s.calls)
			}
		})
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
			var heard inventory.Changes
			c.v.inv.Update("vm-1", inventory.FromOutside, false, vmUpdate(lies(far)), &heard)
			if diff := cmp.Diff([]vsphere.Ref{"group-92"}, heard.Folders); diff != "" {
				t.Fatalf("to be read (-want +got):\n%s", diff)
			}
			c.queue.addFolders(heard.Folders...)
			if err := c.readQueuedFolders(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := c.v.inv.Snapshot(testGroup, "").VMs[0]
			if got.ParentPath != tt.want || got.UnderRoot {
				t.Errorf("it lies in %q, below the root: %t; want %q", got.ParentPath, got.UnderRoot, tt.want)
			}
			heard = inventory.Changes{}
			if c.v.inv.SetPathOutside("group-92", tt.want, &heard); len(heard.Groups) > 0 {
				t.Errorf("told although it lies where it lay: %v", heard.Groups)
			}
			// It is read again at the next resync, and forgotten once no VM of ours lies there.
			if diff := cmp.Diff([]vsphere.Ref{"group-92"}, c.v.inv.FoldersOutsideTree()); diff != "" {
				t.Errorf("at the next resync (-want +got):\n%s", diff)
			}
			heard = inventory.Changes{}
			c.v.inv.Update("vm-1", inventory.FromOutside, false, vmUpdate(lies(folderRef("group-3"))), &heard)
			if left := c.v.inv.FoldersOutsideTree(); len(left)+len(heard.Folders) > 0 {
				t.Errorf("left: %v, %v", left, heard.Folders)
			}
		})
	}
}

// A chain of parents that never reaches vCenter's root folder comes to an end.
func TestThePlaceOfAVMHasABound(t *testing.T) {
	a, b := folderRef("group-91"), folderRef("group-92")
	s := &script{reads: reads{a: {named("a", b)}, b: {named("b", a)}}}
	names, err := newAncestry(scripted(t, s).connection).pathOf(t.Context(), a)
	if err != nil || len(names) != maxDepth+1 || names[0] != inventory.Hidden || len(s.calls) != 2 {
		t.Errorf("%d calls, %q, %v", len(s.calls), names, err)
	}
}

// What vCenter did not answer is asked again.
func TestAPlaceThatWasNotAnsweredIsReadAgain(t *testing.T) {
	far := folderRef("group-92")
	c := scripted(t, &script{reads: reads{far: {noAnswer, named("lab", folderRef("group-d1"))}}})
	c.client.ServiceContent.RootFolder = folderRef("group-d1")
	c.queue.addFolders("group-92", "group-93")
	if err := c.readQueuedFolders(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if err := c.readQueuedFolders(t.Context()); err != nil {
		t.Fatal(err)
	}
	if path, _ := c.v.inv.Locate("group-92"); path != "/lab" {
		t.Errorf("it lies in %q", path)
	}
}

// Names that cannot be read at first keep the connection from being in step: the first statuses would lack them.
func TestTheFirstReadOfNamesMayFail(t *testing.T) {
	for name, want := range map[string]func(*readQueue){
		"of a host":           func(q *readQueue) { q.addHosts("host-9") },
		"of a distant folder": func(q *readQueue) { q.addFolders("group-92") },
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{reads: reads{
				folderRef("group-92"): {noAnswer}, types.ManagedObjectReference{Type: "HostSystem", Value: "host-9"}: {noAnswer},
			}})
			want(c.queue)
			if err := c.reconcile(t.Context(), c.beginSweep(t.Context())); !errors.Is(err, noAnswer) {
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
			c.v.inv.DeleteFolder("group-1", &inventory.Changes{})
			_, err := c.v.EnsureFolder(t.Context(), testGroup)
			wantClass(t, "EnsureFolder", err, tt.class)
			if told := strings.Contains(err.Error(), "make the root folder /DC0/vm/vmgroups in vCenter"); told != tt.told {
				t.Errorf("told of the other way: %t: %v", told, err)
			}
		})
	}
}

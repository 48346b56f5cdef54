package inventory

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// What moves a folder moves what is below it: the groups of the VMs there are notified, wherever they are.
func TestAFolderThatMovesTakesItsVMsAlong(t *testing.T) {
	inv := testInventory()
	inv.UpdateFolder("group-6", FolderUpdate{Name: "deep", Parent: "group-5"}, &Changes{})
	inv.UpdateFolder("group-5", FolderUpdate{Name: "attic", Parent: "group-0"}, &Changes{})
	inv.Update("vm-1", FromOutside, true, described("web-0", "group-6"), &Changes{})
	for _, step := range []struct {
		what      string
		change    func() Changes
		path      string // empty: any
		underRoot bool
	}{
		{"into the root", func() Changes { return move(inv, "group-5", "group-1") }, "/DC0/vm/vmgroups/attic/deep", true},
		{"renamed", func() Changes { return rename(inv, "group-5", "loft") }, "/DC0/vm/vmgroups/loft/deep", true},
		{"below itself, between two updates", func() Changes { return move(inv, "group-5", "group-6") }, "", false},
		{"out again", func() Changes { return move(inv, "group-5", "group-0") }, "/DC0/vm/loft/deep", false},
		{"gone from sight", func() Changes {
			var ch Changes
			inv.DeleteFolder("group-5", &ch)
			return ch
		}, "…/deep", false},
	} {
		heard := step.change()
		if !heard.Groups[vsphere.GroupID{UID: testUID}] {
			t.Errorf("%s: the VM's group is not notified: %v", step.what, heard.Groups)
		}
		if path, underRoot := inv.Locate("group-6"); step.path != "" && path != step.path || underRoot != step.underRoot {
			t.Errorf("%s: it lies in %q, below the root: %t", step.what, path, underRoot)
		}
		if vm := get(inv, "vm-1"); step.path != "" && vm.ParentPath != step.path || vm.UnderRoot != step.underRoot {
			t.Errorf("%s: its VM lies in %q, below the root: %t", step.what, vm.ParentPath, vm.UnderRoot)
		}
	}
}

// Between two updates of one move there may be two folders of one name. What lay below the one that was the root lies outside
// it then, though nothing was said of the folders that it is in.
func TestWithAnotherRootVMsLieOutsideIt(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	var heard Changes
	inv.UpdateFolder("group-9", FolderUpdate{Name: "vmgroups", Parent: "group-0"}, &heard)
	if vm := get(inv, "vm-1"); vm.UnderRoot || !heard.Groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("below another root: %t, notified %v", vm.UnderRoot, heard.Groups)
	}
	if inv.Root() != "group-9" {
		t.Errorf("the root is %s", inv.Root())
	}
}

func TestWhatIsBelowTheRoot(t *testing.T) {
	inv := testInventory()
	for folder, want := range map[vsphere.Ref]struct{ itself, content, withinDefault bool }{
		"group-0": {}, "group-1": {content: true}, "group-2": {true, true, true}, "group-3": {true, true, true}, "group-9": {}, "": {},
	} {
		_, content := inv.Locate(folder)
		if itself := inv.UnderRoot(folder); itself != want.itself || content != want.content {
			t.Errorf("%s lies below the root: %t, its content: %t; want %+v", folder, itself, content, want)
		}
		if within := inv.Within(folder, "group-2"); within != want.withinDefault {
			t.Errorf("%s is group-2 or lies below it: %t", folder, within)
		}
	}
	names := inv.ChildNames("group-1")
	if !slices.Equal(names, []string{"default"}) {
		t.Errorf("the root holds %q", names)
	}
}

// A folder concerns the group whose folder it is or lies in, the groups of a namespace, or, if it is the root, all.
func TestWhomAFolderConcerns(t *testing.T) {
	web := vsphere.GroupID{Namespace: "default", Name: "web"}
	for ref, all := range map[vsphere.Ref]bool{"group-1": true, "group-2": false, "group-3": false} {
		inv := testInventory()
		if heard := rename(inv, ref, "other"); heard.All != all || !all && !heard.Groups[web] {
			t.Errorf("%s: all %t, notified %v", ref, heard.All, heard.Groups)
		}
	}
	inv := testInventory()
	var heard Changes
	inv.UpdateFolder("resgroup-1", FolderUpdate{Name: "vapp", Parent: "group-3", VApp: true}, &heard)
	if !heard.Groups[web] {
		t.Errorf("something in its folder: notified %v", heard.Groups)
	}
}

// A folder that we have made is there at once, and overdue unless it is reported soon.
func TestAFolderOfOursIsUnconfirmedUntilItIsReported(t *testing.T) {
	inv := testInventory()
	inv.AddFolder("group-4", "group-2", "db", aSecondAgo(), &Changes{})
	if _, known := inv.Child("group-2", "db"); !known {
		t.Error("it is not there at once")
	}
	rename(inv, "group-4", "db2")
	if overdue, _ := inv.UnconfirmedFolders(aSecondAgo()); !slices.Equal(overdue, []vsphere.Ref{"group-4"}) {
		t.Errorf("overdue are %v", overdue)
	}
	if overdue, others := inv.UnconfirmedFolders(aSecondAgo().Add(-time.Minute)); len(overdue) > 0 || !others {
		t.Errorf("overdue before it was made: %v, others %t", overdue, others)
	}
	inv.ConfirmFolder("group-4")
	inv.AddFolder("group-3", "group-2", "web", aSecondAgo(), &Changes{}) // which is known already
	if overdue, others := inv.UnconfirmedFolders(aSecondAgo()); len(overdue) > 0 || others {
		t.Errorf("confirmed, and overdue are %v, others %t", overdue, others)
	}
}

// A VM that was moved to another datacenter lies in none of the folders of the tree.
func TestFoldersOutsideTheTree(t *testing.T) {
	inv := testInventory()
	inv.Update("vm-1", FromOutside, true, described("web-0", "group-3"), &Changes{})
	var ch Changes
	inv.Update("vm-1", FromOutside, false, values(Properties{Parent: "group-92"}), &ch)
	if diff := cmp.Diff([]vsphere.Ref{"group-92"}, ch.Folders); diff != "" {
		t.Fatalf("to be read (-want +got):\n%s", diff)
	}
	for i, path := range []string{"/DC9/vm/lab", "/DC9/vm/lab", ""} {
		ch = Changes{}
		inv.SetPathOutside("group-92", path, &ch)
		if vm := get(inv, "vm-1"); vm.ParentPath != path || vm.UnderRoot || (len(ch.Groups) > 0) != (i != 1) {
			t.Errorf("%q: it lies in %q, below the root: %t, notified %v", path, vm.ParentPath, vm.UnderRoot, ch.Groups)
		}
	}
	// It is read again at the next resync, and dropped once no VM of ours lies there.
	if diff := cmp.Diff([]vsphere.Ref{"group-92"}, inv.FoldersOutsideTree()); diff != "" {
		t.Errorf("at the next resync (-want +got):\n%s", diff)
	}
	ch = Changes{}
	inv.Update("vm-1", FromOutside, false, values(Properties{Parent: "group-3"}), &ch)
	if left := inv.FoldersOutsideTree(); len(left)+len(ch.Folders)+len(inv.pathsOutside) > 0 {
		t.Errorf("kept: %v, %v, %v", left, ch.Folders, inv.pathsOutside)
	}
}

func TestFolderAt(t *testing.T) {
	inv := testInventory()
	inv.UpdateFolder("group-8", FolderUpdate{Name: "images", Parent: "group-7"}, &Changes{})
	if got := inv.FolderAt("golden", "images"); got != "" {
		t.Errorf("it is %s before it exists", got)
	}
	inv.UpdateFolder("group-7", FolderUpdate{Name: "golden", Parent: "group-0"}, &Changes{})
	if got := inv.FolderAt("golden", "images"); got != "group-8" || !inv.HasFolder("group-8") || inv.HasFolder("group-99") {
		t.Errorf("it is %q", got)
	}
}

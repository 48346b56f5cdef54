package contract

import (
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var folderScenarios = []scenario{
	{name: "nothing is there at first", run: func(f *fixture) {
		s := f.snapshot(f.group)
		if s.RootExists || len(s.Folders)+len(s.VMs)+len(s.Operations)+len(s.Failures)+s.ClonesToCome != 0 {
			f.t.Errorf("want nothing, got %s", describe(s))
		}
		if s.VCenter == "" || s.Owner == "" || !strings.HasSuffix(s.Path, "/"+RootFolder+"/default/web") {
			f.t.Errorf("VCenter %q, Owner %q and Path %q must be told from the start", s.VCenter, s.Owner, s.Path)
		}
	}},
	{name: "it is made once, with what is missing above it", run: func(f *fixture) {
		ref := f.folder(f.group)
		s := f.await(f.group, "the folder is there", func(s vsphere.Snapshot) bool { return len(s.Folders) == 1 })
		got := s.Folders[0]
		if !s.RootExists || got.Ref != ref || got.Name != "web" || got.Path != s.Path || !got.UnderRoot || got.Children != 0 {
			f.t.Errorf("want the empty folder %s at %s, got %s", ref, s.Path, describe(s))
		}
		if again := f.folder(f.group); again != ref {
			f.t.Errorf("asked twice, got the folders %s and %s", ref, again)
		}
		if db := f.folder(f.other()); db == ref {
			f.t.Errorf("two groups share the folder %s", db)
		}
	}},
	{name: "two ask at once for two groups of one namespace", run: func(f *fixture) {
		done := make(chan error)
		for _, g := range []vsphere.GroupID{f.group, f.other()} {
			go func() {
				_, err := f.Client().EnsureFolder(f.t.Context(), g)
				done <- err
			}()
		}
		f.must(<-done)
		f.must(<-done)
		if got, want := f.Folders(), []string{RootFolder + "/default/db", RootFolder + "/default/web"}; !slices.Contains(got, want[0]) ||
			!slices.Contains(got, want[1]) {
			f.t.Errorf("folders are %q, want %q among them", got, want)
		}
	}},
	{name: "an empty one is removed, again is a success", run: func(f *fixture) {
		ref := f.folder(f.group)
		f.must(f.removeFolder(ref))
		f.await(f.group, "the folder is gone", func(s vsphere.Snapshot) bool { return len(s.Folders) == 0 })
		if slices.Contains(f.Folders(), RootFolder+"/default/web") {
			f.t.Error("the folder is still there")
		}
		f.must(f.removeFolder(ref))
	}},
	{name: "one with a foreign VM stays", run: func(f *fixture) {
		ref := f.folder(f.group)
		vm := f.AddForeignVM(RootFolder+"/default/web", "somebody")
		f.mustBe(vsphere.ClassConflict, f.removeFolder(ref))
		if !f.exists(vm) || !slices.Contains(f.Folders(), RootFolder+"/default/web") {
			f.t.Error("the folder or the VM is gone")
		}
		s := f.await(f.group, "the foreign VM is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm)
			return ok && f.identify(s, got) == vsphere.Foreign
		})
		if s.Folders[0].Children != 1 {
			f.t.Errorf("the folder has %d children, want 1", s.Folders[0].Children)
		}
	}},
	{name: "one with a folder in it stays", run: func(f *fixture) {
		ref := f.folder(f.group)
		f.Move(f.AddForeignVM("elsewhere", "somebody"), RootFolder+"/default/web/inner")
		f.mustBe(vsphere.ClassConflict, f.removeFolder(ref))
		if !slices.Contains(f.Folders(), RootFolder+"/default/web/inner") {
			f.t.Error("the inner folder is gone")
		}
	}},
	{name: "namespace and root are never removed", run: func(f *fixture) {
		ref := f.folder(f.group)
		s := f.await(f.group, "the folder is there", func(s vsphere.Snapshot) bool { return len(s.Folders) == 1 })
		f.must(f.removeFolder(ref))
		if err := f.removeFolder(s.Folders[0].Parent); err == nil {
			f.t.Error("the removal of the namespace's folder was not refused")
		}
		if !slices.Contains(f.Folders(), RootFolder+"/default") {
			f.t.Error("the namespace's folder is gone")
		}
	}},
	{name: "removed behind the back, it is made again", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere") })
		f.await(f.group, "the folder is empty", func(s vsphere.Snapshot) bool {
			return len(s.Folders) == 1 && s.Folders[0].Children == 0
		})
		f.notifies(f.group, func() { f.RemoveFolder(RootFolder + "/default/web") })
		f.await(f.group, "the folder is gone", func(s vsphere.Snapshot) bool { return len(s.Folders) == 0 })
		if again := f.folder(f.group); again == vm.Parent {
			f.t.Errorf("the folder %s has risen from the dead", again)
		}
		f.await(f.group, "the folder is back", func(s vsphere.Snapshot) bool { return len(s.Folders) == 1 })
	}},
	// vCenter reports neither that it came nor that it went if nobody has looked in between.
	{name: "removed before anybody saw it, it is found out by the next clone", run: func(f *fixture) {
		ref := f.folder(f.group)
		f.RemoveFolder(RootFolder + "/default/web")
		if err := f.start(f.group, vmName(f.group, 0), f.spec(ref, 0)); err != nil {
			f.mustBe(vsphere.ClassConflict, err)
		}
		f.await(f.group, "the folder is gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Folders) == 0 })
		f.made(f.group, 0)
	}},
	{name: "renamed behind the back, it is followed to the VMs", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.RenameFolder(RootFolder+"/default/web", "web-old") })
		s := f.await(f.group, "the new name is seen", func(s vsphere.Snapshot) bool {
			return len(s.Folders) == 1 && s.Folders[0].Name == "web-old"
		})
		got, ok := byRef(s, vm.Ref)
		if s.Folders[0].Ref != vm.Parent || !ok || got.ParentPath != s.Folders[0].Path {
			f.t.Errorf("want the VM in its renamed folder, got %s", describe(s))
		}
	}},
}

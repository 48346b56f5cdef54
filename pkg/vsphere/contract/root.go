package contract

import (
	"errors"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// rootScenarios are about VMs of ours that lie outside the root folder: they are in the snapshot, and nothing is done to them.
var rootScenarios = []scenario{
	{name: "a VM moved out of the root, and back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		if !vm.UnderRoot {
			f.t.Errorf("in its folder, it is said to lie outside the root: %+v", vm)
		}
		for _, place := range []struct {
			folder string
			inside bool
		}{
			{"elsewhere", false}, {RootFolder, true}, {"", false}, {RootFolder + "/deep/er/still", true}, {RootFolder + "-2/default/web", false},
			{RootFolder + "/default/web", true},
		} {
			f.notifies(f.group, func() { f.Move(vm.Ref, place.folder) })
			f.awaitUnderRoot(vm.Ref, "it lies in "+place.folder, place.inside)
		}
	}},
	{name: "its folder moved out of the root, and back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.MoveFolder(RootFolder+"/default/web", "elsewhere") })
		f.awaitUnderRoot(vm.Ref, "its folder is elsewhere", false)
		f.notifies(f.group, func() { f.MoveFolder("elsewhere/web", RootFolder+"/default") })
		f.awaitUnderRoot(vm.Ref, "its folder is back", true)
	}},
	{name: "a folder above it moved, outside the root, and into it", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere/deep/er") })
		f.awaitUnderRoot(vm.Ref, "it is elsewhere", false)
		f.notifies(f.group, func() { f.MoveFolder("elsewhere/deep", "attic") })
		f.await(f.group, "the place is told", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && !got.UnderRoot && strings.HasSuffix(got.ParentPath, "/attic/deep/er")
		})
		f.notifies(f.group, func() { f.MoveFolder("attic/deep", RootFolder) })
		f.awaitUnderRoot(vm.Ref, "it has come with its folder", true)
	}},
	{name: "it destroys nothing outside the root, until it is back", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere") })
		f.awaitUnderRoot(vm.Ref, "it is elsewhere", false)
		f.wantOutside(f.refuses(vm.Ref).Err)
		f.notifies(f.group, func() { f.Move(vm.Ref, RootFolder+"/default/web") })
		f.awaitUnderRoot(vm.Ref, "it is back", true)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationDestroy, vm.Ref)) })
		f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 0 && len(s.Failures) == 0 })
	}},
	{name: "it destroys nothing that was moved out a moment ago", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.Move(vm.Ref, "elsewhere")
		f.wantOutside(f.refuses(vm.Ref).Err)
	}},
	{name: "it destroys nothing whose folder was moved out", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.notifies(f.group, func() { f.MoveFolder(RootFolder+"/default/web", "elsewhere") })
		f.awaitUnderRoot(vm.Ref, "its folder is elsewhere", false)
		f.wantOutside(f.refuses(vm.Ref).Err)
	}},
	{name: "it switches nothing outside the root, until it is back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere") })
		f.awaitUnderRoot(vm.Ref, "it is elsewhere", false)
		f.wantOutside(f.ask(vsphere.OperationPowerOff, vm.Ref))
		f.wantOutside(f.ask(vsphere.OperationPowerOn, vm.Ref))
		f.wantOutside(f.ask(vsphere.OperationReset, vm.Ref))
		if s := f.snapshot(f.group); !idle(s) || s.VMs[0].Power != vsphere.PoweredOn {
			f.t.Errorf("it was switched: %s", describe(s))
		}
		f.notifies(f.group, func() { f.Move(vm.Ref, RootFolder+"/default/web") })
		f.awaitUnderRoot(vm.Ref, "it is back", true)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "no folder that was moved out is removed", run: func(f *fixture) {
		folder := f.folder(f.group)
		f.await(f.group, "the folder is there", func(s vsphere.Snapshot) bool { return len(s.Folders) == 1 })
		f.MoveFolder(RootFolder+"/default/web", "elsewhere/deep")
		if err := f.removeFolder(folder); err == nil {
			f.t.Error("the removal was not refused")
		}
		if !slices.Contains(f.Folders(), "elsewhere/deep/web") {
			f.t.Errorf("the folder is gone: %q", f.Folders())
		}
	}},
}

// awaitUnderRoot waits until a VM of ours is seen to lie inside the root folder, or outside.
func (f *fixture) awaitUnderRoot(ref vsphere.Ref, what string, want bool) {
	f.t.Helper()
	f.await(f.group, what, func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, ref)
		return ok && !vm.Unreadable && vm.UnderRoot == want && f.identify(s, vm) == vsphere.Ours
	})
}

// wantOutside expects the error that refuses what lies outside the root folder.
func (f *fixture) wantOutside(err error) {
	f.t.Helper()
	e, ok := errors.AsType[*vsphere.Error](err)
	if !ok || e.Reason != "VMOutsideRoot" || e.Class != vsphere.ClassConflict {
		f.t.Errorf("got %v (%s), want VMOutsideRoot (%s)", err, vsphere.ClassOf(err), vsphere.ClassConflict)
	}
}

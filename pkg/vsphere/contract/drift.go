package contract

import (
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// driftScenarios are about what other people do to our VMs.
var driftScenarios = []scenario{
	{name: "destroyed", run: func(f *fixture) {
		a, b := f.made(f.group, 0), f.made(f.group, 1)
		f.notifies(f.group, func() { f.Destroy(a.Ref) })
		s := f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool { return len(s.VMs) == 1 })
		if s.VMs[0].Ref != b.Ref {
			f.t.Errorf("the wrong one is gone: %s", describe(s))
		}
	}},
	{name: "moved out of the folder, it is still in the snapshot", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere") })
		f.await(f.group, "its new place is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && strings.HasSuffix(got.ParentPath, "/elsewhere") && got.Parent != vm.Parent &&
				!got.Unreadable && f.identify(s, got) == vsphere.Ours
		})
		f.notifies(f.group, func() { f.PowerOff(vm.Ref) })
		f.await(f.group, "it is seen to be off, out there", func(s vsphere.Snapshot) bool {
			got, _ := byRef(s, vm.Ref)
			return got.Power == vsphere.PoweredOff
		})
		f.notifies(f.group, func() { f.Destroy(vm.Ref) })
		f.await(f.group, "it is gone, out there", func(s vsphere.Snapshot) bool { return len(s.VMs) == 0 })
	}},
	{name: "moved out and back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere") })
		f.await(f.group, "its new place is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Parent != vm.Parent
		})
		f.notifies(f.group, func() { f.Move(vm.Ref, RootFolder+"/default/web") })
		f.await(f.group, "it is back", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Parent == vm.Parent && got.ParentPath == s.Path && len(s.VMs) == 1
		})
	}},
	{name: "renamed", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.Rename(vm.Ref, "mine") })
		f.await(f.group, "its new name is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Name == "mine" && f.identify(s, got) == vsphere.Ours
		})
	}},
	{name: "made a template, and a VM again", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		for _, template := range []bool{true, false} {
			f.notifies(f.group, func() { f.MarkAsTemplate(vm.Ref, template) })
			want := vsphere.Ours
			if template {
				want = vsphere.ConvertedToTemplate
			}
			f.await(f.group, "it is "+string(want), func(s vsphere.Snapshot) bool {
				got, ok := byRef(s, vm.Ref)
				return ok && f.identify(s, got) == want
			})
		}
	}},
	{name: "copied", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		var copied vsphere.Ref
		f.notifies(f.group, func() { copied = f.CopyVM(vm.Ref, "web-copy") })
		s := f.await(f.group, "the copy is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, copied)
			return ok && f.identify(s, got) == vsphere.Copy
		})
		if got, _ := byRef(s, vm.Ref); f.identify(s, got) != vsphere.Ours {
			f.t.Errorf("the original is not ours any more: %s", describe(s))
		}
	}},
	{name: "a foreign VM comes and goes", run: func(f *fixture) {
		f.folder(f.group)
		var vm vsphere.Ref
		f.notifies(f.group, func() { vm = f.AddForeignVM(RootFolder+"/default/web", "somebody") })
		f.await(f.group, "it is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm)
			return ok && f.identify(s, got) == vsphere.Foreign
		})
		f.notifies(f.group, func() { f.Move(vm, "elsewhere") })
		f.await(f.group, "it is not the group's business any more", func(s vsphere.Snapshot) bool { return len(s.VMs) == 0 })
	}},
	{name: "disconnected", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.Disconnect(vm.Ref, true) })
		f.await(f.group, "it is seen", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Connection == "disconnected"
		})
	}},
}

package contract

import (
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// vCenter deletes the files of every disk that is attached to a VM with it, whoever they are.
var diskScenarios = []scenario{
	{name: "another VM's disk under a key of the template's is not destroyed", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.ReplaceDisk(vm.Ref, f.AddForeignVM("databases", "db"))
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is that of another VM of the group", run: func(f *fixture) {
		vm, other := f.madeOff(f.group, 0), f.madeOff(f.group, 1)
		f.ReplaceDisk(vm.Ref, other.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is the template's own", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.ReplaceDisk(vm.Ref, f.template)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is another VM's disk below a snapshot", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.ReplaceDisk(vm.Ref, f.AddForeignVM("databases", "db"))
		f.TakeSnapshot(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is one that a snapshot holds, although it was detached", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.ReplaceDisk(vm.Ref, f.AddForeignVM("databases", "db"))
		f.TakeSnapshot(vm.Ref)
		f.DetachDisks(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is one in another directory, whoever has put it there", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.MoveDisk(vm.Ref, "archive")
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is the template's disk once it is a first-class disk", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.RegisterDisk(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "the VM goes once the disk is detached", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.ReplaceDisk(vm.Ref, f.AddForeignVM("databases", "db"))
		f.refusesDisk(vm.Ref)
		f.DetachDisks(vm.Ref)
		f.destroys(vm)
	}},
	{name: "its own disks go with it, snapshots and all", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.TakeSnapshot(vm.Ref)
		f.TakeSnapshot(vm.Ref)
		f.destroys(vm)
	}},
	{name: "and under another name and in another folder", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.notifies(f.group, func() { f.Rename(vm.Ref, "renamed") })
		f.notifies(f.group, func() { f.Move(vm.Ref, RootFolder+"/elsewhere") })
		f.destroys(vm)
	}},
}

// refusesDisk expects that a VM is not destroyed for the sake of a disk, which the failure names by its file.
func (f *fixture) refusesDisk(ref vsphere.Ref) {
	f.t.Helper()
	got := f.refuses(ref).Err
	if got.Reason != "ForeignDisk" || got.Class != vsphere.ClassInvalid || !strings.Contains(got.Message, ".vmdk") {
		f.t.Errorf("it says %s (%s): %s; want ForeignDisk (%s), with the file", got.Reason, got.Class, got.Message, vsphere.ClassInvalid)
	}
}

// destroys expects that a VM is destroyed.
func (f *fixture) destroys(vm vsphere.VM) {
	f.t.Helper()
	f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationDestroy, vm.Ref)) })
	s := f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 0 })
	if f.exists(vm.Ref) {
		f.t.Errorf("it is there: %s", describe(s))
	}
}

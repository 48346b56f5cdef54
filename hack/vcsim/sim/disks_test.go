package sim_test

import (
	"path"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// disk is the first disk of a virtual machine and its configuration file, as clients see them.
func (e *env) disk(vm types.ManagedObjectReference) (*types.VirtualDisk, string) {
	e.t.Helper()
	var got mo.VirtualMachine
	e.must(object.NewVirtualMachine(e.client.Client, vm).Properties(e.ctx, vm, []string{"config"}, &got))
	for _, device := range got.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			return disk, got.Config.Files.VmPathName
		}
	}
	e.t.Fatalf("%s has no disk", vm.Value)
	return nil, ""
}

func backing(disk *types.VirtualDisk) *types.VirtualDiskFlatVer2BackingInfo {
	return disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
}

// dir is the directory that a file lies in.
func dir(p object.DatastorePath) string {
	p.Path = path.Dir(p.Path)
	return p.String()
}

// TestWhoseDisk destroys a virtual machine of the session's own after its disk has been changed by hand.
func TestWhoseDisk(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(e *env)
		reason string // why it must not be destroyed, or ""
	}{
		"as it was cloned":                {func(*env) {}, ""},
		"with a snapshot":                 {func(e *env) { e.must(e.control.TakeSnapshot(e.ctx, "a")) }, ""},
		"moved":                           {func(e *env) { e.must(e.control.MoveDisk(e.ctx, "a", "elsewhere")) }, ""},
		"detached":                        {func(e *env) { e.must(e.control.DetachDisk(e.ctx, "a", 0)) }, ""},
		"another one under its key":       {func(e *env) { e.replace("a", "db") }, "made for "},
		"a snapshot over another one":     {func(e *env) { e.replace("a", "db"); e.must(e.control.TakeSnapshot(e.ctx, "a")) }, "made for "},
		"another one that has been moved": {func(e *env) { e.must(e.control.MoveDisk(e.ctx, "db", "elsewhere")); e.replace("a", "db") }, "made for "},
		"the template's under its key":    {func(e *env) { e.replace("a", "template") }, "made for "},
		"a new one under its key":         {func(e *env) { e.must(e.control.DetachDisk(e.ctx, "a", 0)); e.added("a") }, "made by hand"},
		"made a first-class disk":         {func(e *env) { e.must(e.control.RegisterDisk(e.ctx, "a")) }, "first-class"},
		"another one, and detached again": {func(e *env) { e.replace("a", "db"); e.must(e.control.DetachDisk(e.ctx, "a", 0)) }, ""},
		"another one that a snapshot holds": {func(e *env) {
			e.must(e.control.TakeSnapshot(e.ctx, "a"))
			e.replace("a", "db")
			e.must(e.control.TakeSnapshot(e.ctx, "a"))
			e.must(e.control.DetachDisk(e.ctx, "a", 0))
		}, "made for "},
		"another one that was made by hand":  {func(e *env) { e.must(e.control.DetachDisk(e.ctx, "db", 0)); e.added("db"); e.replace("a", "db") }, "made by hand"},
		"its own at another virtual machine": {func(e *env) { _, err := e.control.AttachDisk(e.ctx, "db", "a"); e.must(err) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, sim.Options{Strict: true})
			vm := e.own("a")
			_, err := e.control.AddForeignVM(e.ctx, "group", "db")
			e.must(err)
			tt.change(e)
			task, err := vm.Destroy(e.ctx)
			if tt.reason != "" {
				e.tripped(err, "VirtualMachine.Destroy_Task", tt.reason)
				return
			}
			e.must(err)
			e.must(task.Wait(e.ctx))
			if n := len(e.violations()); n != 0 {
				t.Errorf("%d violations", n)
			}
		})
	}
}

// replace puts another virtual machine's disk in the place of a virtual machine's own. It gets the same key.
func (e *env) replace(vm, other string) {
	e.t.Helper()
	before := e.truth(vm).Disks[0]
	e.must(e.control.DetachDisk(e.ctx, vm, before))
	key, err := e.control.AttachDisk(e.ctx, vm, other)
	e.must(err)
	if key != before {
		e.t.Fatalf("the key is %d, was %d", key, before)
	}
}

func (e *env) added(vm string) {
	e.t.Helper()
	_, err := e.control.AddDisk(e.ctx, vm)
	e.must(err)
}

// TestEachHasADirectoryOfItsOwn: two virtual machines of one name have different ones, and their disks lie in them.
func TestEachHasADirectoryOfItsOwn(t *testing.T) {
	e := start(t, sim.Options{})
	seen := map[string]bool{}
	for range 2 {
		vm := e.clone("a b")
		disk, vmFile := e.disk(vm)
		var home, file object.DatastorePath
		if !home.FromString(vmFile) || !file.FromString(backing(disk).FileName) {
			t.Fatalf("%q and %q are no paths", vmFile, backing(disk).FileName)
		}
		if dir(home) != dir(file) || seen[dir(home)] || dir(home) == "[LocalDS_0] a b" {
			t.Errorf("%s has the disk %s; seen: %v", vmFile, backing(disk).FileName, seen)
		}
		seen[dir(home)] = true
		e.must(e.control.Rename(e.ctx, "a b", "renamed"))
		if _, after := e.disk(vm); after != vmFile {
			t.Errorf("%s has become %s: a name does not move files", vmFile, after)
		}
		e.must(e.control.Move(e.ctx, "renamed", ""))
		e.must(e.control.Rename(e.ctx, "renamed", vm.Value))
	}
}

// TestASnapshotIsAFileOnTop of those that the disk has, in the directory of the virtual machine.
func TestASnapshotIsAFileOnTop(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.clone("a")
	before, vmFile := e.disk(vm)
	e.must(e.control.TakeSnapshot(e.ctx, "a"))
	e.must(e.control.TakeSnapshot(e.ctx, "a"))
	after, _ := e.disk(vm)
	var home, top object.DatastorePath
	home.FromString(vmFile)
	top.FromString(backing(after).FileName)
	if after.Key != before.Key || dir(home) != dir(top) || backing(after).Parent == nil || backing(after).Parent.Parent == nil ||
		backing(after).Parent.Parent.FileName != backing(before).FileName {
		t.Errorf("%d %+v, was %d %+v", after.Key, backing(after), before.Key, backing(before))
	}
}

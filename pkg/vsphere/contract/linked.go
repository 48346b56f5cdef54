package contract

import (
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// linkedScenarios are about clones whose disks hang on a snapshot of the template: they have its files below them, which stay when
// they are destroyed.
var linkedScenarios = []scenario{
	{name: "a linked clone hangs on the current snapshot", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		current := f.snapshotOfTemplate("v2")
		vm := f.linked(0, "")
		f.wantParent(vm, current)
		if vm.Stamp == nil || len(vm.Stamp.Base) != 1 || vm.Stamp.Base[0] != current || vm.Stamp.Revision != f.linkedSpec(0, "").Revision() {
			f.t.Errorf("its stamp is %+v", vm.Stamp)
		}
	}},
	{name: "or on the one that is named", run: func(f *fixture) {
		first := f.snapshotOfTemplate("v1")
		f.snapshotOfTemplate("v2")
		f.wantParent(f.linked(0, "v1"), first)
	}},
	{name: "each clone of one call has its own", run: func(f *fixture) {
		first, current := f.snapshotOfTemplate("v1"), f.snapshotOfTemplate("v2")
		f.linux = f.found("linux", f.template)
		folder := f.folder(f.group)
		var requests []vsphere.Request
		for slot, snapshot := range []string{"v1", "", "v2"} {
			spec := f.linkedSpec(slot, snapshot)
			spec.Folder = folder
			requests = append(requests, cloneOf(f.linux, vmName(f.group, slot), spec))
		}
		full := f.spec(folder, 3)
		requests = append(requests, cloneOf(f.linux, vmName(f.group, 3), full))
		f.must(f.Client().Start(f.t.Context(), f.group, requests))
		s := f.await(f.group, "all are made", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 4 })
		for slot, want := range []string{first, current, current, ""} {
			vm, _ := named(s, vmName(f.group, slot))
			f.wantParent(vm, want)
		}
	}},
	{name: "without a snapshot there is neither a linked nor a full clone, until there is one", run: func(f *fixture) {
		f.refusesLinked("")
		current := f.snapshotOfTemplate("v1")
		f.wantParent(f.linked(0, ""), current)
		if s := f.snapshot(f.group); len(s.Failures) != 0 {
			f.t.Errorf("want all forgiven, got %s", describe(s))
		}
	}},
	{name: "nor is there one without a snapshot of the name", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		f.refusesLinked("v2")
		later := f.snapshotOfTemplate("v2")
		f.wantParent(f.linked(0, "v2"), later)
	}},
	{name: "nor one of several of a name", run: func(f *fixture) {
		first := f.snapshotOfTemplate("v1")
		f.snapshotOfTemplate("v2")
		f.snapshotOfTemplate("v2")
		f.refusesLinked("v2")
		f.wantParent(f.linked(0, "v1"), first)
	}},
	{name: "it is destroyed with snapshots of its own, and the template's files stay", run: func(f *fixture) {
		current := f.snapshotOfTemplate("v1")
		vm := f.linkedOff(0, "")
		f.TakeSnapshot(vm.Ref)
		f.TakeSnapshot(vm.Ref)
		f.destroys(vm)
		f.wantParent(f.linked(0, ""), current)
	}},
	{name: "also if the snapshot that it was made from is gone", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		f.snapshotOfTemplate("v2")
		vm := f.linkedOff(0, "v1")
		f.RemoveSnapshot(f.template, "v1")
		f.destroys(vm)
	}},
	{name: "and in another folder and under another name", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		vm := f.linkedOff(0, "")
		f.notifies(f.group, func() { f.Rename(vm.Ref, "renamed") })
		f.notifies(f.group, func() { f.Move(vm.Ref, RootFolder+"/elsewhere") })
		f.destroys(vm)
	}},
	{name: "another VM's disk is not destroyed with it", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		vm := f.linkedOff(0, "")
		f.ReplaceDisk(vm.Ref, f.AddForeignVM("databases", "db"))
		f.refusesDisk(vm.Ref)
		f.TakeSnapshot(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is that of another linked clone with the same base", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		vm, other := f.linkedOff(0, ""), f.linkedOff(1, "")
		f.ReplaceDisk(vm.Ref, other.Ref)
		f.refusesDisk(vm.Ref)
		f.TakeSnapshot(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is that of the template, which has the same base", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		vm := f.linkedOff(0, "")
		f.ReplaceDisk(vm.Ref, f.template)
		f.refusesDisk(vm.Ref)
		f.TakeSnapshot(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "nor is a linked clone's disk with a full one", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		vm, other := f.madeOff(f.group, 0), f.linkedOff(1, "")
		f.wantParent(vm, "")
		f.ReplaceDisk(vm.Ref, other.Ref)
		f.TakeSnapshot(vm.Ref)
		f.refusesDisk(vm.Ref)
	}},
	{name: "it has the disks that the template had at the snapshot", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		f.MarkAsTemplate(f.template, false)
		f.AddDisk(f.template)
		f.MarkAsTemplate(f.template, true)
		vm := f.linkedOff(0, "")
		if len(vm.Stamp.Disks) != 1 || len(vm.Stamp.Base) != 1 {
			f.t.Errorf("its stamp names the disks %v, on %q", vm.Stamp.Disks, vm.Stamp.Base)
		}
		f.AddDisk(vm.Ref) // under the key that the template's second disk has
		f.refusesDisk(vm.Ref)
	}},
	{name: "the size of its disk is told", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		if vm := f.measured(f.linked(0, "").Ref); vm.DiskBytes != vsphere.GiB(TemplateDiskGiB) {
			f.t.Errorf("it has %d bytes", vm.DiskBytes)
		}
	}},
	{name: "a full clone of a template with snapshots has no base", run: func(f *fixture) {
		f.snapshotOfTemplate("v1")
		vm := f.madeOff(f.group, 0)
		f.wantParent(vm, "")
		if vm.Stamp.Base != nil {
			f.t.Errorf("its stamp names the base %q", vm.Stamp.Base)
		}
		f.destroys(vm)
	}},
}

// linkedSpec is a linked clone of the template's snapshot with a name, or its current one.
func (f *fixture) linkedSpec(slot int, snapshot string) vsphere.CloneSpec {
	spec := f.spec("", slot)
	spec.Linked, spec.Snapshot = true, snapshot
	return spec
}

// linked makes a linked clone that is on.
func (f *fixture) linked(slot int, snapshot string) vsphere.VM {
	f.t.Helper()
	spec := f.linkedSpec(slot, snapshot)
	spec.Folder = f.folder(f.group)
	return f.clone(f.group, slot, spec)
}

// linkedOff is linked, with a VM that is off.
func (f *fixture) linkedOff(slot int, snapshot string) vsphere.VM {
	f.t.Helper()
	spec := f.linkedSpec(slot, snapshot)
	spec.Folder, spec.PowerOn = f.folder(f.group), false
	return f.clone(f.group, slot, spec)
}

// snapshotOfTemplate takes a snapshot of the template, and returns the file that linked clones of it hang on: the template itself
// does, from then on.
func (f *fixture) snapshotOfTemplate(name string) string {
	f.t.Helper()
	f.TakeNamedSnapshot(f.template, name)
	parent := f.DiskParent(f.template)
	if parent == "" {
		f.t.Fatalf("the template's disk hangs on nothing after the snapshot %s", name)
	}
	return parent
}

// wantParent expects what a VM's disk really hangs on.
func (f *fixture) wantParent(vm vsphere.VM, file string) {
	f.t.Helper()
	if got := f.DiskParent(vm.Ref); got != file {
		f.t.Errorf("the disk of %s hangs on %q, want %q", vm.Name, got, file)
	}
}

// refusesLinked expects that there is no snapshot to make a linked clone from, and that nothing is made.
func (f *fixture) refusesLinked(snapshot string) {
	f.t.Helper()
	spec := f.linkedSpec(0, snapshot)
	spec.Folder = f.folder(f.group)
	name := vmName(f.group, 0)
	err := f.start(f.group, name, spec)
	f.mustBe(vsphere.ClassInvalid, err)
	f.wantReason("SnapshotNotFound", err)
	if !strings.Contains(err.Error(), "linux") || !strings.Contains(err.Error(), snapshot) {
		f.t.Errorf("it does not name the template and the snapshot %q: %v", snapshot, err)
	}
	s := f.snapshot(f.group)
	if len(s.Failures) != 1 || s.Failures[0].SpecHash != spec.Hash() || len(s.Operations) != 0 || f.count(name) != 0 {
		f.t.Errorf("want a failure of the spec, and nothing made: %s", describe(s))
	}
}

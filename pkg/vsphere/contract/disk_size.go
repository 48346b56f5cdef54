package contract

import (
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// diskSizeScenarios are about the size of a VM's first disk, which nobody watches.
var diskSizeScenarios = []scenario{
	{name: "a clone has the disk that was asked for, and it is its own", run: func(f *fixture) {
		vm := f.madeWithDisk(0, 20, true)
		f.wantDisk(vm.Ref, 20)
		f.wantDisk(f.template, TemplateDiskGiB)
		f.must(f.ask(vsphere.OperationPowerOff, vm.Ref))
		f.await(f.group, "it is off", func(s vsphere.Snapshot) bool { return idle(s) && s.VMs[0].Power == vsphere.PoweredOff })
		f.destroys(vm) // which takes a disk whose files are the VM's own
	}},
	{name: "a clone has its template's disk if that is asked for, or nothing is", run: func(f *fixture) {
		f.wantDisk(f.madeWithDisk(0, TemplateDiskGiB, false).Ref, TemplateDiskGiB)
		f.wantDisk(f.madeWithDisk(1, 0, false).Ref, TemplateDiskGiB)
	}},
	{name: "a disk smaller than the template's is refused, and a larger one is not", run: func(f *fixture) {
		spec := f.spec(f.folder(f.group), 0)
		spec.DiskGiB = 5
		name := vmName(f.group, 0)
		err := f.start(f.group, name, spec)
		f.mustBe(vsphere.ClassInvalid, err)
		f.wantReason("DiskTooSmall", err)
		for _, size := range []string{"5 GiB", "10 GiB"} {
			if !strings.Contains(err.Error(), size) {
				f.t.Errorf("it does not say %s: %v", size, err)
			}
		}
		s := f.snapshot(f.group)
		if len(s.Failures) != 1 || s.Failures[0].SpecHash != spec.Hash() || len(s.Operations) != 0 || f.count(name) != 0 {
			f.t.Errorf("want a failure of the spec, and nothing made: %s", describe(s))
		}
		f.wantDisk(f.madeWithDisk(0, 20, false).Ref, 20)
		if s := f.snapshot(f.group); len(s.Failures) != 0 {
			f.t.Errorf("want all forgiven, got %s", describe(s))
		}
	}},
	{name: "its size is told on demand, and not before", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		if vm.DiskBytes != 0 {
			f.t.Errorf("nobody has asked, and it has %d bytes", vm.DiskBytes)
		}
		if vm = f.measured(vm.Ref); vm.DiskBytes != vsphere.GiB(TemplateDiskGiB) {
			f.t.Errorf("it has %d bytes", vm.DiskBytes)
		}
		if err := f.readDisks(vm.Ref); err != nil { // at once: nothing is read
			f.t.Errorf("it is known, and %v", err)
		}
	}},
	{name: "it is told when it was read, and not before", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.HoldReads(true)
		for range 2 {
			f.mustBePending(f.readDisks(vm.Ref))
		}
		f.notifies(f.group, func() { f.HoldReads(false) })
		f.measured(vm.Ref)
	}},
	{name: "of what vCenter does not show it stays unknown, and nobody asks for ever", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.HideDevices(vm.Ref, true)
		if vm = f.measured(vm.Ref); vm.DiskBytes != 0 {
			f.t.Errorf("it has %d bytes", vm.DiskBytes)
		}
		want := sizeOf(vm)
		want.DiskGiB = 20
		f.mustBe(vsphere.ClassTransient, f.resize(vm.Ref, want))
		f.wantDisk(vm.Ref, TemplateDiskGiB)
	}},
	{name: "another connection asks once more", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.HideDevices(vm.Ref, true)
		f.measured(vm.Ref)
		f.startOutage()
		f.mustBe(vsphere.ClassUnavailable, f.readDisks(vm.Ref))
		f.HideDevices(vm.Ref, false)
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.awaitNotified(f.group, "there is an answer", func() bool { return f.readDisks(vm.Ref) == nil })
		f.wantKnown(vm.Ref, TemplateDiskGiB)
	}},
	{name: "a VM that is gone is not waited for", run: func(f *fixture) {
		f.must(f.readDisks("vm-0"))
	}},
	{name: "it grows together with the size, while the VM is off", run: func(f *fixture) {
		vm := f.measured(f.madeOff(f.group, 0).Ref)
		f.resizes(vm, vsphere.Resize{CPU: 4, MemoryMiB: 2048, DiskGiB: 20, Revision: "2:new"})
		f.wantDisk(vm.Ref, 20)
	}},
	{name: "it grows together with the size, while the VM is on", run: func(f *fixture) {
		vm := f.measured(f.made(f.group, 0).Ref)
		f.SetHotAdd(vm.Ref, true)
		got := f.resizes(vm, vsphere.Resize{CPU: 4, MemoryMiB: vm.MemoryMiB, DiskGiB: 20, Revision: "2:new"})
		if got.Power != vsphere.PoweredOn {
			f.t.Errorf("it is %s", got.Power)
		}
		f.wantDisk(vm.Ref, 20)
	}},
	{name: "it grows alone, while nothing else of the VM can", run: func(f *fixture) {
		vm := f.measured(f.made(f.group, 0).Ref)
		f.SetHotAdd(vm.Ref, false)
		want := sizeOf(vm)
		want.DiskGiB, want.Revision = 20, "2:new"
		f.resizes(vm, want)
		f.wantDisk(vm.Ref, 20)
	}},
	{name: "it is left alone by a change that does not ask for it", run: func(f *fixture) {
		vm := f.measured(f.madeWithDisk(0, 20, false).Ref)
		want := sizeOf(vm)
		want.CPU, want.DiskGiB = 4, 0
		f.must(f.resize(vm.Ref, want))
		f.await(f.group, "it is changed", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && idle(s) && got.CPU == 4
		})
		f.wantDisk(vm.Ref, 20)
		f.wantKnown(vm.Ref, 20)
	}},
	{name: "it does not shrink, and nothing else changes then", run: func(f *fixture) {
		vm := f.measured(f.madeWithDisk(0, 20, false).Ref)
		err := f.resize(vm.Ref, vsphere.Resize{CPU: 4, MemoryMiB: 2048, DiskGiB: 15, Revision: "2:new"})
		f.mustBe(vsphere.ClassConflict, err)
		f.wantReason(vsphere.ReasonChangedMeanwhile, err)
		f.wantDisk(vm.Ref, 20)
		if got, _ := byRef(f.snapshot(f.group), vm.Ref); sizeOf(got) != sizeOf(vm) {
			f.t.Errorf("it has changed: %s", describe(f.snapshot(f.group)))
		}
	}},
	{name: "nor does one that somebody has grown meanwhile", run: func(f *fixture) {
		vm := f.measured(f.madeOff(f.group, 0).Ref)
		f.GrowDisk(vm.Ref, 30)
		want := sizeOf(vm)
		want.DiskGiB = 20
		f.mustBe(vsphere.ClassConflict, f.resize(vm.Ref, want))
		f.wantDisk(vm.Ref, 30)
	}},
	{name: "a growth whose answer is lost is seen all the same", run: func(f *fixture) {
		vm := f.measured(f.madeOff(f.group, 0).Ref)
		want := sizeOf(vm)
		want.DiskGiB = 20
		f.LoseAnswer(vsphere.OperationReconfigure)
		f.mustBe(vsphere.ClassUnknown, f.resize(vm.Ref, want))
		f.await(f.group, "the outcome is known, and it has grown", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && idle(s) && got.DiskBytes == vsphere.GiB(20)
		})
	}},
}

// madeWithDisk clones a VM with a disk of a size, 0 for the template's.
func (f *fixture) madeWithDisk(slot int, gib int32, on bool) vsphere.VM {
	f.t.Helper()
	spec := f.spec(f.folder(f.group), slot)
	spec.DiskGiB, spec.PowerOn = gib, on
	return f.clone(f.group, slot, spec)
}

func (f *fixture) readDisks(vm vsphere.Ref) error {
	return f.Client().ReadDisks(f.t.Context(), f.group, []vsphere.Ref{vm})
}

// measured returns a VM once its disk was read.
func (f *fixture) measured(ref vsphere.Ref) vsphere.VM {
	f.t.Helper()
	f.awaitNotified(f.group, "the disk of "+string(ref)+" is read", func() bool { return f.readDisks(ref) == nil })
	vm, _ := byRef(f.snapshot(f.group), ref)
	return vm
}

// wantKnown expects what is known of the size of a VM's disk.
func (f *fixture) wantKnown(ref vsphere.Ref, gib int32) {
	f.t.Helper()
	f.await(f.group, "the size of its disk is known", func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, ref)
		return ok && vm.DiskBytes == vsphere.GiB(gib)
	})
}

// wantDisk expects the size that the disk of a VM or template really has.
func (f *fixture) wantDisk(ref vsphere.Ref, gib int32) {
	f.t.Helper()
	for _, vm := range f.VMs() {
		if vm.Ref == ref && vm.DiskBytes != vsphere.GiB(gib) {
			f.t.Errorf("the disk of %s has %d bytes, want %d GiB", ref, vm.DiskBytes, gib)
		}
	}
}

package contract

import (
	"fmt"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var reconfigureScenarios = []scenario{
	{name: "the size and the revision change, and nothing else of the stamp", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.resizes(vm, vsphere.Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"})
	}},
	{name: "one of them changes, and the others stay", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		want := sizeOf(vm)
		for _, change := range []func(){func() { want.CPU = 1 }, func() { want.MemoryMiB = 512 }} {
			change()
			vm = f.resizes(vm, want)
		}
	}},
	{name: "what a VM has already is a success", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.resizes(vm, sizeOf(vm))
	}},
	{name: "the size and the revision of a VM that is on change", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		want := sizeOf(vm)
		want.CPU, want.Revision = want.CPU+1, "2:new"
		f.SetHotAdd(vm.Ref, true)
		if got := f.resizes(vm, want); got.Power != vsphere.PoweredOn {
			f.t.Errorf("it is %s", got.Power)
		}
	}},
	{name: "it refuses a change of the revision alone", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		want := sizeOf(vm)
		want.Revision = "2:new"
		err := f.resize(vm.Ref, want)
		f.mustBe(vsphere.ClassConflict, err)
		f.wantReason(vsphere.ReasonChangedMeanwhile, err)
		if got, _ := byRef(f.snapshot(f.group), vm.Ref); sizeOf(got) != sizeOf(vm) {
			f.t.Errorf("it has changed: %s", describe(f.snapshot(f.group)))
		}
	}},
	{name: "what is refused while a VM is on is done while it is off", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.SetHotAdd(vm.Ref, false)
		want := vsphere.Resize{CPU: 4, MemoryMiB: 1024, Revision: "2:new"}
		f.notifies(f.group, func() { f.must(f.resize(vm.Ref, want)) })
		s := f.await(f.group, "the refusal is told", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		if got := s.Failures[0]; got.Kind != vsphere.OperationReconfigure || got.Err.Class != vsphere.ClassConflict || got.Err.Reason != vsphere.ReasonNotHotPluggable {
			f.t.Errorf("the failure is %+v", got)
		}
		if got, _ := byRef(s, vm.Ref); sizeOf(got) != sizeOf(vm) {
			f.t.Errorf("it has changed: %s", describe(s))
		}
		f.must(f.ask(vsphere.OperationPowerOff, vm.Ref))
		f.await(f.group, "it is off", func(s vsphere.Snapshot) bool { return idle(s) && s.VMs[0].Power == vsphere.PoweredOff })
		f.resizes(vm, want)
	}},
	{name: "the fields of a newer controller stay", run: func(f *fixture) {
		f.resizesStamp(`{"v":7,"owner":%q,"uid":%q,"namespace":"default","name":"web","slot":0,"revision":"9:old","disks":[2000],` +
			`"instance":%q,"newer":{"a":[1,2.50]},"other":null}`)
	}},
	{name: "a stamp of version 1 stays one", run: func(f *fixture) {
		f.resizesStamp(`{"owner":%q,"uid":%q,"name":"web","slot":0,"revision":"0a1b2c3d4e","disks":[2000],"instance":%q}`)
	}},
	{name: "an answer that is lost ends in the change", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		want := vsphere.Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"}
		f.LoseAnswer(vsphere.OperationReconfigure)
		f.mustBe(vsphere.ClassUnknown, f.resize(vm.Ref, want))
		f.await(f.group, "the outcome is known, and it has changed", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && idle(s) && sizeOf(got) == want
		})
		f.resizes(vm, want) // as who looked too soon does
	}},
	{name: "it refuses what is not ours", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		copied := f.CopyVM(vm.Ref, "web-copy")
		for _, ref := range []vsphere.Ref{copied, f.AddForeignVM(RootFolder+"/default/web", "somebody"), f.madeOff(f.other(), 0).Ref} {
			f.refusesResize(ref, vsphere.ClassConflict, "NotOurs")
		}
		f.MarkAsTemplate(vm.Ref, true)
		f.refusesResize(vm.Ref, vsphere.ClassConflict, "NotOurs")
	}},
	{name: "it refuses what lies outside the root, by what it reads", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.Move(vm.Ref, "elsewhere")
		f.refusesResize(vm.Ref, vsphere.ClassConflict, "VMOutsideRoot")
	}},
	{name: "it refuses what is not connected, until it is", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.Disconnect(vm.Ref, true)
		f.refusesResize(vm.Ref, vsphere.ClassTransient, "VMUnreachable")
		f.Disconnect(vm.Ref, false)
		f.resizes(vm, vsphere.Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"})
	}},
	{name: "what is gone is no failure", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.Destroy(vm.Ref)
		f.mustBe(vsphere.ClassConflict, f.resize(vm.Ref, sizeOf(vm)))
		f.await(f.group, "nothing is left", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs)+len(s.Failures) == 0 })
	}},
}

// sizeOf returns what a VM has by now.
func sizeOf(vm vsphere.VM) vsphere.Resize {
	return vsphere.Resize{
		CPU: vm.CPU, MemoryMiB: vm.MemoryMiB, DiskGiB: int32(vm.DiskBytes >> 30), Revision: vm.Stamp.Revision,
	}
}

// resize asks for another size and revision of a VM.
func (f *fixture) resize(ref vsphere.Ref, want vsphere.Resize) error {
	return f.Client().Start(f.t.Context(), f.group, []vsphere.Request{
		{Kind: vsphere.OperationReconfigure, VM: ref, Resize: &want},
	})
}

// resizes asks for another size and revision of a VM, and returns the VM once it has them.
func (f *fixture) resizes(vm vsphere.VM, want vsphere.Resize) vsphere.VM {
	f.t.Helper()
	f.notifies(f.group, func() { f.must(f.resize(vm.Ref, want)) })
	return f.awaitResized(vm, want)
}

// awaitResized waits until a VM has the size and the revision, nothing is under way, and nothing has failed. Nothing else of it
// may have changed. As long as it is not seen so, the operation is under way.
func (f *fixture) awaitResized(before vsphere.VM, want vsphere.Resize) vsphere.VM {
	f.t.Helper()
	s := f.await(f.group, string(before.Ref)+" is changed", func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, before.Ref)
		if ok && len(s.Operations) == 0 && len(s.Failures) == 0 && sizeOf(vm) != want {
			f.t.Errorf("nothing is under way, and it is not as it is to be: %s", describe(s))
		}
		return ok && sizeOf(vm) == want && idle(s) && len(s.Failures) == 0
	})
	vm, _ := byRef(s, before.Ref)
	stamp := before.Stamp.Revised(want.Revision)
	if diff := cmp.Diff(&stamp, vm.Stamp); diff != "" {
		f.t.Errorf("the stamp (-want +got):\n%s", diff)
	}
	return vm
}

// resizesStamp gives a VM a stamp with the owner, the UID and the instance that it has, and changes its revision.
func (f *fixture) resizesStamp(format string) {
	f.t.Helper()
	vm := f.madeOff(f.group, 0)
	f.SetStamp(vm.Ref, fmt.Sprintf(format, vm.Stamp.Owner, vm.Stamp.UID, vm.Stamp.Instance))
	s := f.await(f.group, "the stamp is seen", func(s vsphere.Snapshot) bool {
		got, ok := byRef(s, vm.Ref)
		return ok && got.Stamp != nil && got.Stamp.Revision != vm.Stamp.Revision
	})
	vm, _ = byRef(s, vm.Ref)
	want := sizeOf(vm)
	want.CPU, want.Revision = want.CPU+1, "2:new"
	f.resizes(vm, want)
}

// refusesResize expects that a VM is not changed, and that a failure says why.
func (f *fixture) refusesResize(ref vsphere.Ref, class vsphere.Class, reason string) {
	f.t.Helper()
	err := f.resize(ref, vsphere.Resize{CPU: 8, MemoryMiB: 4096, Revision: "2:new"})
	f.mustBe(class, err)
	f.wantReason(reason, err)
	s := f.snapshot(f.group)
	if got, ok := failure(s, vsphere.OperationReconfigure, ref); !ok || got.Err.Reason != reason || len(s.Operations) != 0 {
		f.t.Errorf("want a failure that says why, and no operation: %s", describe(s))
	}
}

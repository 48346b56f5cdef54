package contract

import (
	"errors"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// obeys and ignores are guests that can be asked to shut down.
var (
	obeys   = Guest{Tools: true}
	ignores = Guest{Tools: true, IgnoreShutdown: true}
)

var shutdownScenarios = []scenario{
	{name: "a guest that obeys ends it, and nothing else does", run: func(f *fixture) {
		vm := f.guest(0, obeys)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationShutdown, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "a guest that ignores it keeps it under way, and a power-off takes its place", run: func(f *fixture) {
		vm := f.guest(0, ignores)
		f.must(f.ask(vsphere.OperationShutdown, vm.Ref))
		f.wantShutdown(vm.Ref)
		for _, kind := range []vsphere.OperationKind{
			vsphere.OperationShutdown, vsphere.OperationPowerOn, vsphere.OperationReset, vsphere.OperationDestroy,
		} {
			f.wantReason(vsphere.ReasonUnderWay, f.ask(kind, vm.Ref))
		}
		f.wantReason(vsphere.ReasonUnderWay, f.resize(vm.Ref, sizeOf(vm)))
		f.wantShutdown(vm.Ref)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "it holds a place for its submission only", opts: Options{MaxPower: 1}, run: func(f *fixture) {
		a, b := f.guest(0, ignores), f.guest(1, ignores)
		f.must(f.ask(vsphere.OperationShutdown, a.Ref, b.Ref))
		if ops := f.snapshot(f.group).Operations; len(ops) != 2 {
			f.t.Errorf("operations are %+v, want two", ops)
		}
	}},
	{name: "a guest that cannot be asked is switched off the hard way, and forgiven", run: func(f *fixture) {
		vm := f.guest(0, Guest{})
		err := f.ask(vsphere.OperationShutdown, vm.Ref)
		f.mustBe(vsphere.ClassConflict, err)
		f.wantReason(vsphere.ReasonToolsUnavailable, err)
		s := f.snapshot(f.group)
		if got, ok := failure(s, vsphere.OperationShutdown, vm.Ref); !ok || got.Err.Reason != vsphere.ReasonToolsUnavailable || !idle(s) {
			f.t.Errorf("want that failure, and nothing under way: %s", describe(s))
		}
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "what is off already is a success", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationShutdown, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "what is switched off by others ends it", run: func(f *fixture) {
		vm := f.guest(0, ignores)
		f.must(f.ask(vsphere.OperationShutdown, vm.Ref))
		f.wantShutdown(vm.Ref)
		f.notifies(f.group, func() { f.PowerOff(vm.Ref) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "what is destroyed by others ends it", run: func(f *fixture) {
		vm := f.guest(0, ignores)
		f.must(f.ask(vsphere.OperationShutdown, vm.Ref))
		f.notifies(f.group, func() { f.Destroy(vm.Ref) })
		f.await(f.group, "both are gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs)+len(s.Failures) == 0 })
	}},
	{name: "what becomes another group's ends it", run: func(f *fixture) {
		vm := f.guest(0, ignores)
		f.must(f.ask(vsphere.OperationShutdown, vm.Ref))
		stamp := *vm.Stamp
		stamp.UID = f.other().UID
		f.notifies(f.group, func() { f.SetStamp(vm.Ref, stamp.String()) })
		f.await(f.group, "it is over", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 0 })
		if got := f.snapshot(f.other()); len(got.VMs) != 1 || got.VMs[0].Power != vsphere.PoweredOn || !idle(got) {
			f.t.Errorf("it is not the other group's, or not on: %s", describe(got))
		}
	}},
	{name: "an answer that is lost counts as one", run: func(f *fixture) {
		deaf, vm := f.guest(0, ignores), f.guest(1, obeys)
		f.LoseAnswer(vsphere.OperationShutdown)
		f.mustBe(vsphere.ClassUnknown, f.ask(vsphere.OperationShutdown, deaf.Ref))
		f.wantShutdown(deaf.Ref)
		f.LoseAnswer(vsphere.OperationShutdown)
		f.mustBe(vsphere.ClassUnknown, f.ask(vsphere.OperationShutdown, vm.Ref))
		f.await(f.group, "the other is off", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Power == vsphere.PoweredOff && len(s.Operations) == 1 && len(s.Failures) == 0
		})
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, deaf.Ref)) })
		f.awaitPower(deaf.Ref, vsphere.PoweredOff)
	}},
	{name: "after a restart nobody knows of it, and it is asked for again", run: func(f *fixture) {
		vm := f.guest(0, ignores)
		f.must(f.ask(vsphere.OperationShutdown, vm.Ref))
		f.Restart()
		f.await(f.group, "the VM is seen", func(s vsphere.Snapshot) bool { return len(s.VMs) == 1 && idle(s) })
		f.must(f.ask(vsphere.OperationShutdown, vm.Ref))
		f.wantShutdown(vm.Ref)
	}},
	{name: "what is not ours, or lies outside the root, is not asked", run: func(f *fixture) {
		vm, theirs := f.guest(0, obeys), f.made(f.other(), 0)
		foreign := f.AddForeignVM(RootFolder+"/default/web", "somebody")
		for _, ref := range []vsphere.Ref{foreign, theirs.Ref} {
			f.wantReason("NotOurs", f.ask(vsphere.OperationShutdown, ref))
		}
		f.notifies(f.group, func() { f.Move(vm.Ref, "elsewhere") })
		f.awaitUnderRoot(vm.Ref, "it is elsewhere", false)
		f.wantOutside(f.ask(vsphere.OperationShutdown, vm.Ref))
		if s := f.snapshot(f.group); !idle(s) || len(s.Failures) != 0 {
			f.t.Errorf("something was asked: %s", describe(s))
		}
	}},
}

// guest makes a VM that is on, with a guest that behaves so.
func (f *fixture) guest(slot int, guest Guest) vsphere.VM {
	f.t.Helper()
	vm := f.made(f.group, slot)
	f.SetGuest(vm.Ref, guest)
	return vm
}

// wantShutdown expects that the shutdown of a VM is under way, alone, and that nothing has failed.
func (f *fixture) wantShutdown(ref vsphere.Ref) {
	f.t.Helper()
	s := f.snapshot(f.group)
	vm, _ := byRef(s, ref)
	if len(s.Operations) != 1 || len(s.Failures) != 0 || vm.Power != vsphere.PoweredOn {
		f.t.Fatalf("want one operation, no failure, and the VM on: %s", describe(s))
	}
	op := s.Operations[0]
	if op.Kind != vsphere.OperationShutdown || op.VM != ref || op.Task != "" || op.Unknown || op.Started.IsZero() {
		f.t.Errorf("the operation is %+v", op)
	}
}

// wantReason expects an error with a reason.
func (f *fixture) wantReason(want string, err error) {
	f.t.Helper()
	if e, ok := errors.AsType[*vsphere.Error](err); !ok || e.Reason != want || e.Message == "" {
		f.t.Errorf("got %v, want the reason %s", err, want)
	}
}

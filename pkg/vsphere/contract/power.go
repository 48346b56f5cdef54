package contract

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

var powerScenarios = []scenario{
	{name: "off and on again", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOn, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOn)
	}},
	{name: "what has that state already is a success", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOn, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOn)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationPowerOff, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "power-ons in a row are counted for each VM", run: func(f *fixture) {
		vm, other := f.made(f.group, 0), f.made(f.group, 1)
		f.powersOn(vm.Ref, 1)
		f.powersOn(vm.Ref, 2)
		f.powersOn(other.Ref, 1)
		f.powersOn(vm.Ref, 3)
		f.Destroy(vm.Ref)
		f.await(f.group, "what is gone is forgotten", func(s vsphere.Snapshot) bool {
			return len(s.PowerOns) == 1 && s.PowerOns[0].VM == other.Ref
		})
		f.Client().Forget(f.group)
		if got := f.snapshot(f.group).PowerOns; len(got) > 0 {
			f.t.Errorf("the group is forgotten, its power-ons are not: %v", got)
		}
	}},
	{name: "a VM that is on is reset, and stays on", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationReset, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOn)
		if s := f.snapshot(f.group); len(s.PowerOns) != 0 {
			f.t.Errorf("the reset counts as a power-on: %+v", s.PowerOns)
		}
	}},
	{name: "a VM that is off is not reset", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationReset, vm.Ref)) })
		s := f.await(f.group, "the refusal is told", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		if _, ok := failure(s, vsphere.OperationReset, vm.Ref); !ok || s.VMs[0].Power != vsphere.PoweredOff {
			f.t.Errorf("want its failure, and the VM off: %s", describe(s))
		}
	}},
	{name: "an answer to a reset that is lost is told, and the VM is on", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.LoseAnswer(vsphere.OperationReset)
		f.mustBe(vsphere.ClassUnknown, f.ask(vsphere.OperationReset, vm.Ref))
		s := f.await(f.group, "it is on, and the failure is told", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Power == vsphere.PoweredOn && idle(s) && len(s.Failures) == 1
		})
		if got := s.Failures[0]; got.Kind != vsphere.OperationReset || got.Err.Class != vsphere.ClassUnknown {
			f.t.Errorf("the failure is %+v", got)
		}
	}},
	{name: "what is not ours is not reset", run: func(f *fixture) {
		f.wantReason("NotOurs", f.ask(vsphere.OperationReset, f.made(f.other(), 0).Ref))
	}},
	{name: "switched off behind the back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.PowerOff(vm.Ref) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
}

// powersOn has somebody switch a VM off, powers it on, and waits until that is counted as the n-th time.
func (f *fixture) powersOn(ref vsphere.Ref, n int) {
	f.t.Helper()
	f.PowerOff(ref)
	f.awaitPower(ref, vsphere.PoweredOff)
	f.must(f.ask(vsphere.OperationPowerOn, ref))
	f.awaitPower(ref, vsphere.PoweredOn)
	for _, p := range f.snapshot(f.group).PowerOns {
		if p.VM == ref {
			if p.Count != n || p.At.IsZero() {
				f.t.Errorf("VM %s was powered on for the %d. time, and counted is %+v", ref, n, p)
			}
			return
		}
	}
	f.t.Errorf("VM %s was powered on for the %d. time, and nothing is counted", ref, n)
}

// awaitPower waits until a VM has the state, nothing is under way, and nothing has failed.
func (f *fixture) awaitPower(ref vsphere.Ref, want vsphere.PowerState) {
	f.t.Helper()
	f.await(f.group, string(ref)+" is "+string(want), func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, ref)
		return ok && vm.Power == want && idle(s) && len(s.Failures) == 0
	})
}

package contract

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

var powerScenarios = []scenario{
	{name: "off and on again", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.must(f.Client().StartPowerOff(f.t.Context(), f.group, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
		f.notifies(f.group, func() { f.must(f.Client().StartPowerOn(f.t.Context(), f.group, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOn)
	}},
	{name: "what has that state already is a success", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.must(f.Client().StartPowerOn(f.t.Context(), f.group, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOn)
		f.notifies(f.group, func() { f.must(f.Client().StartPowerOff(f.t.Context(), f.group, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
		f.notifies(f.group, func() { f.must(f.Client().StartPowerOff(f.t.Context(), f.group, vm.Ref)) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
	{name: "switched off behind the back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.notifies(f.group, func() { f.PowerOff(vm.Ref) })
		f.awaitPower(vm.Ref, vsphere.PoweredOff)
	}},
}

// awaitPower waits until a VM has the state, nothing is under way, and nothing has failed.
func (f *fixture) awaitPower(ref vsphere.Ref, want vsphere.PowerState) {
	f.t.Helper()
	f.await(f.group, string(ref)+" is "+string(want), func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, ref)
		return ok && vm.Power == want && idle(s) && len(s.Failures) == 0
	})
}

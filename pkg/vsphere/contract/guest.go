package contract

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// guestScenarios are about what guests tell of themselves. The addresses are set aside for documentation.
var guestScenarios = []scenario{
	{name: "Tools come up and report addresses, and take them along", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.awaitGuest(vm.Ref, "nothing is heard of it", guest{})
		f.notifies(f.group, func() { f.SetTools(vm.Ref, true) })
		f.awaitGuest(vm.Ref, "Tools run", guest{tools: true})
		for _, ip := range []string{"192.0.2.10", "2001:db8::10"} {
			f.notifies(f.group, func() { f.SetIPs(vm.Ref, ip) })
			f.awaitGuest(vm.Ref, "it has an address", guest{tools: true, ips: []string{ip}})
		}
		f.notifies(f.group, func() { f.SetIPs(vm.Ref) })
		f.awaitGuest(vm.Ref, "it has lost its address", guest{tools: true})
		f.SetIPs(vm.Ref, "192.0.2.10")
		f.awaitGuest(vm.Ref, "it has an address again", guest{tools: true, ips: []string{"192.0.2.10"}})
		f.notifies(f.group, func() { f.SetTools(vm.Ref, false) })
		f.awaitGuest(vm.Ref, "Tools have stopped", guest{})
	}},
	{name: "the guest says that it is ready, and takes it back", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		for _, step := range []struct {
			value string
			ready bool
		}{{"true", true}, {"false", false}, {" TRUE\n", true}, {"", false}, {"true", true}, {"1", false}} {
			f.notifies(f.group, func() { f.SetReady(vm.Ref, step.value) })
			f.awaitGuest(vm.Ref, "it says "+step.value, guest{ready: step.ready})
		}
	}},
	{name: "what Tools have told goes with the power", run: func(f *fixture) {
		for slot, off := range []func(vm vsphere.Ref){
			f.PowerOff,
			func(vm vsphere.Ref) { f.must(f.ask(vsphere.OperationPowerOff, vm)) },
		} {
			vm := f.made(f.group, slot)
			f.SetTools(vm.Ref, true)
			f.SetIPs(vm.Ref, "192.0.2.10")
			f.awaitGuest(vm.Ref, "it has an address", guest{tools: true, ips: []string{"192.0.2.10"}})
			f.notifies(f.group, func() { off(vm.Ref) })
			f.awaitPower(vm.Ref, vsphere.PoweredOff)
			f.awaitGuest(vm.Ref, "nothing is heard of it", guest{})
		}
	}},
	{name: "what one group's guest tells is nothing to another group", run: func(f *fixture) {
		other, vm := f.made(f.other(), 0), f.made(f.group, 0)
		before := f.await(f.other(), "all is known", func(s vsphere.Snapshot) bool {
			vm, ok := byRef(s, other.Ref)
			return ok && vm.Host != "" && idle(s)
		})
		f.SetTools(vm.Ref, true)
		f.SetIPs(vm.Ref, "192.0.2.10")
		f.SetReady(vm.Ref, "true")
		f.awaitGuest(vm.Ref, "all is heard of it", guest{tools: true, ips: []string{"192.0.2.10"}, ready: true})
		if after := f.snapshot(f.other()); after.Version != before.Version {
			f.t.Errorf("version %d has become %d: %s", before.Version, after.Version, describe(after))
		}
	}},
	{name: "it is known after a restart, and wherever the VM lies", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.SetTools(vm.Ref, true)
		f.SetIPs(vm.Ref, "192.0.2.10")
		f.SetReady(vm.Ref, "true")
		all := guest{tools: true, ips: []string{"192.0.2.10"}, ready: true}
		f.awaitGuest(vm.Ref, "all is heard of it", all)
		f.Restart()
		f.awaitGuest(vm.Ref, "all is known again", all)
		f.Move(vm.Ref, "elsewhere")
		f.awaitUnderRoot(vm.Ref, "it is elsewhere", false)
		f.awaitGuest(vm.Ref, "all is still known", all)
		all.ips = []string{"192.0.2.11"}
		f.notifies(f.group, func() { f.SetIPs(vm.Ref, all.ips...) })
		f.awaitGuest(vm.Ref, "it is heard from there", all)
	}},
}

// guest is what is heard of the guest of a VM.
type guest struct {
	tools bool
	ips   []string
	ready bool
}

// awaitGuest waits until so much is heard of a guest, and no more.
func (f *fixture) awaitGuest(ref vsphere.Ref, what string, want guest) {
	f.t.Helper()
	f.await(f.group, what, func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, ref)
		return ok && vm.ToolsRunning == want.tools && slices.Equal(vm.IPs, want.ips) && (vm.IPs == nil) == (want.ips == nil) &&
			vm.GuestReady == want.ready
	})
}

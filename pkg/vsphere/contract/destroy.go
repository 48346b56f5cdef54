package contract

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

var destroyScenarios = []scenario{
	{name: "what is ours and off is destroyed, all in one call", run: func(f *fixture) {
		a, b := f.madeOff(f.group, 0), f.madeOff(f.group, 1)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationDestroy, a.Ref, b.Ref)) })
		s := f.await(f.group, "both are gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 0 })
		if len(s.Failures) != 0 || f.exists(a.Ref) || f.exists(b.Ref) {
			f.t.Errorf("want both gone and no failure: %s", describe(s))
		}
	}},
	{name: "what is gone already is a success", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.Destroy(vm.Ref)
		f.must(f.ask(vsphere.OperationDestroy, vm.Ref))
		f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool {
			return idle(s) && len(s.VMs) == 0 && len(s.Failures) == 0
		})
	}},
	{name: "it refuses what is on", run: func(f *fixture) {
		f.refuses(f.made(f.group, 0).Ref)
	}},
	{name: "what it refused is destroyed once the reason is gone", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.refuses(vm.Ref)
		f.must(f.ask(vsphere.OperationPowerOff, vm.Ref))
		f.await(f.group, "it is off", func(s vsphere.Snapshot) bool {
			got, _ := byRef(s, vm.Ref)
			return idle(s) && got.Power == vsphere.PoweredOff
		})
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationDestroy, vm.Ref)) })
		f.await(f.group, "it is gone and forgiven", func(s vsphere.Snapshot) bool {
			return idle(s) && len(s.VMs) == 0 && len(s.Failures) == 0
		})
	}},
	{name: "it refuses a copy", run: func(f *fixture) {
		copied := f.CopyVM(f.madeOff(f.group, 0).Ref, "web-copy")
		f.await(f.group, "the copy is seen", func(s vsphere.Snapshot) bool {
			vm, ok := byRef(s, copied)
			return ok && f.identify(s, vm) == vsphere.Copy
		})
		f.refuses(copied)
	}},
	{name: "it refuses a foreign VM", run: func(f *fixture) {
		f.folder(f.group)
		f.refuses(f.AddForeignVM(RootFolder+"/default/web", vmName(f.group, 0)))
	}},
	{name: "it refuses another group's VM", run: func(f *fixture) {
		f.refuses(f.madeOff(f.other(), 0).Ref)
	}},
	{name: "it refuses what was made a template", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.MarkAsTemplate(vm.Ref, true)
		f.refuses(vm.Ref)
	}},
	{name: "it refuses a VM with a foreign disk", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.AddDisk(vm.Ref)
		if got := f.refuses(vm.Ref); got.Err.Reason != "ForeignDisk" || got.Err.Class != vsphere.ClassInvalid {
			f.t.Errorf("reason is %s (%s), want ForeignDisk (%s)", got.Err.Reason, got.Err.Class, vsphere.ClassInvalid)
		}
	}},
	{name: "it refuses what is not connected, until it is", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.Disconnect(vm.Ref, true)
		f.refuses(vm.Ref)
		f.await(f.group, "the VM is seen to be disconnected", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Connection != vsphere.Connected
		})
		f.Disconnect(vm.Ref, false)
		f.notifies(f.group, func() { f.must(f.ask(vsphere.OperationDestroy, vm.Ref)) })
		f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 0 })
	}},
	{name: "what it refuses does not keep the others", run: func(f *fixture) {
		on, off := f.made(f.group, 0), f.madeOff(f.group, 1)
		if err := f.ask(vsphere.OperationDestroy, on.Ref, off.Ref); err == nil {
			f.t.Error("the refusal was not returned")
		}
		s := f.await(f.group, "the other is gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 })
		if _, ok := failure(s, vsphere.OperationDestroy, on.Ref); !ok || s.VMs[0].Ref != on.Ref {
			f.t.Errorf("want the one that is on, and its failure: %s", describe(s))
		}
	}},
}

// refuses expects that a VM is not destroyed, and returns the failure that says why.
func (f *fixture) refuses(ref vsphere.Ref) vsphere.Failure {
	f.t.Helper()
	if err := f.ask(vsphere.OperationDestroy, ref); err == nil {
		f.t.Error("the refusal was not returned")
	}
	s := f.snapshot(f.group)
	got, ok := failure(s, vsphere.OperationDestroy, ref)
	if !ok || got.Err == nil || got.Err.Message == "" || len(s.Operations) != 0 || !f.exists(ref) {
		f.t.Fatalf("want a failure that says why, no operation, and the VM still there (is it? %t): %s", f.exists(ref), describe(s))
	}
	return got
}

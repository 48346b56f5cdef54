package contract

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

var outageScenarios = []scenario{
	{name: "unknown is not empty, and all is as it was when it is over", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.startOutage()
		if s, err := f.Client().Snapshot(f.t.Context(), f.group, ""); vsphere.ClassOf(err) != vsphere.ClassUnavailable || len(s.VMs) != 0 {
			f.t.Errorf("want unavailable and nothing else, got %v and %s", err, describe(s))
		}
		_, err := f.Client().EnsureFolder(f.t.Context(), f.group)
		f.mustBe(vsphere.ClassUnavailable, err)
		_, err = f.Client().FindTemplate(f.t.Context(), f.group, "", "linux")
		f.mustBe(vsphere.ClassUnavailable, err)
		f.mustBe(vsphere.ClassUnavailable, f.start(f.group, vmName(f.group, 1), f.spec(vm.Parent, 1)))
		f.mustBe(vsphere.ClassUnavailable, f.ask(vsphere.OperationPowerOff, vm.Ref))
		f.mustBe(vsphere.ClassUnavailable, f.ask(vsphere.OperationDestroy, vm.Ref))
		f.mustBe(vsphere.ClassUnavailable, f.Client().RemoveFolder(f.t.Context(), f.group, vm.Parent))
		f.mustBe(vsphere.ClassUnavailable, f.Client().Verify(f.t.Context(), f.group, []vsphere.Ref{vm.Ref}))
		_, err = f.Client().Sweep(f.t.Context(), f.group)
		f.mustBe(vsphere.ClassUnavailable, err)
		f.notifies(f.group, func() { f.SetOutage(false) })
		s := f.await(f.group, "the VM is back", func(s vsphere.Snapshot) bool { return len(s.VMs) == 1 })
		if s.VMs[0].Ref != vm.Ref || !idle(s) || len(s.Failures) != 0 {
			f.t.Errorf("want all as it was, got %s", describe(s))
		}
	}},
	{name: "what happens meanwhile is seen afterwards", run: func(f *fixture) {
		a, b, c := f.made(f.group, 0), f.made(f.group, 1), f.made(f.group, 2)
		f.startOutage()
		f.Destroy(a.Ref)
		f.PowerOff(b.Ref)
		f.Move(c.Ref, "elsewhere")
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.await(f.group, "all three changes are seen", func(s vsphere.Snapshot) bool {
			_, ok := byRef(s, a.Ref)
			off, _ := byRef(s, b.Ref)
			moved, _ := byRef(s, c.Ref)
			return !ok && off.Power == vsphere.PoweredOff && moved.Parent != c.Parent && len(s.VMs) == 2
		})
	}},
	{name: "a clone that ends meanwhile is one VM afterwards", run: func(f *fixture) {
		folder := f.folder(f.group)
		name := vmName(f.group, 0)
		f.SlowClones(true)
		f.must(f.start(f.group, name, f.spec(folder, 0)))
		f.startOutage()
		f.SlowClones(false)
		f.awaitPolled("the VM is made", func() bool { return f.count(name) == 1 })
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.await(f.group, "it is seen, and the operation has ended", func(s vsphere.Snapshot) bool {
			_, ok := named(s, name)
			return ok && idle(s) && len(s.VMs) == 1
		})
	}},
}

// startOutage cuts the vCenter off and waits until the implementation has noticed.
func (f *fixture) startOutage() {
	f.t.Helper()
	f.notifies(f.group, func() { f.SetOutage(true) })
	f.awaitNotified(f.group, "the outage is noticed", func() bool {
		_, err := f.Client().Snapshot(f.t.Context(), f.group, "")
		return err != nil
	})
}

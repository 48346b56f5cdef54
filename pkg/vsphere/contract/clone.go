package contract

import (
	"errors"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var cloneScenarios = []scenario{
	{name: "a VM appears as it was asked for", run: func(f *fixture) {
		folder := f.folder(f.group)
		vm := f.made(f.group, 3)
		s := f.snapshot(f.group)
		if vm.CPU != 2 || vm.MemoryMiB != 1024 || vm.Power != vsphere.PoweredOn || vm.Connection != vsphere.Connected ||
			vm.Parent != folder || vm.ParentPath != s.Path || vm.Template || vm.Unreadable {
			f.t.Errorf("not as asked for: %s", describe(s))
		}
		if f.identify(s, vm) != vsphere.Ours {
			f.t.Fatalf("it is not ours: %s", describe(s))
		}
		st, template := vm.Stamp, f.found("linux", f.template)
		if st.Name != "web" || st.Slot != 3 || st.Namespace != f.group.Namespace || st.Revision != f.spec("", 3).Revision() || len(st.Disks) == 0 ||
			st.Template == "" || st.Template != template.InstanceUUID {
			f.t.Errorf("stamp is %+v", st)
		}
		if len(s.Failures) != 0 || s.Folders[0].Children != 1 {
			f.t.Errorf("want one child and no failure: %s", describe(s))
		}
		if other := f.snapshot(f.other()); len(other.VMs) != 0 {
			f.t.Errorf("another group sees it: %s", describe(other))
		}
	}},
	{name: "no two have one instance", run: func(f *fixture) {
		a, b := f.madeOff(f.group, 0), f.madeOff(f.group, 1)
		if a.InstanceUUID == b.InstanceUUID {
			f.t.Errorf("both have the instance %s", a.InstanceUUID)
		}
	}},
	{name: "one that is to be off is off", run: func(f *fixture) {
		if vm := f.madeOff(f.group, 0); vm.Power != vsphere.PoweredOff {
			f.t.Errorf("it is %s", vm.Power)
		}
	}},
	{name: "a second one of the same name makes no second VM", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		if err := f.start(f.group, vm.Name, f.spec(vm.Parent, 0)); err != nil {
			f.mustBe(vsphere.ClassConflict, err)
		}
		s := f.await(f.group, "the second one has ended", idle)
		if f.count(vm.Name) != 1 || len(s.VMs) != 1 {
			f.t.Errorf("there are %d VMs of that name: %s", f.count(vm.Name), describe(s))
		}
		for _, failure := range s.Failures { // or none: the VM was adopted
			if failure.Name != vm.Name || failure.Err.Class != vsphere.ClassConflict {
				f.t.Errorf("want a conflict of %s, got %+v", vm.Name, failure)
			}
		}
	}},
	{name: "a foreign VM of that name is a conflict", run: func(f *fixture) {
		folder := f.folder(f.group)
		name := vmName(f.group, 0)
		f.AddForeignVM(RootFolder+"/default/web", name)
		if err := f.start(f.group, name, f.spec(folder, 0)); err != nil {
			f.mustBe(vsphere.ClassConflict, err)
		}
		s := f.await(f.group, "the failure is told", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		if got := s.Failures[0]; got.Name != name || got.Err.Class != vsphere.ClassConflict || got.Count != 1 {
			f.t.Errorf("want one conflict of %s, got %+v", name, got)
		}
		if f.count(name) != 1 {
			f.t.Errorf("there are %d VMs of that name", f.count(name))
		}
	}},
	{name: "one under way is an operation, and is not started twice", run: func(f *fixture) {
		folder := f.folder(f.group)
		name := vmName(f.group, 0)
		f.SlowClones(true)
		f.must(f.start(f.group, name, f.spec(folder, 0)))
		ops := f.snapshot(f.group).Operations
		if len(ops) != 1 || ops[0].Kind != vsphere.OperationClone || ops[0].Name != name || ops[0].Task == "" ||
			ops[0].Started.IsZero() || ops[0].SpecHash != f.spec(folder, 0).Hash() {
			f.t.Errorf("operations are %+v", ops)
		}
		f.mustBe(vsphere.ClassConflict, f.start(f.group, name, f.spec(folder, 0)))
		f.SlowClones(false)
		f.await(f.group, "one VM is made", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 })
	}},
	{name: "cancelled or not, it counts until its VM is there, and never makes two of one name", run: func(f *fixture) {
		folder := f.folder(f.group)
		name := vmName(f.group, 0)
		f.SlowClones(true)
		f.must(f.start(f.group, name, f.spec(folder, 0)))
		f.must(f.Client().Cancel(f.t.Context(), f.snapshot(f.group).Operations[0]))
		f.SlowClones(false)
		f.await(f.group, "it has ended", idle)
		if n := f.count(name); n != 1 {
			f.t.Errorf("it counts no more, and there are %d VMs of that name: vCenter was only asked to cancel it", n)
		}
		if err := f.start(f.group, name, f.spec(folder, 0)); err != nil {
			f.mustBe(vsphere.ClassConflict, err)
		}
		f.await(f.group, "there is one VM", func(s vsphere.Snapshot) bool {
			_, ok := named(s, name)
			return ok && idle(s) && len(s.VMs) == 1
		})
		if n := f.count(name); n != 1 {
			f.t.Errorf("there are %d VMs of that name", n)
		}
	}},
	{name: "with no budget left the group waits for its turn", opts: Options{MaxClones: 1}, run: func(f *fixture) {
		web, db := f.folder(f.group), f.folder(f.other())
		f.SlowClones(true)
		f.must(f.start(f.group, vmName(f.group, 0), f.spec(web, 0)))
		if err := f.start(f.other(), vmName(f.other(), 0), f.spec(db, 0)); !errors.Is(err, vsphere.ErrNoBudget) {
			f.t.Fatalf("want ErrNoBudget, got %v", err)
		}
		if ops := f.snapshot(f.other()).Operations; len(ops) != 0 {
			f.t.Errorf("who waits has no operation, got %+v", ops)
		}
		wanted := []vsphere.Request{{Kind: vsphere.OperationClone}, {Kind: vsphere.OperationDestroy}}
		if got := f.Client().Admit(f.other(), wanted); len(got) != 1 || got[0].Kind != vsphere.OperationDestroy {
			f.t.Errorf("%v may be started, want the destruction alone", got)
		}
		f.notifies(f.other(), func() { f.SlowClones(false) })
		if got := f.Client().Admit(f.other(), wanted[:1]); len(got) != 1 {
			f.t.Error("it is its turn, and the clone may not be started")
		}
		f.must(f.start(f.other(), vmName(f.other(), 0), f.spec(db, 0)))
		f.await(f.other(), "its VM is made", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 })
	}},
	{name: "an answer that is lost ends in one VM", run: func(f *fixture) {
		folder := f.folder(f.group)
		name := vmName(f.group, 0)
		f.LoseAnswer(vsphere.OperationClone)
		f.mustBe(vsphere.ClassUnknown, f.start(f.group, name, f.spec(folder, 0)))
		s := f.await(f.group, "the outcome is known", func(s vsphere.Snapshot) bool {
			_, ok := named(s, name)
			return ok && idle(s)
		})
		if f.count(name) != 1 || len(s.VMs) != 1 {
			f.t.Errorf("there are %d VMs: %s", f.count(name), describe(s))
		}
	}},
	{name: "failures count per spec until one succeeds", run: func(f *fixture) {
		spec := f.spec(f.folder(f.group), 0)
		fail := func(cpu int32, want int) {
			f.t.Helper()
			spec.CPU = cpu
			f.FailClone()
			f.must(f.start(f.group, vmName(f.group, 0), spec))
			s := f.await(f.group, "the failure is told", func(s vsphere.Snapshot) bool {
				return idle(s) && len(s.Failures) == 1 && s.Failures[0].SpecHash == spec.Hash() && s.Failures[0].Count == want
			})
			if got := s.Failures[0]; got.Kind != vsphere.OperationClone || got.Err.Class != vsphere.ClassExhausted || got.At.IsZero() {
				f.t.Errorf("want an exhausted clone, got %+v", got)
			}
		}
		fail(1, 1)
		fail(1, 2)
		fail(2, 1)
		f.clone(f.group, 0, spec)
		if s := f.snapshot(f.group); len(s.Failures) != 0 {
			f.t.Errorf("want all forgiven, got %s", describe(s))
		}
	}},
	{name: "into a folder that is gone it fails, and makes none", run: func(f *fixture) {
		folder := f.folder(f.group)
		f.must(f.removeFolder(folder))
		name := vmName(f.group, 0)
		err := f.start(f.group, name, f.spec(folder, 0))
		s := f.await(f.group, "it has ended", idle)
		if err == nil && len(s.Failures) == 0 {
			f.t.Error("nobody was told")
		}
		if f.count(name) != 0 || len(s.Folders) != 0 {
			f.t.Errorf("want neither VM nor folder, got %s", describe(s))
		}
	}},
}

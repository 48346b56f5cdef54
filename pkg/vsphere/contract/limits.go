package contract

import (
	"fmt"
	"strings"
	"sync"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// silver is a class without limits.
const silver = "silver"

// limitScenarios are about vsphere.NamespaceLimits. Each VM has 2 CPUs and 1 GiB.
var limitScenarios = []scenario{
	{name: "a batch makes as many VMs as there is room for", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{VMs: new(int64(3))})
		err := f.startMany(template, f.group, gold, 5, 0)
		f.mustExceed(err, `VmGroupClass "gold" allows 3 VMs in namespace default, and there are 3 (web 3): scale one of them down, or ask an administrator.`)
		f.settled(f.group, 3)
		f.mustExceed(f.startMany(template, f.group, gold, 1, 3), "there are 3 (web 3)")
	}},
	{name: "CPUs and memory are limited too, and VMs that are off count", run: func(f *fixture) {
		for _, limits := range []vsphere.NamespaceLimits{{CPU: new(int64(5))}, {MemoryMiB: new(int64(2048))}} {
			template := f.limit(limits)
			for slot := range 2 {
				f.limitedOff(template, f.group, slot)
			}
			f.mustExceed(f.startMany(template, f.group, gold, 1, 2), "and its VMs there have", "(web ", "more are asked for")
			for _, vm := range f.snapshot(f.group).VMs {
				f.Destroy(vm.Ref)
			}
			f.settled(f.group, 0)
		}
	}},
	{name: "two groups that come at once share what there is", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{VMs: new(int64(5))})
		errs := [2]error{}
		var both sync.WaitGroup
		groups := []vsphere.GroupID{f.group, f.other()}
		for _, g := range groups {
			f.folder(g)
		}
		for i, g := range groups {
			both.Go(func() { errs[i] = f.startMany(template, g, gold, 4, 0) })
		}
		both.Wait()
		for _, err := range errs {
			if err != nil {
				f.mustExceed(err, "allows 5 VMs in namespace default, and there are 5 (")
			}
		}
		f.await(f.group, "all is done", idle)
		f.await(f.other(), "all is done", idle)
		if n := f.countOf(f.group) + f.countOf(f.other()); n != 5 {
			f.t.Errorf("there are %d VMs, want 5; the errors are %v", n, errs)
		}
	}},
	{name: "another namespace and another class are not counted, and have limits of their own", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{VMs: new(int64(1))})
		elsewhere := vsphere.GroupID{Namespace: "shop", Name: "web", UID: "0d1f2a3b-0000-4000-8000-000000000003"}
		f.must(f.startMany(template, f.group, silver, 2, 0))
		f.settled(f.group, 2)
		f.must(f.startMany(template, elsewhere, gold, 1, 0))
		f.settled(elsewhere, 1)
		f.must(f.startMany(template, f.other(), gold, 1, 0))
		f.settled(f.other(), 1)
		f.mustExceed(f.startMany(template, f.other(), gold, 1, 1), "in namespace default, and there is 1 (db 1)")
		f.mustExceed(f.startMany(template, elsewhere, gold, 1, 1), "in namespace shop, and there is 1 (web 1)")
	}},
	{name: "a clone in flight counts, and leaves room if it fails", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{VMs: new(int64(1))})
		f.folder(f.other())
		f.FailClone()
		f.SlowClones(true)
		f.must(f.startMany(template, f.group, gold, 1, 0))
		f.mustExceed(f.startMany(template, f.other(), gold, 1, 0), "there is 1 (web 1)")
		f.notifies(f.other(), func() { f.SlowClones(false) })
		f.await(f.group, "the clone has failed", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		f.must(f.startMany(template, f.other(), gold, 1, 0))
		f.settled(f.other(), 1)
	}},
	{name: "a clone of an earlier process counts", run: func(f *fixture) {
		limits := vsphere.NamespaceLimits{VMs: new(int64(1))}
		template := f.limit(limits)
		f.folder(f.other())
		f.SlowClones(true)
		f.must(f.startMany(template, f.group, gold, 1, 0))
		f.Restart()
		f.limit(limits)
		f.sweep()
		if err := f.startMany(template, f.other(), gold, 1, 0); err == nil {
			f.t.Error("the clone of the earlier process does not count")
		}
		f.SlowClones(false)
		f.settled(f.group, 1)
		f.mustExceed(f.startMany(template, f.other(), gold, 1, 0), "there is 1 (web 1)")
		if n := f.countOf(f.other()); n != 0 {
			f.t.Errorf("%d VMs were made beyond the limit", n)
		}
	}},
	{name: "room that a destruction makes is told", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{VMs: new(int64(1))})
		vm := f.limitedOff(template, f.group, 0)
		f.mustExceed(f.startMany(template, f.other(), gold, 1, 0), "there is 1 (web 1)")
		f.notifies(f.other(), func() { f.must(f.ask(vsphere.OperationDestroy, vm.Ref)) })
		f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool { return len(s.VMs) == 0 })
		f.must(f.startMany(template, f.other(), gold, 1, 0))
		f.settled(f.other(), 1)
	}},
	{name: "a limit that is raised is told, and one that is lowered takes nothing away", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{VMs: new(int64(0))})
		f.mustExceed(f.startMany(template, f.group, gold, 1, 0), "allows 0 VMs in namespace default, and there are 0: ask an administrator.")
		f.notifies(f.group, func() { f.limits(vsphere.NamespaceLimits{VMs: new(int64(2))}) })
		f.must(f.startMany(template, f.group, gold, 2, 0))
		s := f.settled(f.group, 2)
		f.limits(vsphere.NamespaceLimits{VMs: new(int64(0)), CPU: new(int64(0)), MemoryMiB: new(int64(0))})
		f.must(f.ask(vsphere.OperationPowerOff, s.VMs[0].Ref))
		s = f.await(f.group, "it is off", func(s vsphere.Snapshot) bool { return idle(s) && s.VMs[0].Power == vsphere.PoweredOff })
		smaller := sizeOf(*s.VMs[0])
		smaller.CPU = 1
		f.resizes(*s.VMs[0], smaller)
		f.must(f.ask(vsphere.OperationDestroy, s.VMs[0].Ref))
		f.settled(f.group, 1)
	}},
	{name: "a VM grows as far as there is room, and makes room when it gets smaller", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{CPU: new(int64(5))})
		vm, other := f.limitedOff(template, f.group, 0), f.limitedOff(template, f.group, 1)
		larger := sizeOf(vm)
		larger.CPU = 4
		f.mustExceed(f.resize(vm.Ref, larger), `allows 5 CPUs in namespace default, and its VMs there have 4 (web 4), and 2 more are asked for`)
		if s := f.snapshot(f.group); len(s.Operations) != 0 || len(s.Failures) != 1 || s.Failures[0].Err.Reason != v1alpha1.ReasonLimitExceeded {
			f.t.Errorf("it is off, and nobody is told that it cannot grow: %s", describe(s))
		}
		larger.CPU = 3
		f.resizes(vm, larger)
		f.mustExceed(f.startMany(template, f.other(), gold, 1, 0), "have 5 (web 5)")
		smaller := sizeOf(other)
		smaller.CPU = 1
		f.notifies(f.other(), func() { f.resizes(other, smaller) })
		larger.CPU = 4
		f.resizes(vm, larger)
	}},
	{name: "no VM is switched off to grow where there is no room, and one that is keeps its room", run: func(f *fixture) {
		template := f.limit(vsphere.NamespaceLimits{CPU: new(int64(4))})
		f.must(f.startMany(template, f.group, gold, 1, 0))
		vm := *f.settled(f.group, 1).VMs[0]
		off := func(cpu int32) error {
			size := sizeOf(vm)
			size.CPU = cpu
			return f.Client().Start(f.t.Context(), f.group, []vsphere.Request{{Kind: vsphere.OperationPowerOff, VM: vm.Ref, Resize: &size}})
		}
		f.mustExceed(off(5), "allows 4 CPUs")
		if got, _ := byRef(f.snapshot(f.group), vm.Ref); got.Power != vsphere.PoweredOn {
			f.t.Fatalf("it is %s", got.Power)
		}
		f.must(off(3))
		f.await(f.group, "it is off", func(s vsphere.Snapshot) bool { return idle(s) && s.VMs[0].Power == vsphere.PoweredOff })
		f.mustExceed(f.startMany(template, f.other(), gold, 1, 0), "have 3 (web 3)")
		size := sizeOf(vm)
		size.CPU = 3
		f.resizes(vm, size)
	}},
}

// limit sets the limits of gold, beside a class without any, and returns a template of both.
func (f *fixture) limit(limits vsphere.NamespaceLimits) vsphere.Template {
	f.t.Helper()
	f.limits(limits)
	for _, class := range []string{gold, silver} {
		f.class(class, func(c vsphere.Offer) bool { return len(c.Zones) == 1 && c.Zones[0].Err == nil })
	}
	for _, vm := range f.VMs() {
		if vm.Template && vm.Name == "rocky" {
			return f.foundIn(gold, "rocky", vm.Ref)
		}
	}
	return f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
}

func (f *fixture) limits(limits vsphere.NamespaceLimits) {
	zones := []vsphere.ZoneSpec{f.zone("a", 0)}
	f.Client().SetClasses([]vsphere.ClassSpec{
		{Name: gold, TemplateFolder: goldFolder, Zones: zones, PerNamespace: limits},
		{Name: silver, TemplateFolder: goldFolder, Zones: zones},
	})
}

// startMany asks for n clones of a class in one batch, from a slot on.
func (f *fixture) startMany(template vsphere.Template, g vsphere.GroupID, class string, n, from int) error {
	folder, err := f.Client().EnsureFolder(f.t.Context(), g)
	if err != nil {
		return err
	}
	var requests []vsphere.Request
	for slot := from; slot < from+n; slot++ {
		spec := f.spec(folder, slot)
		spec.Place = vsphere.Place{Class: class, Zone: "a"}
		requests = append(requests, cloneOf(template, vmName(g, slot), spec))
	}
	return f.Client().Start(f.t.Context(), g, requests)
}

// limitedOff makes a VM of gold that is off.
func (f *fixture) limitedOff(template vsphere.Template, g vsphere.GroupID, slot int) vsphere.VM {
	f.t.Helper()
	spec := f.spec(f.folder(g), slot)
	spec.Place, spec.PowerOn = vsphere.Place{Class: gold, Zone: "a"}, false
	return f.madeFrom(template, slot, spec)
}

// settled waits until a group has n VMs, really, and nothing is under way.
func (f *fixture) settled(g vsphere.GroupID, n int) vsphere.Snapshot {
	f.t.Helper()
	s := f.await(g, fmt.Sprintf("it has %d VMs", n), func(s vsphere.Snapshot) bool {
		for _, vm := range s.VMs {
			if !vm.Configured || vm.Power == "" {
				return false
			}
		}
		return len(s.VMs) == n && idle(s)
	})
	if len(s.Failures) > 0 || f.countOf(g) != n {
		f.t.Errorf("there are %d VMs, want %d: %s", f.countOf(g), n, describe(s))
	}
	return s
}

// countOf returns how many VMs a group really has, by their names.
func (f *fixture) countOf(g vsphere.GroupID) int {
	n := 0
	for slot := range 10 {
		for _, vm := range f.VMs() {
			if vm.Name == vmName(g, slot) && vm.Parent == f.folder(g) {
				n++
			}
		}
	}
	return n
}

// mustExceed fails the test unless an error says that a limit would be exceeded, and says all that.
func (f *fixture) mustExceed(err error, saying ...string) {
	f.t.Helper()
	f.mustBe(vsphere.ClassInvalid, err)
	f.wantReason(v1alpha1.ReasonLimitExceeded, err)
	for _, text := range saying {
		if !strings.Contains(err.Error(), text) {
			f.t.Errorf("the error %q does not say %q", err, text)
		}
	}
}

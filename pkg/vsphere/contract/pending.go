package contract

import (
	"errors"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// pendingScenarios are about requests that a notification of the group answers later.
var pendingScenarios = []scenario{
	{name: "a sweep is asked for and answered, and one serves all that wait", run: func(f *fixture) {
		f.HoldReads(true)
		first := f.askSweep(f.group)
		// The first sweep may have begun by now. All others wait for the same one.
		second, third := f.askSweep(f.other()), f.askSweep(f.group)
		if second != third || second < first || second > first+1 {
			f.t.Errorf("asked for the sweeps %d, %d and %d", first, second, third)
		}
		if s := f.snapshot(f.group); s.Swept >= first {
			f.t.Errorf("sweep %d has ended before anything was read, of the sweeps %d", s.Swept, first)
		}
		f.notifies(f.other(), func() { f.HoldReads(false) })
		f.awaitSwept(f.group, third)
		f.awaitSwept(f.other(), second)
	}},
	{name: "a sweep that was asked for has not ended when the connection is lost, and the next connection's serves", run: func(f *fixture) {
		f.HoldReads(true)
		number := f.askSweep(f.group)
		f.startOutage()
		f.HoldReads(false)
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.awaitSwept(f.group, number)
	}},
	{name: "a sweep sees what was there when it was asked for", run: func(f *fixture) {
		vm := f.madeElsewhere()
		f.awaitSwept(f.group, f.askSweep(f.group))
		if _, ok := byRef(f.snapshot(f.group), vm.Ref); !ok {
			f.t.Errorf("it is missing: %s", describe(f.snapshot(f.group)))
		}
	}},
	{name: "VMs are verified when they are, and not before", run: func(f *fixture) {
		vm := f.madeElsewhere()
		f.HoldReads(true)
		for range 2 {
			f.mustBePending(f.Client().Verify(f.t.Context(), f.group, []vsphere.Ref{vm.Ref}))
		}
		f.notifies(f.group, func() { f.HoldReads(false) })
		f.must(f.verify(vm.Ref))
		if _, ok := byRef(f.snapshot(f.group), vm.Ref); !ok {
			f.t.Errorf("it is missing: %s", describe(f.snapshot(f.group)))
		}
	}},
	{name: "VMs whose verification was cut short are verified anew", run: func(f *fixture) {
		vm := f.madeElsewhere()
		f.HoldReads(true)
		f.mustBePending(f.Client().Verify(f.t.Context(), f.group, []vsphere.Ref{vm.Ref}))
		f.startOutage()
		f.mustBe(vsphere.ClassUnavailable, f.Client().Verify(f.t.Context(), f.group, []vsphere.Ref{vm.Ref}))
		f.HoldReads(false)
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.awaitNotified(f.group, "there is an answer", func() bool { return f.Client().Verify(f.t.Context(), f.group, []vsphere.Ref{vm.Ref}) == nil })
		if _, ok := byRef(f.snapshot(f.group), vm.Ref); !ok {
			f.t.Errorf("it is missing: %s", describe(f.snapshot(f.group)))
		}
	}},
	{name: "a folder is removed when it is, and not before", run: func(f *fixture) {
		folder := f.folder(f.group)
		f.HoldReads(true)
		for range 2 {
			f.mustBePending(f.Client().RemoveFolder(f.t.Context(), f.group, folder))
		}
		if !slices.Contains(f.Folders(), RootFolder+"/default/web") {
			f.t.Error("it was removed before it was listed")
		}
		f.notifies(f.group, func() { f.HoldReads(false) })
		f.must(f.removeFolder(folder))
		if slices.Contains(f.Folders(), RootFolder+"/default/web") {
			f.t.Error("it is still there")
		}
	}},
	{name: "a folder that is filled while its removal waits stays", run: func(f *fixture) {
		folder := f.folder(f.group)
		f.HoldReads(true)
		f.mustBePending(f.Client().RemoveFolder(f.t.Context(), f.group, folder))
		vm := f.AddForeignVM(RootFolder+"/default/web", "somebody")
		f.HoldReads(false)
		f.mustBe(vsphere.ClassConflict, f.removeFolder(folder))
		if !f.exists(vm) || !slices.Contains(f.Folders(), RootFolder+"/default/web") {
			f.t.Error("the folder or the VM is gone")
		}
	}},
	{name: "a folder is not taken for removed when the connection is lost", run: func(f *fixture) {
		folder := f.folder(f.group)
		f.HoldReads(true)
		f.mustBePending(f.Client().RemoveFolder(f.t.Context(), f.group, folder))
		f.startOutage()
		f.mustBe(vsphere.ClassUnavailable, f.Client().RemoveFolder(f.t.Context(), f.group, folder))
		f.HoldReads(false)
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.awaitNotified(f.group, "it is removed", func() bool { return f.Client().RemoveFolder(f.t.Context(), f.group, folder) == nil })
		if slices.Contains(f.Folders(), RootFolder+"/default/web") {
			f.t.Error("it is still there")
		}
	}},
	{name: "a template that is searched for is neither found nor missing, and one search serves all", anywhere: true, run: func(f *fixture) {
		f.HoldReads(true)
		for _, g := range []vsphere.GroupID{f.group, f.other(), f.group} {
			_, err := f.Client().FindTemplate(f.t.Context(), g, "", "linux")
			f.mustBePending(err)
		}
		f.notifies(f.other(), func() { f.HoldReads(false) })
		f.finds("linux", f.template)
		f.awaitNotified(f.other(), "it is found for the other too", func() bool {
			got, err := f.Client().FindTemplate(f.t.Context(), f.other(), "", "linux")
			return err == nil && got.Ref == f.template
		})
	}},
	{name: "a search that was cut short is made anew", anywhere: true, run: func(f *fixture) {
		f.HoldReads(true)
		_, err := f.Client().FindTemplate(f.t.Context(), f.group, "", "linux")
		f.mustBePending(err)
		f.startOutage()
		_, err = f.Client().FindTemplate(f.t.Context(), f.group, "", "linux")
		f.mustBe(vsphere.ClassUnavailable, err)
		f.HoldReads(false)
		f.notifies(f.group, func() { f.SetOutage(false) })
		f.finds("linux", f.template)
	}},
}

// madeElsewhere makes a VM of the group that lies outside the root folder. The adapter has not seen it since its start.
func (f *fixture) madeElsewhere() vsphere.VM {
	f.t.Helper()
	vm := f.made(f.group, 0)
	f.Move(vm.Ref, "elsewhere")
	f.Restart()
	return vm
}

// mustBePending fails the test unless err says that there is no answer yet.
func (f *fixture) mustBePending(err error) {
	f.t.Helper()
	if !errors.Is(err, vsphere.ErrPending) {
		f.t.Fatalf("error %v, want %v", err, vsphere.ErrPending)
	}
}

// answered asks until there is an answer, whenever the group is notified, and returns the answer.
func (f *fixture) answered(what string, ask func() error) error {
	f.t.Helper()
	var err error
	f.awaitNotified(f.group, what+" is answered", func() bool {
		err = ask()
		return !errors.Is(err, vsphere.ErrPending)
	})
	return err
}

func (f *fixture) removeFolder(folder vsphere.Ref) error {
	f.t.Helper()
	return f.answered("the removal", func() error { return f.Client().RemoveFolder(f.t.Context(), f.group, folder) })
}

func (f *fixture) verify(vms ...vsphere.Ref) error {
	f.t.Helper()
	return f.answered("the verification", func() error { return f.Client().Verify(f.t.Context(), f.group, vms) })
}

func (f *fixture) lookUp(path string) (got vsphere.Template, err error) {
	f.t.Helper()
	err = f.answered("the search", func() (err error) {
		got, err = f.Client().FindTemplate(f.t.Context(), f.group, "", path)
		return err
	})
	return got, err
}

// sweep asks for a sweep, and waits until it has ended well.
func (f *fixture) sweep() {
	f.t.Helper()
	f.awaitSwept(f.group, f.askSweep(f.group))
}

func (f *fixture) askSweep(g vsphere.GroupID) int {
	f.t.Helper()
	number, err := f.Client().Sweep(f.t.Context(), g)
	f.must(err)
	return number
}

func (f *fixture) awaitSwept(g vsphere.GroupID, number int) {
	f.t.Helper()
	f.await(g, "the sweep has ended", func(s vsphere.Snapshot) bool { return s.Swept >= number })
}

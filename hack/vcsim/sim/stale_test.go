package sim_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// peek asks for updates and does not wait.
func (w *watch) peek() *types.UpdateSet {
	w.e.t.Helper()
	req := types.WaitForUpdatesEx{This: w.collector.Reference(), Version: w.version}
	req.Options = &types.WaitOptions{MaxWaitSeconds: types.NewInt32(0)}
	res, err := methods.WaitForUpdatesEx(w.e.ctx, w.e.client, &req)
	w.e.must(err)
	if res.Returnval != nil {
		w.apply(res.Returnval)
	}
	return res.Returnval
}

// foreign makes a virtual machine without a client that waits for updates of its own.
func (e *env) foreign(name string) types.ManagedObjectReference {
	e.t.Helper()
	ref, err := e.control.AddForeignVM(e.ctx, "group", name)
	e.must(err)
	return types.ManagedObjectReference{Type: "VirtualMachine", Value: ref}
}

func TestFrozenUpdates(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	e.must(e.control.FreezeUpdates(e.ctx, true))
	vm := e.foreign("a")
	if set := w.peek(); set != nil {
		t.Errorf("updates although they are frozen: %v", w.kinds)
	}
	if set := e.watchFolder().peek(); set != nil {
		t.Error("a new collector is told what others may not know")
	}
	name, err := object.NewVirtualMachine(e.client.Client, vm).ObjectName(e.ctx)
	e.must(err)
	if name != "a" {
		t.Errorf("a live read says %q", name)
	}
	e.must(e.control.FreezeUpdates(e.ctx, false))
	w.until("the virtual machine", func() bool { return w.has(vm) })
}

func TestSwallowedUpdates(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	e.must(e.control.SwallowUpdates(e.ctx, 1))
	lost := e.foreign("lost")
	w.peek() // uses up the one
	seen := e.foreign("seen")
	w.until("the second", func() bool { return w.has(seen) })
	if w.has(lost) {
		t.Error("the first update was not lost")
	}
	again := e.watchFolder()
	again.until("both", func() bool { return again.has(lost) && again.has(seen) }) // a new watch knows
}

func TestReorderedUpdates(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	e.must(e.control.ReorderUpdates(e.ctx, true, 1))
	var made, seen []string
	for i := range 20 {
		made = append(made, "enter "+e.foreign(fmt.Sprintf("vm%d", i)).Value)
	}
	entered := func() []string {
		return slices.DeleteFunc(slices.Clone(w.kinds), func(kind string) bool { return !slices.Contains(made, kind) })
	}
	w.until("all of them", func() bool { seen = entered(); return len(seen) == len(made) })
	if slices.Equal(seen, made) {
		t.Errorf("they came in the order that they were made: %v", seen)
	}
	e.must(e.control.ReorderUpdates(e.ctx, false, 0))
	last := e.foreign("last")
	w.until("the last", func() bool { return w.has(last) })
}

func TestHiddenVMs(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	a, b := e.clone("a", extra("vmgroup.stamp", "s")), e.clone("b", extra("vmgroup.stamp", "s"))
	c := e.foreign("c")
	all := func() bool { return w.has(a) && w.has(b) && w.has(c) }
	w.until("all", all)
	for _, row := range []struct {
		what control.Hidden
		want []types.ManagedObjectReference
	}{
		{control.Hidden{VMs: []string{"b"}}, []types.ManagedObjectReference{b}},
		{control.Hidden{Fraction: 0.5}, []types.ManagedObjectReference{a}},
		{control.Hidden{Fraction: 1}, []types.ManagedObjectReference{a, b}},
		{control.Hidden{Folder: "group"}, []types.ManagedObjectReference{a, b, c}},
	} {
		hidden, err := e.control.HideVMs(e.ctx, row.what)
		e.must(err)
		if len(hidden) != len(row.want) {
			t.Fatalf("%+v hides %v, want %v", row.what, hidden, row.want)
		}
		w.until("that they leave", func() bool {
			return !slices.ContainsFunc(row.want, func(ref types.ManagedObjectReference) bool { return w.has(ref) })
		})
		for _, ref := range row.want { // a live read by MoRef still finds them
			_, err := object.NewVirtualMachine(e.client.Client, ref).ObjectName(e.ctx)
			e.must(err)
		}
		var listed []types.ObjectContent
		v := newView(e, e.folder, []string{"VirtualMachine"})
		e.must(v.Retrieve(e.ctx, []string{"VirtualMachine"}, []string{"name"}, &listed))
		if len(listed) != 3-len(row.want) {
			t.Errorf("%+v: a view lists %d", row.what, len(listed))
		}
		e.must(e.control.UnhideVMs(e.ctx))
		w.until("that they are back", all)
	}
	if e.count("a")+e.count("b")+e.count("c") != 3 {
		t.Error("something was really lost")
	}
}

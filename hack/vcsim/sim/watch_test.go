package sim_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const stampPath = `config.extraConfig["vmgroup.stamp"]`

// watch is a property collector and what it has reported so far.
type watch struct {
	e         *env
	collector *property.Collector
	version   string
	limit     int32
	pages     int
	objects   map[string]map[string]any // MoRef value, property
	kinds     []string                  // "enter vm-1", in order
}

func newView(e *env, container types.ManagedObjectReference, kinds []string) *view.ContainerView {
	e.t.Helper()
	v, err := view.NewManager(e.client.Client).CreateContainerView(e.ctx, container, kinds, true)
	e.must(err)
	return v
}

func (e *env) watch(root types.ManagedObjectReference, kind string, props ...types.PropertySpec) *watch {
	e.t.Helper()
	c, err := property.DefaultCollector(e.client.Client).Create(e.ctx)
	e.must(err)
	spec := types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{
			Obj: root, Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: kind, Path: "view"}},
		}},
		PropSet: props,
	}
	_, err = c.CreateFilter(e.ctx, types.CreateFilter{Spec: spec})
	e.must(err)
	return &watch{e: e, collector: c, objects: make(map[string]map[string]any)}
}

// watchFolder watches the virtual machines and folders below the group's folder.
func (e *env) watchFolder() *watch {
	e.t.Helper()
	v := newView(e, e.folder, []string{"VirtualMachine", "Folder"})
	return e.watch(v.Reference(), "ContainerView",
		types.PropertySpec{Type: "VirtualMachine", PathSet: []string{"name", "parent", "runtime.powerState", "config.template", "config.instanceUuid", stampPath}},
		types.PropertySpec{Type: "Folder", PathSet: []string{"name", "parent"}})
}

func (w *watch) poll(ctx context.Context, version string) (*types.UpdateSet, error) {
	req := types.WaitForUpdatesEx{This: w.collector.Reference(), Version: version}
	req.Options = &types.WaitOptions{MaxWaitSeconds: types.NewInt32(30), MaxObjectUpdates: w.limit}
	res, err := methods.WaitForUpdatesEx(ctx, w.e.client, &req)
	if err != nil {
		return nil, err
	}
	return res.Returnval, nil
}

// next waits for one answer and applies it.
func (w *watch) next() *types.UpdateSet {
	w.e.t.Helper()
	set, err := w.poll(w.e.ctx, w.version)
	w.e.must(err)
	if set == nil {
		w.e.t.Fatal("the long poll ended without an update")
	}
	w.apply(set)
	return set
}

func (w *watch) apply(set *types.UpdateSet) {
	w.version = set.Version
	w.pages++
	for _, f := range set.FilterSet {
		for _, u := range f.ObjectSet {
			w.kinds = append(w.kinds, fmt.Sprintf("%s %s", u.Kind, u.Obj.Value))
			if u.Kind == types.ObjectUpdateKindLeave {
				delete(w.objects, u.Obj.Value)
				continue
			}
			if w.objects[u.Obj.Value] == nil {
				w.objects[u.Obj.Value] = make(map[string]any)
			}
			for _, c := range u.ChangeSet {
				w.objects[u.Obj.Value][c.Name] = c.Val
			}
		}
	}
}

// until polls until the condition holds.
func (w *watch) until(what string, condition func() bool) {
	w.e.t.Helper()
	for !condition() {
		if w.e.ctx.Err() != nil {
			w.e.t.Fatalf("never saw %s; last state %v", what, w.objects)
		}
		w.next()
	}
}

func (w *watch) has(ref types.ManagedObjectReference) bool {
	_, ok := w.objects[ref.Value]
	return ok
}

func (w *watch) value(ref types.ManagedObjectReference, path string) any {
	return w.objects[ref.Value][path]
}

func TestWatchEnterModifyLeave(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	vm := e.clone("a", extra("vmgroup.stamp", "s1"))
	w.until("enter", func() bool { return w.has(vm) })
	if got := w.value(vm, stampPath); !cmp.Equal(got, types.OptionValue{Key: "vmgroup.stamp", Value: "s1"}) {
		t.Errorf("the stamp did not come with the enter: %v", w.objects[vm.Value])
	}
	if got := w.value(vm, "config.instanceUuid"); got != e.truth("a").InstanceUUID {
		t.Errorf("instanceUuid %v", got)
	}
	e.must(e.control.PowerOn(e.ctx, "a"))
	w.until("power on", func() bool { return w.value(vm, "runtime.powerState") == types.VirtualMachinePowerStatePoweredOn })
	e.must(e.control.Rename(e.ctx, "a", "b"))
	w.until("rename", func() bool { return w.value(vm, "name") == "b" })
	e.must(e.control.DestroyVM(e.ctx, "b"))
	w.until("leave", func() bool { return !w.has(vm) })
}

func TestWatchKeyedProperty(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.clone("a", extra("vmgroup.stamp", "s1"))
	w := e.watchFolder()
	w.until("first state", func() bool { return w.has(vm) })
	for _, value := range []string{"s2", ""} { // changed, then removed
		req := types.ReconfigVM_Task{This: vm, Spec: types.VirtualMachineConfigSpec{
			ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "vmgroup.stamp", Value: value}},
		}}
		_, err := methods.ReconfigVM_Task(e.ctx, e.client, &req)
		e.must(err)
		w.until("stamp "+value, func() bool {
			option, _ := w.value(vm, stampPath).(types.OptionValue)
			return option.Value == value || value == "" && option.Value == nil
		})
	}
}

func TestWatchMove(t *testing.T) {
	e := start(t, sim.Options{})
	inner, err := e.control.CreateFolder(e.ctx, "group/inner")
	e.must(err)
	_, err = e.control.CreateFolder(e.ctx, "elsewhere")
	e.must(err)
	vm := e.clone("a")
	w := e.watchFolder()
	w.until("first state", func() bool { return w.has(vm) })
	e.must(e.control.Move(e.ctx, "a", "group/inner"))
	w.until("new parent", func() bool {
		return w.value(vm, "parent") == types.ManagedObjectReference{Type: "Folder", Value: inner}
	})
	e.must(e.control.Move(e.ctx, "a", "elsewhere"))
	w.until("leave", func() bool { return !w.has(vm) })
	e.must(e.control.Move(e.ctx, "a", "group"))
	w.until("return", func() bool { return w.has(vm) })
}

func TestWatchMoveOfFolder(t *testing.T) {
	e := start(t, sim.Options{})
	inner, err := e.control.CreateFolder(e.ctx, "group/inner")
	e.must(err)
	elsewhere, err := e.control.CreateFolder(e.ctx, "elsewhere")
	e.must(err)
	id, err := e.control.AddForeignVM(e.ctx, "group/inner", "a")
	e.must(err)
	vm := types.ManagedObjectReference{Type: "VirtualMachine", Value: id}
	w := e.watchFolder()
	w.until("first state", func() bool { return w.has(vm) })
	folder := types.ManagedObjectReference{Type: "Folder", Value: inner}
	req := types.MoveIntoFolder_Task{
		This: types.ManagedObjectReference{Type: "Folder", Value: elsewhere},
		List: []types.ManagedObjectReference{folder},
	}
	_, err = methods.MoveIntoFolder_Task(e.ctx, e.client, &req)
	e.must(err)
	w.until("leave of folder and content", func() bool { return !w.has(folder) && !w.has(vm) })
}

func TestWatchTemplate(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.clone("a")
	w := e.watchFolder()
	w.until("first state", func() bool { return w.value(vm, "config.template") == false })
	e.must(e.control.MarkAsTemplate(e.ctx, "a"))
	w.until("template", func() bool { return w.value(vm, "config.template") == true })
	e.must(e.control.MarkAsVM(e.ctx, "a"))
	w.until("virtual machine", func() bool { return w.value(vm, "config.template") == false })
}

func TestWatchListView(t *testing.T) {
	e := start(t, sim.Options{CloneDelay: 50 * 1e6})
	list, err := view.NewManager(e.client.Client).CreateListView(e.ctx, nil)
	e.must(err)
	w := e.watch(list.Reference(), "ListView",
		types.PropertySpec{Type: "Task", PathSet: []string{"info.state", "info.error", "info.result", "info.entity"}})
	w.next()
	task, err := e.submit("a")
	e.must(err)
	_, err = list.Add(e.ctx, []types.ManagedObjectReference{task.Reference()})
	e.must(err)
	w.until("success", func() bool { return w.value(task.Reference(), "info.state") == types.TaskInfoStateSuccess })
	if got := w.value(task.Reference(), "info.result"); got != e.vm("a") {
		t.Errorf("result %v", got)
	}
	if got := w.value(task.Reference(), "info.entity"); got != e.template {
		t.Errorf("entity %v", got)
	}
	_, err = list.Remove(e.ctx, []types.ManagedObjectReference{task.Reference()})
	e.must(err)
	w.until("leave", func() bool { return !w.has(task.Reference()) })
	again, err := e.submit("a")
	e.must(err)
	_, err = list.Add(e.ctx, []types.ManagedObjectReference{again.Reference()})
	e.must(err)
	w.until("error", func() bool { return w.value(again.Reference(), "info.state") == types.TaskInfoStateError })
	if got, ok := w.value(again.Reference(), "info.error").(types.LocalizedMethodFault); !ok {
		t.Errorf("error %v", got)
	} else if _, ok := got.Fault.(*types.DuplicateName); !ok {
		t.Errorf("fault %T", got.Fault)
	}
}

// A list view holds a virtual machine wherever it is moved.
func TestWatchMoveOfWhatIsListed(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.clone("a")
	list, err := view.NewManager(e.client.Client).CreateListView(e.ctx, []types.ManagedObjectReference{vm})
	e.must(err)
	w := e.watch(list.Reference(), "ListView", types.PropertySpec{Type: "VirtualMachine", PathSet: []string{"parent"}})
	for _, path := range []string{"elsewhere", "group", ""} {
		folder, err := e.control.CreateFolder(e.ctx, path)
		e.must(err)
		e.must(e.control.Move(e.ctx, "a", folder))
		w.until("it is in "+path, func() bool {
			return w.value(vm, "parent") == types.ManagedObjectReference{Type: "Folder", Value: folder}
		})
	}
}

func TestWatchTruncated(t *testing.T) {
	e := start(t, sim.Options{})
	for i := range 7 {
		e.clone(fmt.Sprintf("vm-%d", i))
	}
	w := e.watchFolder()
	w.limit = 3
	for w.pages == 0 || w.pages < 3 {
		set := w.next()
		if truncated := set.Truncated != nil && *set.Truncated; truncated != (w.pages < 3) {
			t.Errorf("page %d: truncated %v", w.pages, truncated)
		}
	}
	if len(w.objects) != 7 {
		t.Errorf("%d objects after 3 pages of at most 3, want 7", len(w.objects))
	}
}

func TestWatchResendsWhatWasNotAcknowledged(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	vm := e.clone("a")
	first, err := w.poll(e.ctx, w.version)
	e.must(err)
	second, err := w.poll(e.ctx, w.version) // as if the first answer had been lost
	e.must(err)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same version gives another answer:\n%s", diff)
	}
	w.apply(second)
	w.until("enter", func() bool { return w.has(vm) })
	if _, err := w.poll(e.ctx, "12345"); err == nil {
		t.Error("a wrong version is accepted")
	} else {
		wantFault[*types.InvalidCollectorVersion](t, err)
	}
}

func TestWatchAbortedPollEatsNothing(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	ctx, abort := context.WithCancel(e.ctx)
	done := make(chan error)
	go func() {
		_, err := w.poll(ctx, w.version)
		done <- err
	}()
	abort()
	if err := <-done; err == nil {
		t.Fatal("the poll was not aborted")
	}
	vm := e.clone("a") // may be noticed by the poll that nobody listens to any more
	w.until("enter", func() bool { return w.has(vm) })
}

func TestWatchPlainObjectAndCancel(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.clone("a")
	c, err := property.DefaultCollector(e.client.Client).Create(e.ctx)
	e.must(err)
	w := &watch{e: e, collector: c, objects: make(map[string]map[string]any)}
	_, err = c.CreateFilter(e.ctx, types.CreateFilter{Spec: types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: vm}},
		PropSet:   []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name"}}},
	}})
	e.must(err)
	w.next()
	e.must(e.control.Rename(e.ctx, "a", "b"))
	w.until("rename", func() bool { return w.value(vm, "name") == "b" })
	done := make(chan error)
	go func() {
		_, err := w.poll(e.ctx, w.version)
		done <- err
	}()
	// The poll may not have begun: cancel until one has.
	for err = nil; err == nil; {
		e.must(c.CancelWaitForUpdates(e.ctx))
		select {
		case err = <-done:
		default:
		}
	}
	wantFault[*types.RequestCanceled](t, err)
}

func TestWatchEndsWithSession(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	done := make(chan error)
	go func() {
		_, err := w.poll(e.ctx, w.version)
		done <- err
	}()
	e.must(e.control.EndSessions(e.ctx))
	wantFault[*types.NotAuthenticated](t, <-done)
	leaks, err := e.control.Leaks(e.ctx)
	e.must(err)
	if leaks.Sessions+leaks.Collectors+leaks.Filters+leaks.Views != 0 {
		t.Errorf("left behind: %+v", leaks)
	}
	e.client = e.login(e.sim.Username(), e.sim.Password())
	_, err = w.poll(e.ctx, "")
	wantFault[*types.ManagedObjectNotFound](t, err)
}

func TestWatchLeavesNothingAfterLogout(t *testing.T) {
	e := start(t, sim.Options{})
	w := e.watchFolder()
	w.next()
	leaks, err := e.control.Leaks(e.ctx)
	e.must(err)
	if leaks.Sessions != 1 || leaks.Collectors != 1 || leaks.Filters != 1 || leaks.Views != 2 { // one view of start
		t.Errorf("while logged in: %+v", leaks)
	}
	e.must(e.client.SessionManager.Logout(e.ctx))
	leaks, err = e.control.Leaks(e.ctx)
	e.must(err)
	if leaks.Sessions+leaks.Collectors+leaks.Filters+leaks.Views != 0 {
		t.Errorf("left behind: %+v", leaks)
	}
}

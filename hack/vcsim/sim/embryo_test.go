package sim_test

import (
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// embryo submits a clone that goes on, and waits until a watch has seen its virtual machine.
func (w *watch) embryo(name string) (types.ManagedObjectReference, *object.Task) {
	w.e.t.Helper()
	before := len(w.objects)
	task, err := w.e.submit(name, extra("vmgroup.stamp", "s1"))
	w.e.must(err)
	w.until("the virtual machine to be", func() bool { return len(w.objects) > before })
	var folder mo.Folder
	w.e.must(object.NewFolder(w.e.client.Client, w.e.folder).Properties(w.e.ctx, w.e.folder, []string{"childEntity"}, &folder))
	return folder.ChildEntity[len(folder.ChildEntity)-1], task
}

func TestVisibleFromTheStart(t *testing.T) {
	e := start(t, sim.Options{Visible: sim.VisibleStart, CloneDelay: endless})
	w := e.watchFolder()
	w.next()
	since := e.now()
	vm, _ := w.embryo("a")
	for _, unset := range []string{"name", "config.template", "config.instanceUuid", stampPath} {
		if value, ok := w.objects[vm.Value][unset]; ok {
			t.Errorf("%s is %v before the clone has ended", unset, value)
		}
	}
	if w.value(vm, "parent") != e.folder {
		t.Errorf("parent %v", w.value(vm, "parent"))
	}
	var live mo.VirtualMachine
	e.must(object.NewVirtualMachine(e.client.Client, vm).Properties(e.ctx, vm, []string{"name", "config", "summary"}, &live))
	if live.Name != "" || live.Config != nil || live.Summary.Config.Name != "" {
		t.Errorf("a live read says %q, %v", live.Name, live.Config)
	}
	_, err := object.NewVirtualMachine(e.client.Client, vm).Destroy(e.ctx)
	wantFault[*types.TaskInProgress](t, err)
	second, err := e.submit("a")
	e.must(err)
	if fault := wantFault[*types.DuplicateName](t, second.Wait(e.ctx)); fault.Object != vm {
		t.Errorf("the name belongs to %s, want %s", fault.Object, vm)
	}
	e.must(e.control.Restart(e.ctx, 0, control.TasksFinish))
	e.client = e.login("user", "pass")
	got := e.truth("a")
	if got.MoRef != vm.Value || got.PowerState != "poweredOff" || got.Stamp != "s1" || got.Path != "/DC0/vm/group/a" {
		t.Errorf("when whole: %+v", got)
	}
	for _, entry := range e.journal(since) {
		if entry.VM != nil && entry.VM.MoRef == vm.Value && (entry.VM.Name == "") != (entry.VM.Stamp == "") {
			t.Errorf("neither made nor whole: %s", entry)
		}
	}
}

func TestVisibleBecomesWhole(t *testing.T) {
	e := start(t, sim.Options{Visible: sim.VisibleStart, CloneDelay: 200 * time.Millisecond})
	w := e.watchFolder()
	w.next()
	vm, _ := w.embryo("a")
	w.until("its name and stamp", func() bool { // nothing else changes, as it stays off
		return w.value(vm, "name") == "a" &&
			w.value(vm, stampPath) != nil && w.value(vm, "config.template") == false
	})
	var enters int
	for _, kind := range w.kinds {
		if kind == "enter "+vm.Value {
			enters++
		}
	}
	if enters != 1 {
		t.Errorf("it came %d times: %v", enters, w.kinds)
	}
}

func TestVisibleVanishes(t *testing.T) {
	e := start(t, sim.Options{Visible: sim.VisibleStart, CloneDelay: endless, CancelEffective: true})
	w := e.watchFolder()
	w.next()
	vm, task := w.embryo("a")
	req := types.CancelTask{This: task.Reference()}
	_, err := methods.CancelTask(e.ctx, e.client, &req)
	e.must(err)
	wantFault[*types.RequestCanceled](t, task.Wait(e.ctx))
	w.until("that it vanishes", func() bool { return !w.has(vm) })
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	if len(vms) != 1 {
		t.Errorf("left: %+v", vms)
	}
	e.must(e.control.SetCloneDelay(e.ctx, 0))
	e.clone("a") // the name is free again
}

func TestVisibleInAFolderThatGoes(t *testing.T) {
	e := start(t, sim.Options{Visible: sim.VisibleStart, CloneDelay: endless})
	w := e.watchFolder()
	w.next()
	w.embryo("a")
	e.must(e.control.RemoveFolder(e.ctx, "group"))
	since := e.now()
	e.must(e.control.Restart(e.ctx, 0, control.TasksFinish))
	end := find(t, e.journal(since), "end of the clone", func(e control.Entry) bool { return e.Kind == control.EntryCloneEnd })
	if end.Clone.Fault != "ManagedObjectNotFound" || end.Clone.Result != "" {
		t.Errorf("the clone ended with %+v", end.Clone)
	}
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	if len(vms) != 1 {
		t.Errorf("left: %+v", vms)
	}
}

func TestVisibleTwins(t *testing.T) {
	e := start(t, sim.Options{Visible: sim.VisibleStart, Reserve: sim.ReserveEnd, CloneDelay: endless})
	w := e.watchFolder()
	w.next()
	w.embryo("a")
	w.embryo("a")
	if e.count("") != 2 {
		t.Errorf("%d virtual machines without a name, want 2", e.count(""))
	}
	e.must(e.control.Restart(e.ctx, 0, control.TasksFinish))
	if e.count("a") != 1 || e.count("") != 0 {
		t.Errorf("%d virtual machines, and %d without a name", e.count("a"), e.count(""))
	}
}

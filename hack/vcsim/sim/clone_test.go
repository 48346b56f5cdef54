package sim_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// endless is a clone delay that no test waits for.
const endless = time.Hour

func TestCloneAppliesConfig(t *testing.T) {
	e := start(t, sim.Options{})
	e.clone("a", extra("vmgroup.stamp", "s1"), func(s *types.VirtualMachineCloneSpec) {
		s.PowerOn = true
		s.Config.NumCPUs, s.Config.MemoryMB = 3, 2048
		s.Config.InstanceUuid = "0b5d3c3e-6f6e-4a64-9d0c-0d7b8d3a6c11"
		s.Config.Annotation = "note"
	})
	got := e.truth("a")
	want := control.VM{
		MoRef: got.MoRef, Name: "a", Path: "/DC0/vm/group/a", Folder: e.folder.Value,
		Pool: got.Pool, Cluster: "DC0_C0", Host: got.Host,
		InstanceUUID: "0b5d3c3e-6f6e-4a64-9d0c-0d7b8d3a6c11", Stamp: "s1", Annotation: "note",
		PowerState: "poweredOn", ConnectionState: "connected", NumCPU: 3, MemoryMB: 2048,
		Disks: e.truth("template").Disks, DiskKiB: []int64{10 << 20}, DiskParents: []string{""},
		Datastores: []string{"LocalDS_0"},
		NICs:       []control.NIC{{Key: 4000, MAC: e.mac(e.vm("a")), Network: "VM Network", Connected: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(want.Disks) != 1 {
		t.Errorf("disks of the template: %v", want.Disks)
	}
}

func TestCloneInheritsExtraConfig(t *testing.T) {
	e := start(t, sim.Options{})
	e.clone("a", extra("vmgroup.stamp", "s1"), extra("other", "kept"))
	if _, err := e.control.CloneVM(e.ctx, "a", "copy"); err != nil {
		t.Fatal(err)
	}
	copied, original := e.truth("copy"), e.truth("a")
	if copied.Stamp != "s1" {
		t.Errorf("stamp of the copy: %q", copied.Stamp)
	}
	if copied.InstanceUUID == original.InstanceUUID {
		t.Error("the copy has the original's instanceUuid")
	}
	task, err := e.submitFrom(e.vm("a"), "b", extra("vmgroup.stamp", "s2"))
	e.must(err)
	e.must(task.Wait(e.ctx))
	if got := e.truth("b").Stamp; got != "s2" {
		t.Errorf("the request's stamp does not override the source's: %q", got)
	}
}

func TestCloneSameNameAgainHasNewIdentity(t *testing.T) {
	e := start(t, sim.Options{})
	e.clone("a")
	first := e.truth("a")
	e.must(e.control.DestroyVM(e.ctx, "a"))
	e.clone("a")
	if second := e.truth("a"); second.InstanceUUID == first.InstanceUUID || second.MoRef == first.MoRef {
		t.Errorf("two virtual machines of one name, one after the other, have one identity: %+v", second)
	}
}

func TestCloneDuplicateName(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.clone("a")
	task, err := e.submit("a")
	e.must(err)
	duplicate := wantFault[*types.DuplicateName](t, task.Wait(e.ctx))
	if duplicate.Object != vm || duplicate.Name != "a" {
		t.Errorf("fault %+v", duplicate)
	}
}

func TestCloneDuplicateNameWhileRunning(t *testing.T) {
	e := start(t, sim.Options{CloneDelay: endless})
	_, err := e.submit("a")
	e.must(err)
	for range 2 {
		_, err := e.submit("a")
		e.must(err)
	}
	// Which of the three has the name is not said; two fail while it is still being made.
	failed := 0
	for failed < 2 && e.ctx.Err() == nil {
		failed = e.states()["error"]
	}
	if got := e.count("a"); got != 0 {
		t.Errorf("%d virtual machines before the delay has passed", got)
	}
}

// states counts the clone tasks by state.
func (e *env) states() map[string]int {
	e.t.Helper()
	tasks, err := e.control.Tasks(e.ctx)
	e.must(err)
	out := make(map[string]int)
	for _, task := range tasks {
		if task.DescriptionID == "VirtualMachine.cloneVm" {
			out[task.State]++
		}
	}
	return out
}

func TestCloneConcurrentSameName(t *testing.T) {
	e := start(t, sim.Options{})
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			task, err := e.submit("a")
			if err == nil {
				err = task.Wait(e.ctx)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantFault[*types.DuplicateName](t, err)
	}
	if won != 1 || e.count("a") != 1 {
		t.Errorf("%d clones succeeded, %d virtual machines", won, e.count("a"))
	}
}

func TestCloneDelayIsParallel(t *testing.T) {
	e := start(t, sim.Options{CloneDelay: endless})
	for i := range 8 {
		_, err := e.submit(fmt.Sprintf("vm-%d", i)) // would hang if one waited for another
		e.must(err)
	}
	for e.states()["running"] < 8 && e.ctx.Err() == nil {
	}
	e.must(e.ctx.Err())
	// The template can be read meanwhile.
	_, err := object.NewVirtualMachine(e.client.Client, e.template).ObjectName(e.ctx)
	e.must(err)
}

func TestCloneIntoFolderThatGoes(t *testing.T) {
	for _, stock := range []bool{true, false} {
		t.Run(fmt.Sprintf("stock=%v", stock), func(t *testing.T) {
			e := start(t, sim.Options{CloneDelay: 300 * time.Millisecond})
			task, err := e.submit("a")
			e.must(err)
			if stock {
				e.must(e.control.RemoveFolder(e.ctx, "group"))
			} else {
				e.must(e.unregisterAndDestroy(e.folder))
			}
			gone := wantFault[*types.ManagedObjectNotFound](t, task.Wait(e.ctx))
			if gone.Obj != e.folder {
				t.Errorf("fault names %s, want the folder", gone.Obj)
			}
		})
	}
}

func TestCloneRefusesWhatDoesNotExist(t *testing.T) {
	e := start(t, sim.Options{})
	bogus := types.ManagedObjectReference{Type: "Datastore", Value: "datastore-0"}
	_, err := e.submit("a", func(s *types.VirtualMachineCloneSpec) { s.Location.Datastore = &bogus })
	if gone := wantFault[*types.ManagedObjectNotFound](t, err); gone.Obj != bogus {
		t.Errorf("fault names %s", gone.Obj)
	}
	task, err := e.submit("a", func(s *types.VirtualMachineCloneSpec) { s.Location.Pool = nil })
	e.must(err)
	wantFault[*types.InvalidArgument](t, task.Wait(e.ctx)) // a template has no pool of its own
	e.must(e.control.RemoveTemplate(e.ctx, "template"))
	_, err = e.submit("a")
	wantFault[*types.ManagedObjectNotFound](t, err)
}

func TestCloneSeveralTemplatesIntoOneFolder(t *testing.T) {
	const templates, clones = 4, 6
	var names []string
	for i := range templates {
		names = append(names, fmt.Sprintf("template-%d", i))
	}
	e := start(t, sim.Options{Templates: names})
	var wg sync.WaitGroup
	for i, name := range names {
		source := e.vm(name)
		wg.Go(func() {
			for j := range clones {
				task, err := e.submitFrom(source, fmt.Sprintf("vm-%d-%d", i, j))
				if err == nil {
					err = task.Wait(e.ctx)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	// Whoever looks for a name in the folder meanwhile meets virtual machines that have none yet.
	index := object.NewSearchIndex(e.client.Client)
	for e.count("vm-3-5") == 0 && !t.Failed() && e.ctx.Err() == nil {
		_, err := index.FindByInventoryPath(e.ctx, "/DC0/vm/group/nobody")
		e.must(err)
	}
	wg.Wait()
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	made := 0
	for _, vm := range vms {
		if strings.HasPrefix(vm.Name, "vm-") {
			made++
		}
	}
	if made != templates*clones {
		t.Errorf("%d virtual machines, want %d", made, templates*clones)
	}
}

func TestCancelClone(t *testing.T) {
	for _, effective := range []bool{false, true} {
		t.Run(fmt.Sprintf("effective=%v", effective), func(t *testing.T) {
			delay := 200 * time.Millisecond
			if effective {
				delay = endless
			}
			e := start(t, sim.Options{CloneDelay: delay, CancelEffective: effective})
			task, err := e.submit("a")
			e.must(err)
			req := types.CancelTask{This: task.Reference()}
			_, err = methods.CancelTask(e.ctx, e.client, &req)
			e.must(err)
			wantFault[*types.RequestCanceled](t, task.Wait(e.ctx))
			if effective {
				if e.count("a") != 0 {
					t.Error("the virtual machine appeared")
				}
				return
			}
			for e.count("a") == 0 && e.ctx.Err() == nil {
			}
			e.must(e.ctx.Err())
		})
	}
}

func (e *env) unregisterAndDestroy(folder types.ManagedObjectReference) error {
	req := types.UnregisterAndDestroy_Task{This: folder}
	res, err := methods.UnregisterAndDestroy_Task(e.ctx, e.client, &req)
	if err != nil {
		return err
	}
	return object.NewTask(e.client.Client, res.Returnval).Wait(e.ctx)
}

func TestUnregisterAndDestroy(t *testing.T) {
	e := start(t, sim.Options{})
	e.clone("a")
	inner, err := e.control.CreateFolder(e.ctx, "group/inner")
	e.must(err)
	_, err = e.control.AddForeignVM(e.ctx, "group/inner", "b")
	e.must(err)
	e.must(e.control.PowerOn(e.ctx, "b"))
	wantFault[*types.InvalidState](t, e.unregisterAndDestroy(e.folder))
	if e.count("a") != 1 {
		t.Error("a was unregistered by a task that failed")
	}
	e.must(e.control.PowerOff(e.ctx, "b"))
	e.must(e.unregisterAndDestroy(e.folder))
	folders, err := e.control.Folders(e.ctx)
	e.must(err)
	for _, f := range folders {
		if f.MoRef == e.folder.Value || f.MoRef == inner {
			t.Errorf("%s is still there", f.Path)
		}
	}
	if e.count("a")+e.count("b") != 0 {
		t.Error("virtual machines are still in the inventory")
	}
	wantFault[*types.ManagedObjectNotFound](t, e.unregisterAndDestroy(e.folder))
	violations, err := e.control.Violations(e.ctx)
	e.must(err)
	if len(violations) != 0 {
		t.Errorf("violations: %v", violations)
	}
}

func TestFolderDestroyIsRecorded(t *testing.T) {
	e := start(t, sim.Options{})
	task, err := object.NewFolder(e.client.Client, e.folder).Destroy(e.ctx)
	e.must(err)
	e.must(task.Wait(e.ctx))
	violations, err := e.control.Violations(e.ctx)
	e.must(err)
	if len(violations) != 1 || violations[0].Name != "group" || violations[0].Method != "Folder.Destroy_Task" {
		t.Errorf("violations: %+v", violations)
	}
}

func TestCloneTaskTellsItsProgressAndItsEvent(t *testing.T) {
	e := start(t, sim.Options{CloneDelay: 10 * time.Second})
	task, err := e.submit("a")
	e.must(err)
	var info types.TaskInfo
	for info.Progress == 0 && e.ctx.Err() == nil {
		var o mo.Task
		e.must(property.DefaultCollector(e.client.Client).RetrieveOne(e.ctx, task.Reference(), []string{"info"}, &o))
		info = o.Info
	}
	if info.State != types.TaskInfoStateRunning || info.Progress >= 100 {
		t.Errorf("%s, %d %%", info.State, info.Progress)
	}
	events, err := event.NewManager(e.client.Client).QueryEvents(e.ctx, types.EventFilterSpec{EventChainId: info.EventChainId})
	e.must(err)
	if len(events) != 1 || events[0].(*types.VmBeingClonedEvent).DestName != "a" {
		t.Errorf("events of the task's chain: %v", events)
	}
}

package vim

import (
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

type deaf struct{}

func (deaf) Notify(vsphere.GroupID) {}

func (deaf) NotifyAll() {}

// testConn is a connection and the VCenter that it belongs to.
type testConn struct {
	*connection
	v *VCenter
}

func testConnection(t *testing.T) *testConn {
	t.Helper()
	v, err := New(Config{
		Endpoint: "host", Owner: testOwner, Notifier: deaf{},
		Credentials: func() (string, string, error) { return "", "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &testConn{newConnection(v.shared, nil, func(error) {}), v}
	c.site = testSite
	return c
}

func beginClone(t *testing.T, c *testConn) pendingTask {
	t.Helper()
	id, err := c.v.tracker.Begin(vsphere.GroupID{UID: testUID}, vsphere.Request{Kind: vsphere.OperationClone, Name: "web-0"})
	if err != nil {
		t.Fatal(err)
	}
	c.v.pending.begin(id, "group-3")
	return pendingTask{what: "Clone VM web-0", kind: vsphere.OperationClone, id: id}
}

func taskUpdate(changes ...types.PropertyChange) types.ObjectUpdate {
	return types.ObjectUpdate{Kind: types.ObjectUpdateKindModify, Obj: taskRef("task-1"), ChangeSet: changes}
}

func TestATaskThatEndsBeforeItsSubmissionIsAnswered(t *testing.T) {
	c := testConnection(t)
	op := beginClone(t, c)
	c.tracker.CloneTaskFound("task-1") // a sweep has found it
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess), assign(propTaskResult, vmRef("vm-1"))), &inventory.Changes{})
	if n := c.tracker.ClonesToCome(testUID); n != 0 {
		t.Errorf("%d clones to come", n)
	}
	c.submitted(t.Context(), op, taskRef("task-1"))
	if landed := c.v.tracker.Awaited(); len(landed) != 1 || landed[0].Operation.VM != "vm-1" {
		t.Errorf("landed: %+v", landed)
	}
}

func TestATaskThatEndsAfterASweepHasReadItIsNotToCome(t *testing.T) {
	for _, state := range []types.TaskInfoState{types.TaskInfoStateSuccess, types.TaskInfoStateError} {
		c := testConnection(t)
		c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
		c.addCloneTask("task-1") // it goes on, and is ours
		c.applyTask(taskUpdate(assign(propTaskState, state), assign(propTaskResult, vmRef("vm-1")),
			assign(propTaskError, types.LocalizedMethodFault{Fault: &types.NoDiskSpace{}})), &inventory.Changes{})
		c.addCloneTask("task-1") // a sweep has read it while it went on
		if n := c.v.tracker.ClonesToCome(testUID); n != 0 {
			t.Errorf("%s: %d clones to come, whose end nobody will tell", state, n)
		}
		c.addCloneTask("task-2")
		if n := c.v.tracker.ClonesToCome(testUID); n != 1 {
			t.Errorf("%s: %d clones to come, want the other task", state, n)
		}
	}
}

// asking is a notifier that looks at what is pending, as a sync does that it wakes.
type asking struct {
	deaf
	pending *pendingTasks
	free    []bool
}

func (a *asking) NotifyAll() {
	free := a.pending.mu.TryLock()
	if free {
		a.pending.mu.Unlock()
	}
	a.free = append(a.free, free)
}

func TestASubmissionNotifiesWithNoLockHeld(t *testing.T) {
	notifier := &asking{}
	v, err := New(Config{
		Endpoint: "host", Owner: testOwner, Notifier: notifier,
		Credentials: func() (string, string, error) { return "", "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	notifier.pending = v.pending
	c := &testConn{newConnection(v.shared, nil, func(error) {}), v}
	op := beginClone(t, c)
	v.tracker.CloneTaskFound("task-1")
	c.submitted(t.Context(), op, taskRef("task-1")) // the last clone to come is none
	if !slices.Equal(notifier.free, []bool{true}) {
		t.Errorf("notified with the lock free: %v, want once, and free", notifier.free)
	}
}

// The end of a task may be told while its submission is being recorded.
func TestATaskThatEndsOrVanishesWhileItsSubmissionIsRecorded(t *testing.T) {
	c := testConnection(t)
	op := beginClone(t, c)
	c.v.tracker.Submitted(op.id, "task-1")
	fault := types.LocalizedMethodFault{Fault: &types.NoDiskSpace{}}
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateError), assign(propTaskError, fault)), &inventory.Changes{})
	c.submitted(t.Context(), op, taskRef("task-1"))
	ops, failures := c.v.tracker.Of(testUID)
	if len(ops) != 0 || len(failures) != 1 || failures[0].Err.Class != vsphere.ClassExhausted {
		t.Errorf("operations %+v, failures %+v", ops, failures)
	}

	c = testConnection(t)
	id, err := c.v.tracker.Begin(vsphere.GroupID{UID: testUID}, vsphere.Request{Kind: vsphere.OperationDestroy, VM: "vm-1"})
	if err != nil {
		t.Fatal(err)
	}
	c.v.tracker.Lost("task-1")
	c.v.tracker.AlreadyDone(id)
	c.submitted(t.Context(), pendingTask{kind: vsphere.OperationDestroy, id: id, vm: "vm-1"}, taskRef("task-1"))
	if c.v.pending.destroying("vm-1") {
		t.Error("should the VM leave, nobody would verify that it is gone")
	}
}

func TestATaskThatTellsItsResultBeforeItsState(t *testing.T) {
	c := testConnection(t)
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
	c.applyTask(taskUpdate(assign(propTaskResult, vmRef("vm-1"))), &inventory.Changes{})
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess)), &inventory.Changes{})
	if landed := c.tracker.Awaited(); len(landed) != 1 || landed[0].Operation.VM != "vm-1" {
		t.Errorf("landed: %+v", landed)
	}
	// Told again, it changes nothing.
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess)), &inventory.Changes{})
	if landed := c.tracker.Awaited(); len(landed) != 1 {
		t.Errorf("landed: %+v", landed)
	}
}

func TestACloneThatDoesNotTellItsVMIsLookedFor(t *testing.T) {
	c := testConnection(t)
	op := beginClone(t, c)
	c.submitted(t.Context(), op, taskRef("task-1"))
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess)), &inventory.Changes{})
	if unknowns := c.v.tracker.Unknowns(); len(unknowns) != 1 || c.v.pending.folderOf(unknowns[0].ID) != "group-3" {
		t.Errorf("unknown: %+v", unknowns)
	}
}

func TestATaskThatVanishesIsOfUnknownOutcome(t *testing.T) {
	c := testConnection(t)
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
	c.applyTask(types.ObjectUpdate{Kind: types.ObjectUpdateKindLeave, Obj: taskRef("task-1")}, &inventory.Changes{})
	if unknowns := c.v.tracker.Unknowns(); len(unknowns) != 1 {
		t.Errorf("unknown: %+v", unknowns)
	}
}

func TestATaskThatIsGivenUpIsForgotten(t *testing.T) {
	c := testConnection(t)
	op := vsphere.Request{Kind: vsphere.OperationDestroy, VM: "vm-1"}
	id, err := c.v.tracker.Begin(vsphere.GroupID{UID: testUID}, op)
	if err != nil {
		t.Fatal(err)
	}
	c.submitted(t.Context(), pendingTask{kind: op.Kind, id: id, vm: op.VM}, taskRef("task-1"))
	// The tracker drops it past its deadline, so it comes off the list, and its end is never told.
	c.v.pending.unlisted([]types.ManagedObjectReference{taskRef("task-1")})
	if len(c.v.pending.byTask) > 0 || c.v.pending.destroying("vm-1") {
		t.Error("should the VM leave, nobody would verify that it is gone")
	}
}

func TestAlreadyDone(t *testing.T) {
	on, off := types.VirtualMachinePowerStatePoweredOn, types.VirtualMachinePowerStatePoweredOff
	powerOn, destroy := pendingTask{kind: vsphere.OperationPowerOn, vm: "vm-1"}, pendingTask{kind: vsphere.OperationDestroy, vm: "vm-1"}
	for _, tt := range []struct {
		name  string
		op    pendingTask
		fault types.BaseMethodFault
		want  bool
	}{
		{"on, and it is", powerOn, &types.InvalidPowerState{RequestedState: on, ExistingState: on}, true},
		{"on, and it is not", powerOn, &types.InvalidPowerState{RequestedState: on, ExistingState: off}, false},
		{"destroyed while on", destroy, &types.InvalidPowerState{RequestedState: off, ExistingState: on}, false},
		{"destroyed, and it is gone", destroy, &types.ManagedObjectNotFound{Obj: vmRef("vm-1")}, true},
		{"destroyed, and something else is gone", destroy, &types.ManagedObjectNotFound{Obj: vmRef("vm-2")}, false},
	} {
		if got := alreadyDone(tt.op, tt.fault); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// The end of a task that is nobody's waits for the answer to its submission: not for that of another vCenter's, which gives
// its tasks the same names, and not for ever.
func TestTheEndOfATaskThatIsNobodysIsForgotten(t *testing.T) {
	ended := taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess), assign(propTaskResult, vmRef("vm-1")))
	for name, meanwhile := range map[string]func(c *testConn, clock *clocktesting.FakeClock){
		"another vCenter answers": func(c *testConn, _ *clocktesting.FakeClock) { c.v.pending.reset() },
		"much time has passed": func(c *testConn, clock *clocktesting.FakeClock) {
			clock.Step(earlyFor + time.Second)
			c.applyTask(types.ObjectUpdate{Obj: taskRef("task-2"), ChangeSet: ended.ChangeSet}, &inventory.Changes{})
		},
	} {
		c := testConnection(t)
		clock := clocktesting.NewFakeClock(time.Now())
		c.v.cfg.Clock = clock
		c.applyTask(ended, &inventory.Changes{})
		meanwhile(c, clock)
		op := beginClone(t, c)
		c.submitted(t.Context(), op, taskRef("task-1"))
		if tasks := c.v.tracker.Tasks(); !slices.Equal(tasks, []vsphere.Ref{"task-1"}) {
			t.Errorf("%s: in flight %v, want task-1, which has not ended", name, tasks)
		}
	}
}

// What was said of a task that never came on the list is forgotten like all others.
func TestWhatWasSaidOfATaskIsForgotten(t *testing.T) {
	c := scripted(t, &script{})
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess)), &inventory.Changes{})
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-2"))
	if err := c.listTasks(t.Context()); err != nil || len(c.tasks.told) > 0 {
		t.Errorf("%v; told: %v", err, c.tasks.told)
	}
}

package operations_test

import (
	"slices"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// A request whose answer was lost may still be on its way when a look shows nothing: the group must not be let go yet.
func TestLostRequestCounts(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(f *fixture)
		want int
	}{
		"while it may arrive":  {func(f *fixture) { f.pass(operations.ArrivesWithin - time.Second) }, 1},
		"until it is too old":  {func(f *fixture) { f.pass(operations.ArrivesWithin + time.Second) }, 0},
		"until its VM is seen": {func(f *fixture) { f.Seen("a", "vm-1", "a-0") }, 0},
		"another VM is seen":   {func(f *fixture) { f.Seen("a", "vm-1", "a-1") }, 1},
		"another vCenter":      {func(f *fixture) { f.Reset() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 2)
			id := f.begin("a", clone("a-0"))
			f.Refused(id, failure(vsphere.ClassUnknown))
			f.NotFound(id)
			f.wantOperations("a")
			f.heard()
			row.end(f)
			f.Overdue()
			if got := f.ClonesToCome("a"); got != row.want {
				t.Errorf("%d clones to come, want %d", got, row.want)
			}
			if f.ClonesToCome("b") != 0 {
				t.Error("it counts for another group")
			}
		})
	}
}

func TestLostRequestWakesItsGroup(t *testing.T) {
	f := newFixture(t, 2)
	id := f.begin("a", clone("a-0"))
	f.Refused(id, failure(vsphere.ClassUnknown))
	f.NotFound(id)
	f.heard()
	f.pass(operations.ArrivesWithin + time.Second)
	f.Overdue()
	f.wantHeard("a")
}

// TestCancelledCloneCountsUntilSomebodyHasLooked: vCenter was only asked, and may make the VM after the task has ended.
func TestCancelledCloneCountsUntilSomebodyHasLooked(t *testing.T) {
	f := newFixture(t, 2)
	id := f.begin("a", clone("a-0"))
	f.Submitted(id, "task-1")
	f.Cancelled("task-1")
	if !f.Ended("task-1", "", failure(vsphere.ClassUnknown)) {
		t.Error("the task is not known")
	}
	ops, failures := f.Of("a")
	if len(ops) != 1 || !ops[0].Unknown || ops[0].Task != "" || len(failures) != 1 {
		t.Errorf("want one operation of unknown outcome and one failure, got %+v and %+v", ops, failures)
	}
	if got := f.Unknowns(); len(got) != 1 || got[0].ID != id {
		t.Errorf("nobody is asked to look: %+v", got)
	}
	f.NotFound(id)
	if ops, _ := f.Of("a"); len(ops) != 1 || len(f.Unknowns()) != 0 {
		t.Errorf("want one operation, which nobody is to look for, got %+v", ops)
	}
	f.pass(operations.ArrivesWithin - time.Second)
	f.Overdue()
	if ops, _ := f.Of("a"); len(ops) != 1 {
		t.Error("it counts no more, and its VM may still come")
	}
	f.heard()
	f.pass(2 * time.Second)
	f.Overdue()
	f.wantOperations("a")
	f.wantHeard("a")
}

// TestCancelledCloneWhoseVMComes stops counting when its VM is there.
func TestCancelledCloneWhoseVMComes(t *testing.T) {
	f := newFixture(t, 2)
	id := f.begin("a", clone("a-0"))
	f.Submitted(id, "task-1")
	f.Cancelled("task-1")
	f.Ended("task-1", "", failure(vsphere.ClassUnknown))
	f.NotFound(id)
	f.Seen("a", "vm-1", "a-0")
	f.wantOperations("a")
}

// TestCancelledTasks: a clone that an earlier process has cancelled counts for a while, once, and for every group.
func TestCancelledTasks(t *testing.T) {
	f := newFixture(t, 2)
	for range 2 {
		f.CloneTaskCancelled("task-1")
		if a, b := f.ClonesToCome("a"), f.ClonesToCome("b"); a != 1 || b != 1 {
			t.Errorf("%d and %d clones to come, want 1", a, b)
		}
	}
	if tasks := f.Tasks(); len(tasks) != 0 {
		t.Errorf("a task that has ended is watched: %v", tasks)
	}
	f.pass(operations.ArrivesWithin + time.Second)
	f.Overdue()
	f.CloneTaskCancelled("task-1")
	if got := f.ClonesToCome("a"); got != 0 {
		t.Errorf("%d clones to come, want none: it is over", got)
	}
	id := f.begin("a", clone("a-0"))
	f.Submitted(id, "task-2")
	f.Ended("task-2", "", failure(vsphere.ClassUnknown))
	f.CloneTaskCancelled("task-2")
	if got := f.ClonesToCome("b"); got != 0 {
		t.Errorf("%d clones to come, want none: it is an operation of a group", got)
	}
}

// TestATaskThatIsCancelledWhileItIsWatched counts once, as what it is by now, and its end does not make it count less.
func TestATaskThatIsCancelledWhileItIsWatched(t *testing.T) {
	f := newFixture(t, 2)
	f.CloneTaskFound("task-1")
	f.CloneTaskCancelled("task-1")
	f.CloneTaskEnded("task-1")
	f.CloneTaskFound("task-1") // read before it was cancelled
	if n, tasks := f.ClonesToCome("a"), f.Tasks(); n != 1 || len(tasks) != 0 {
		t.Errorf("%d clones to come, want 1; watched: %v", n, tasks)
	}
	f.wantHeard()
	f.pass(operations.ArrivesWithin + time.Second)
	f.Overdue()
	f.wantHeard("*")
	f.CloneTaskFound("task-1")
	if n := f.ClonesToCome("a"); n != 0 {
		t.Errorf("%d clones to come, want none: it is over", n)
	}
}

// TestAForgottenGroupHasNoCloneToCome but those that may be anybody's.
func TestAForgottenGroupHasNoCloneToCome(t *testing.T) {
	f := newFixture(t, 2)
	id := f.begin("a", clone("a-0"))
	f.Refused(id, failure(vsphere.ClassUnknown))
	f.NotFound(id)
	f.CloneTaskFound("task-1")
	if n := f.ClonesToCome("a"); n != 2 {
		t.Errorf("%d clones to come, want 2", n)
	}
	f.Forget("a")
	if n := f.ClonesToCome("a"); n != 1 {
		t.Errorf("%d clones to come, want the one that may be anybody's", n)
	}
}

// A task that was found is to be asked for until its end is known: the watch may not tell it.
func TestFoundUntilItEnds(t *testing.T) {
	f := newFixture(t, 2)
	f.CloneTaskFound("task-2")
	f.CloneTaskFound("task-1")
	f.CloneTaskCancelled("task-3")
	if got := f.Found(); !slices.Equal(got, []vsphere.Ref{"task-1", "task-2"}) {
		t.Errorf("found: %v", got)
	}
	f.CloneTaskEnded("task-1")
	f.Submitted(f.begin("a", clone("a-0")), "task-2") // it is the task of an operation, which knows its end
	if got := f.Found(); len(got) != 0 {
		t.Errorf("found: %v", got)
	}
}

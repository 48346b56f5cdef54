package tracker_test

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/tracker"
)

// A request whose answer was lost may still be on its way when a look shows nothing: the group must not be let go yet.
func TestLateRequestCounts(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(f *fixture)
		want int
	}{
		"while it may arrive":  {func(f *fixture) { f.pass(tracker.LateFor - time.Second) }, 1},
		"until it is too old":  {func(f *fixture) { f.pass(tracker.LateFor + time.Second) }, 0},
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
			if got := f.Strays("a"); got != row.want {
				t.Errorf("%d strays, want %d", got, row.want)
			}
			if f.Strays("b") != 0 {
				t.Error("it counts for another group")
			}
		})
	}
}

func TestLateRequestWakesItsGroup(t *testing.T) {
	f := newFixture(t, 2)
	id := f.begin("a", clone("a-0"))
	f.Refused(id, failure(vsphere.ClassUnknown))
	f.NotFound(id)
	f.heard()
	f.pass(tracker.LateFor + time.Second)
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
	if got := f.Strays("a"); got != 1 {
		t.Errorf("%d strays, want 1: its VM may still come", got)
	}
}

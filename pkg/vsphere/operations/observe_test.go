package operations_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// measured writes down what an observer is told.
type measured struct{ said []string }

func (m *measured) Began(kind vsphere.OperationKind, waited time.Duration) {
	m.said = append(m.said, fmt.Sprintf("%s after %s", kind, waited))
}

func (m *measured) Ended(kind vsphere.OperationKind, took time.Duration, class vsphere.Class) {
	m.said = append(m.said, fmt.Sprintf("%s took %s %s", kind, took, class))
}

func observed(t *testing.T, limit int) (*fixture, func(want ...string)) {
	f, m := newFixture(t, limit), &measured{}
	f.Tracker = operations.New(operations.Config{
		MaxClones: limit, MaxPower: limit, MaxDestroys: limit,
		CloneTimeout: cloneTimeout, Clock: f.clock, Notifier: f, Observer: m,
	})
	return f, func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, m.said); diff != "" {
			t.Errorf("measured (-want +got):\n%s", diff)
		}
		m.said = nil
	}
}

func TestEachEndIsMeasuredOnce(t *testing.T) {
	full := &vsphere.Error{Class: vsphere.ClassExhausted}
	lost := &vsphere.Error{Class: vsphere.ClassUnknown}
	for name, tc := range map[string]struct {
		end  func(f *fixture, id operations.ID, task vsphere.Ref)
		want []string
	}{
		"success, and then its VM is seen": {func(f *fixture, _ operations.ID, task vsphere.Ref) {
			f.Ended(task, "vm-1", nil)
			f.pass(time.Second)
			f.Seen("a", "vm-1", "a-0")
		}, []string{"Clone took 1m0s "}},
		"failure": {func(f *fixture, _ operations.ID, task vsphere.Ref) { f.Ended(task, "", full) }, []string{"Clone took 1m0s Exhausted"}},
		"failure of a group that is gone": {func(f *fixture, _ operations.ID, task vsphere.Ref) {
			f.Forget("a")
			f.Ended(task, "", full)
		}, []string{"Clone took 1m0s Exhausted"}},
		"cancelled, and then nothing is found": {func(f *fixture, id operations.ID, task vsphere.Ref) {
			f.Cancelled(task)
			f.Ended(task, "", lost)
			f.pass(time.Second)
			f.NotFound(id)
			f.pass(2 * operations.ArrivesWithin)
			f.Overdue()
		}, []string{"Clone took 1m0s UnknownOutcome"}},
		"lost, and then it is found": {func(f *fixture, id operations.ID, task vsphere.Ref) {
			f.Lost(task)
			f.pass(time.Second)
			f.Resolved(id)
		}, []string{"Clone took 1m1s UnknownOutcome"}},
		"lost, and then its task is found": {func(f *fixture, id operations.ID, task vsphere.Ref) {
			f.Lost(task)
			f.pass(time.Second)
			f.Submitted(id, "task-again")
			f.Ended("task-again", "vm-1", nil)
		}, []string{"Clone took 1m1s "}},
		"overdue, and then it succeeds": {func(f *fixture, _ operations.ID, task vsphere.Ref) {
			f.pass(cloneTimeout)
			f.Overdue()
			f.Ended(task, "vm-1", nil)
		}, []string{"Clone took 31m0s "}},
	} {
		t.Run(name, func(t *testing.T) {
			f, want := observed(t, 1)
			id, task := f.run("a", clone("a-0"))
			want("Clone after 0s")
			f.pass(time.Minute)
			tc.end(f, id, task)
			want(tc.want...)
		})
	}
}

func TestRefusalsAreMeasured(t *testing.T) {
	f, want := observed(t, 2)
	id, err := f.Begin(group("a"), request(power("vm-1"), ""))
	if err != nil {
		t.Fatal(err)
	}
	f.Refused(id, &vsphere.Error{Class: vsphere.ClassInvalid})
	want("PowerOff after 0s", "PowerOff took 0s Invalid")
	if id, err = f.Begin(group("a"), request(destroy("vm-1"), "")); err != nil {
		t.Fatal(err)
	}
	f.AlreadyDone(id)
	want("Destroy after 0s", "Destroy took 0s ")
}

func TestTheWaitForATurnIsMeasured(t *testing.T) {
	f, want := observed(t, 1)
	_, task := f.run("a", clone("a-0"))
	f.wantNoBudget("b", clone("b-0"))
	f.pass(time.Minute)
	f.wantNoBudget("b", clone("b-0")) // it goes on waiting
	f.pass(time.Minute)
	want("Clone after 0s")
	f.Ended(task, "", nil)
	want("Clone took 2m0s ")
	f.pass(time.Second)
	_, task = f.run("b", clone("b-0"))
	want("Clone after 2m1s")
	f.Ended(task, "", nil)
	_, task = f.run("b", clone("b-1"))
	want("Clone took 0s ", "Clone after 0s") // the line is empty

	f.wantNoBudget("c", clone("c-0"))
	f.Forget("c")
	f.wantNoBudget("d", clone("d-0"))
	f.Ended(task, "", nil)
	f.pass(grantFor) // d does not come
	f.run("c", clone("c-0"))
	want("Clone took 0s ", "Clone after 0s")
	f.pass(time.Hour)
	f.Ended(f.Tasks()[0], "", nil)
	f.run("d", clone("d-0"))
	want("Clone took 1h0m0s ", "Clone after 0s") // it did not want its turn: that was no wait
}

func TestInFlight(t *testing.T) {
	f, _ := observed(t, 3)
	_, task := f.run("a", clone("a-0"))
	f.run("a", clone("a-1"))
	f.run("b", destroy("vm-1"))
	_, lost := f.run("b", clone("b-0"))
	f.Lost(lost)
	count := func(clones, destroys int) {
		t.Helper()
		want := map[vsphere.OperationKind]int{}
		for _, kind := range vsphere.Kinds() {
			want[kind] = 0
		}
		want[vsphere.OperationClone], want[vsphere.OperationDestroy] = clones, destroys
		if diff := cmp.Diff(want, f.InFlight()); diff != "" {
			t.Errorf("in flight (-want +got):\n%s", diff)
		}
	}
	count(3, 1)
	f.Ended(task, "vm-2", nil) // its VM is still to be seen, but vCenter has done with it
	count(2, 1)
	f.Reset()
	count(0, 0)
}

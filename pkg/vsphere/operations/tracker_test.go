package operations_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	testclock "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

const cloneTimeout = 30 * time.Minute

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fixture is a tracker with a clock that stands still, and what it has notified.
type fixture struct {
	*operations.Tracker
	t     testing.TB
	clock *testclock.FakePassiveClock

	mu    sync.Mutex
	woken []string // UIDs; "*" is everybody
}

func newFixture(t testing.TB, limit int) *fixture {
	f := &fixture{t: t, clock: testclock.NewFakePassiveClock(start)}
	f.Tracker = operations.New(operations.Config{
		MaxClones: limit, MaxPower: limit, MaxDestroys: limit,
		CloneTimeout: cloneTimeout, Clock: f.clock, Notifier: f,
	})
	return f
}

func (f *fixture) Notify(g vsphere.GroupID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.woken = append(f.woken, g.UID)
}

func (f *fixture) NotifyAll() { f.Notify(vsphere.GroupID{UID: "*"}) }

// heard returns who was notified since it was last asked.
func (f *fixture) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	woken := f.woken
	f.woken = nil
	return woken
}

func (f *fixture) wantHeard(want ...string) {
	f.t.Helper()
	if got := f.heard(); !slices.Equal(got, want) {
		f.t.Errorf("notified %q, want %q", got, want)
	}
}

func (f *fixture) pass(d time.Duration) { f.clock.SetTime(f.clock.Now().Add(d)) }

func group(uid string) vsphere.GroupID {
	return vsphere.GroupID{Namespace: "default", Name: uid, UID: uid}
}

func clone(name string) vsphere.Operation {
	return vsphere.Operation{Kind: vsphere.OperationClone, Name: name}
}

func power(vm vsphere.Ref) vsphere.Operation {
	return vsphere.Operation{Kind: vsphere.OperationPowerOff, VM: vm}
}

func destroy(vm vsphere.Ref) vsphere.Operation {
	return vsphere.Operation{Kind: vsphere.OperationDestroy, VM: vm}
}

// request asks for an operation; clones are made from a template.
func request(op vsphere.Operation, template string) vsphere.Request {
	r := vsphere.Request{Kind: op.Kind, Name: op.Name, VM: op.VM}
	if op.Kind == vsphere.OperationClone {
		r.Clone = &vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{Template: template}}
	}
	return r
}

func failure(class vsphere.Class) *vsphere.Error {
	return &vsphere.Error{Class: class, Reason: "Test", Message: "it failed"}
}

// begin begins an operation that there must be a place for.
func (f *fixture) begin(uid string, op vsphere.Operation) operations.ID {
	f.t.Helper()
	id, err := f.Begin(group(uid), request(op, "r1"))
	if err != nil {
		f.t.Fatalf("begin %s of %s%s for %s: %v", op.Kind, op.Name, op.VM, uid, err)
	}
	return id
}

// wantNoBudget expects that there is no place for an operation.
func (f *fixture) wantNoBudget(uid string, op vsphere.Operation) {
	f.t.Helper()
	if _, err := f.Begin(group(uid), request(op, "r1")); !errors.Is(err, vsphere.ErrNoBudget) {
		f.t.Fatalf("begin %s of %s%s for %s: got %v, want ErrNoBudget", op.Kind, op.Name, op.VM, uid, err)
	}
}

// run begins an operation and records its task, which has the operation's own name.
func (f *fixture) run(uid string, op vsphere.Operation) (operations.ID, vsphere.Ref) {
	f.t.Helper()
	id := f.begin(uid, op)
	task := vsphere.Ref(fmt.Sprintf("task-%s-%s%s", op.Kind, op.Name, op.VM))
	f.Submitted(id, task)
	return id, task
}

func (f *fixture) wantOperations(uid string, want ...vsphere.Operation) {
	f.t.Helper()
	got, _ := f.Of(uid)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(vsphere.Operation{}, "Started", "SpecHash")); diff != "" {
		f.t.Errorf("operations of %s (-want +got):\n%s", uid, diff)
	}
}

// wantFailures expects the group's failures, written as "Kind Name or VM Class Count".
func (f *fixture) wantFailures(uid string, want ...string) {
	f.t.Helper()
	_, failures := f.Of(uid)
	var got []string
	for _, f := range failures {
		got = append(got, fmt.Sprintf("%s %s%s %s %d", f.Kind, f.Name, f.VM, f.Err.Class, f.Count))
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.t.Errorf("failures of %s (-want +got):\n%s", uid, diff)
	}
}

func TestBeginTwice(t *testing.T) {
	f := newFixture(t, 4)
	f.run("a", clone("a-0"))
	f.run("a", power("vm-1"))
	for _, op := range []vsphere.Operation{clone("a-0"), power("vm-1"), destroy("vm-1")} {
		if _, err := f.Begin(group("a"), request(op, "r1")); vsphere.ClassOf(err) != vsphere.ClassConflict || errors.Is(err, vsphere.ErrNoBudget) {
			t.Errorf("begin %s of %s%s again: got %v, want a conflict", op.Kind, op.Name, op.VM, err)
		}
	}
	f.run("b", clone("a-0")) // another group's folder is another place
}

func TestOperationUntilItsEnd(t *testing.T) {
	f := newFixture(t, 4)
	id := f.begin("a", clone("a-0"))
	f.wantOperations("a", clone("a-0"))
	f.Submitted(id, "task-1")
	running := clone("a-0")
	running.Task = "task-1"
	f.wantOperations("a", running)
	ops, _ := f.Of("a")
	if !ops[0].Started.Equal(start) {
		t.Errorf("started at %s, want %s", ops[0].Started, start)
	}
	if got := f.Tasks(); !slices.Equal(got, []vsphere.Ref{"task-1"}) {
		t.Errorf("tasks are %q", got)
	}
	f.wantHeard()
	if f.Ended("task-2", "", nil) {
		t.Error("a task of nobody is said to be known")
	}
	if !f.Ended("task-1", "vm-1", nil) {
		t.Error("the task is said to be unknown")
	}
	f.wantHeard("a")
	if got := f.Tasks(); len(got) != 0 {
		t.Errorf("tasks are %q, want none", got)
	}
}

func TestAwaitedCloneCountsUntilItsVMIsSeenOrGone(t *testing.T) {
	for name, leave := range map[string]func(f *fixture){
		"seen": func(f *fixture) { f.Seen("a", "vm-1", "a-0") },
		"gone": func(f *fixture) { f.Gone("vm-1") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			_, task := f.run("a", clone("a-0"))
			f.Ended(task, "vm-1", nil)
			f.begin("b", clone("b-0")) // it holds no place any more
			awaited := clone("a-0")
			awaited.VM, awaited.Task = "vm-1", task
			f.wantOperations("a", awaited)
			if got := f.Awaited(); len(got) != 1 || got[0].Operation.VM != "vm-1" || got[0].Group != group("a") {
				t.Errorf("awaited is %+v", got)
			}
			f.Seen("a", "vm-2", "a-0")
			f.Gone("vm-2")
			f.wantOperations("a", awaited)
			f.heard()
			leave(f)
			f.wantOperations("a")
			f.wantHeard("a")
			if f.pass(2 * cloneTimeout); len(f.Awaited()) != 0 {
				t.Error("it is still awaited")
			}
		})
	}
}

func TestAwaitedCloneIsNeverOverdue(t *testing.T) {
	f := newFixture(t, 1)
	_, task := f.run("a", clone("a-0"))
	f.Ended(task, "vm-1", nil)
	f.pass(2 * cloneTimeout)
	if got := f.Overdue(); len(got) != 0 {
		t.Errorf("overdue are %+v", got)
	}
}

func TestUnknownOutcomeOfAClone(t *testing.T) {
	lose := map[string]func(f *fixture){
		"answer lost": func(f *fixture) { f.Refused(f.begin("a", clone("a-0")), failure(vsphere.ClassUnknown)) },
		"task lost": func(f *fixture) {
			_, task := f.run("a", clone("a-0"))
			f.Lost(task)
			f.wantHeard("a")
		},
	}
	for name, lose := range lose {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			lose(f)
			unknown := clone("a-0")
			unknown.Unknown = true
			f.wantOperations("a", unknown)
			f.wantFailures("a")
			f.wantNoBudget("b", clone("b-0")) // it may be running
			pending := f.Unknowns()
			if len(pending) != 1 || pending[0].Operation.Name != "a-0" || pending[0].Group != group("a") {
				t.Fatalf("unknown are %+v", pending)
			}
			f.Resolved(pending[0].ID)
			f.wantOperations("a")
			f.wantHeard("a", "b")
			f.begin("b", clone("b-0"))
		})
	}
	t.Run("its task is found", func(t *testing.T) {
		f := newFixture(t, 1)
		id := f.begin("a", clone("a-0"))
		f.Refused(id, failure(vsphere.ClassUnknown))
		f.Submitted(id, "task-1")
		running := clone("a-0")
		running.Task = "task-1"
		f.wantOperations("a", running)
		if got := f.Unknowns(); len(got) != 0 {
			t.Errorf("unknown are %+v", got)
		}
		f.Ended("task-1", "", failure(vsphere.ClassTransient))
		f.wantOperations("a")
	})
}

func TestUnknownOutcomeOfOthersIsAFailure(t *testing.T) {
	f := newFixture(t, 1)
	f.Refused(f.begin("a", power("vm-1")), failure(vsphere.ClassUnknown))
	f.wantOperations("a")
	f.wantFailures("a", "PowerOff vm-1 UnknownOutcome 1")
	_, task := f.run("a", power("vm-1"))
	f.Lost(task)
	f.wantOperations("a")
	f.wantFailures("a", "PowerOff vm-1 UnknownOutcome 2")
	f.wantHeard("a")
}

func TestOverdueClone(t *testing.T) {
	f := newFixture(t, 1)
	_, task := f.run("a", clone("a-0"))
	f.wantNoBudget("b", clone("b-0"))
	f.pass(cloneTimeout - 1)
	if got := f.Overdue(); len(got) != 0 {
		t.Fatalf("overdue too early: %+v", got)
	}
	f.pass(1)
	got := f.Overdue()
	if len(got) != 1 || got[0].Operation.Name != "a-0" || got[0].Operation.Task != task || !got[0].Operation.Overdue {
		t.Fatalf("overdue are %+v", got)
	}
	f.wantHeard("a", "b")
	if again := f.Overdue(); len(again) != 0 {
		t.Errorf("overdue for a second time: %+v", again)
	}
	overdue := clone("a-0")
	overdue.Task, overdue.Overdue = task, true
	f.wantOperations("a", overdue) // counts, for cancelling is a hint
	f.begin("b", clone("b-0"))     // but holds no place
	f.Ended(task, "vm-1", nil)
	f.Seen("a", "vm-1", "a-0")
	f.wantOperations("a")
	f.wantNoBudget("c", clone("c-0")) // its place was given back once, not twice
}

func TestOverdueOthers(t *testing.T) {
	f := newFixture(t, 1)
	_, task := f.run("a", power("vm-1"))
	f.begin("a", destroy("vm-2"))
	f.pass(operations.ShortTimeout)
	if got := f.Overdue(); len(got) != 0 {
		t.Errorf("nothing is to be cancelled, got %+v", got)
	}
	f.wantOperations("a")
	f.wantFailures("a", "Destroy vm-2 UnknownOutcome 1", "PowerOff vm-1 UnknownOutcome 1")
	f.wantHeard("a", "a")
	if f.Ended(task, "", nil) {
		t.Error("the task is still known")
	}
	f.begin("b", power("vm-3"))
	f.begin("b", destroy("vm-4"))
}

func TestFoundCloneTasks(t *testing.T) {
	for name, end := range map[string]func(f *fixture){
		"ended":   func(f *fixture) { f.Ended("task-1", "", nil) },
		"failed":  func(f *fixture) { f.Ended("task-1", "", failure(vsphere.ClassTransient)) },
		"lost":    func(f *fixture) { f.Lost("task-1") },
		"claimed": func(f *fixture) { f.Submitted(f.begin("a", clone("a-0")), "task-1") },
		"expired": func(f *fixture) { f.pass(cloneTimeout + 1); f.Overdue() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			f.CloneTaskFound("task-1")
			f.pass(time.Second)
			f.CloneTaskFound("task-1") // found again: neither another one, nor a later deadline
			if f.ClonesToCome("a") != 1 || !slices.Equal(f.Tasks(), []vsphere.Ref{"task-1"}) {
				t.Fatalf("%d clones to come, tasks %q", f.ClonesToCome("a"), f.Tasks())
			}
			f.pass(cloneTimeout - time.Second)
			f.Overdue()
			f.wantHeard()
			end(f)
			if f.ClonesToCome("a") != 0 {
				t.Errorf("%d clones to come, want none", f.ClonesToCome("a"))
			}
			f.wantHeard("*") // whoever waits for the last one
		})
	}
	t.Run("only the last one wakes", func(t *testing.T) {
		f := newFixture(t, 1)
		f.CloneTaskFound("task-1")
		f.CloneTaskFound("task-2")
		f.Ended("task-2", "", nil)
		f.wantHeard()
		f.Ended("task-1", "", nil)
		f.wantHeard("*")
	})
	t.Run("a task of ours is none", func(t *testing.T) {
		f := newFixture(t, 1)
		_, task := f.run("a", clone("a-0"))
		f.CloneTaskFound(task)
		if f.ClonesToCome("a") != 0 {
			t.Errorf("%d clones to come, want none", f.ClonesToCome("a"))
		}
	})
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	f := newFixture(t, 4)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			uid := fmt.Sprint(i)
			for n := range 200 {
				id, err := f.Begin(group(uid), request(clone("x"), "r1"))
				if err != nil {
					continue
				}
				task, vm := vsphere.Ref(fmt.Sprintf("task-%d-%d", i, n)), vsphere.Ref(fmt.Sprintf("vm-%d-%d", i, n))
				f.Submitted(id, task)
				f.Of(uid)
				f.Overdue()
				f.Ended(task, vm, nil)
				f.Seen(uid, vm, "x")
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		f.wantOperations(fmt.Sprint(i))
	}
}

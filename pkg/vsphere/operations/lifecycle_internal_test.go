package operations

import (
	"fmt"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestTransitions tries each state after each. Those that doc.go draws are made, all others are a bug that nobody overlooks.
func TestTransitions(t *testing.T) {
	drawn := map[string]bool{
		"submitting to running": true, "submitting to unknown": true, "submitting to awaiting": true, "submitting to done": true,
		"running to unknown": true, "running to awaiting": true, "running to done": true,
		"unknown to running": true, "unknown to awaiting": true, "unknown to done": true,
		"awaiting to done": true,
	}
	states := []state{submitting, running, unknown, awaiting, done}
	for _, from := range states {
		for _, to := range states {
			name := fmt.Sprintf("%s to %s", from, to)
			t.Run(name, func(t *testing.T) {
				tr := newTestTracker()
				id, err := tr.Begin(vsphere.GroupID{UID: "uid-1"}, vsphere.Request{Kind: vsphere.OperationClone, Name: "a"})
				if err != nil {
					t.Fatal(err)
				}
				o := tr.ops[id]
				o.state = from
				if made := tryMove(tr, o, to); made != drawn[name] || (o.state == to) != (made || from == to) {
					t.Errorf("made: %t, and it is %s", made, o.state)
				}
			})
		}
	}
}

// TestEndingsByKind: what has nothing to be seen is done with its task, whatever it was about.
func TestEndingsByKind(t *testing.T) {
	for _, kind := range vsphere.Kinds() {
		info, _ := kind.Info()
		tr := newTestTracker()
		id, err := tr.Begin(vsphere.GroupID{UID: "uid-1"}, vsphere.Request{Kind: kind, Name: "a", VM: "vm-1"})
		if err != nil {
			t.Fatal(err)
		}
		if info.HasTask() {
			tr.Submitted(id, "task-1")
			tr.Ended("task-1", "vm-1", nil)
		} else {
			tr.Accepted(id)
		}
		if counts := tr.ops[id] != nil; counts != (info.Ends == vsphere.ByObservation) {
			t.Errorf("%s counts after the end of its task: %t", kind, counts)
		}
		if b := tr.budgets[info.Budget]; b.inUse != 0 {
			t.Errorf("%s takes a place after the end of its task, or without one", kind)
		}
	}
}

func TestAKindWithoutARowTakesNoPlace(t *testing.T) {
	tr := newTestTracker()
	if _, err := tr.Begin(vsphere.GroupID{UID: "uid-1"}, vsphere.Request{Kind: "Unheard", VM: "vm-1"}); vsphere.ClassOf(err) != vsphere.ClassInvalid {
		t.Errorf("got %v, want ClassInvalid", err)
	}
	for name, b := range tr.budgets {
		if b.inUse != 0 {
			t.Errorf("it takes a place of %s", name)
		}
	}
}

// TestEveryKindHasABudget that is counted.
func TestEveryKindHasABudget(t *testing.T) {
	tr := newTestTracker()
	for _, kind := range vsphere.Kinds() {
		if info, _ := kind.Info(); tr.budgets[info.Budget] == nil || tr.budgets[info.Budget].limit == 0 {
			t.Errorf("%s has the budget %q, which nobody counts", kind, info.Budget)
		}
	}
}

func newTestTracker() *Tracker {
	clock := testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return New(Config{MaxClones: 1, MaxPower: 1, MaxDestroys: 1, CloneTimeout: time.Hour, Clock: clock, Notifier: deaf{}})
}

// tryMove reports whether a transition is made.
func tryMove(tr *Tracker, o *operation, to state) (made bool) {
	defer func() {
		if recover() != nil {
			made = false
		}
	}()
	tr.move(o, to)
	return true
}

package operations_test

import (
	"errors"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// wanted is what reconfigurations of these tests are to bring about.
var wanted = vsphere.Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"}

// seen is vm-1 of a group, on, as changes make it.
func seen(uid string, changes ...func(*vsphere.VM)) vsphere.VM {
	vm := vsphere.VM{
		Ref: "vm-1", Name: "a-0", Configured: true, InstanceUUID: "i", Power: vsphere.PoweredOn,
		Stamp: &vsphere.Stamp{UID: uid, Instance: "i", Revision: "2:old"},
	}
	for _, change := range changes {
		change(&vm)
	}
	return vm
}

func off(vm *vsphere.VM) { vm.Power = vsphere.PoweredOff }

func resized(vm *vsphere.VM) {
	vm.CPU, vm.MemoryMiB, vm.Stamp.Revision = wanted.CPU, wanted.MemoryMiB, wanted.Revision
}

func hidden(vm *vsphere.VM) { vm.Configured = false }

func copied(vm *vsphere.VM) { vm.InstanceUUID = "another" }

// on returns the request for an operation on vm-1.
func on(kind vsphere.OperationKind) vsphere.Request {
	r := vsphere.Request{Kind: kind, VM: "vm-1"}
	if kind == vsphere.OperationReconfigure {
		r.Resize = &wanted
	}
	return r
}

// begun begins an operation on vm-1 for group a.
func (f *fixture) begun(kind vsphere.OperationKind) operations.ID {
	f.t.Helper()
	id, err := f.Begin(group("a"), on(kind))
	if err != nil {
		f.t.Fatalf("begin %s: %v", kind, err)
	}
	f.heard()
	return id
}

// wantUnderWay expects the kinds of the operations of group a.
func (f *fixture) wantUnderWay(want ...vsphere.OperationKind) {
	f.t.Helper()
	ops, _ := f.Of("a")
	same := len(ops) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = ops[i].Kind == want[i]
	}
	if !same {
		f.t.Errorf("under way: %+v, want %v", ops, want)
	}
}

// TestWhatIsObservedEndsAnOperation: the numbers are those of the rules of Observed.
func TestWhatIsObservedEndsAnOperation(t *testing.T) {
	accepted := func(f *fixture, id operations.ID) { f.Accepted(id) }
	running := func(f *fixture, id operations.ID) { f.Submitted(id, "task-1") }
	ended := func(f *fixture, id operations.ID) { f.Submitted(id, "task-1"); f.Ended("task-1", "", nil) }
	lost := func(f *fixture, id operations.ID) { f.Refused(id, failure(vsphere.ClassUnknown)) }
	for name, tt := range map[string]struct {
		kind  vsphere.OperationKind
		so    func(*fixture, operations.ID) // how far it is; nil: being submitted
		vm    vsphere.VM
		ends  bool
		class vsphere.Class // with which it is measured then
	}{
		"1: a power-off ends by its task":                      {"PowerOff", running, seen("a", off), false, ""},
		"1: a shutdown that is being submitted":                {"Shutdown", nil, seen("a", off), false, ""},
		"1: a reconfiguration that is being submitted":         {"Reconfigure", nil, seen("a", resized), false, ""},
		"2: nothing is known of a VM that is shut down":        {"Shutdown", accepted, seen("a", off, hidden), false, ""},
		"2: nothing is known of a VM that is reconfigured":     {"Reconfigure", ended, seen("a", resized, hidden), false, ""},
		"3: a VM that is shut down is another group's":         {"Shutdown", accepted, seen("b"), true, vsphere.ClassConflict},
		"3: a VM that is shut down is a copy":                  {"Shutdown", accepted, seen("a", copied), true, vsphere.ClassConflict},
		"3: a VM that was reconfigured is another group's":     {"Reconfigure", ended, seen("b", resized), true, ""},
		"3: a VM that is reconfigured is another group's":      {"Reconfigure", running, seen("b", resized), false, ""},
		"5: a VM that is shut down is on":                      {"Shutdown", accepted, seen("a"), false, ""},
		"5: a VM that is shut down is off":                     {"Shutdown", accepted, seen("a", off), true, ""},
		"5: it is off, and the answer was lost":                {"Shutdown", lost, seen("a", off), true, ""},
		"5: a VM was reconfigured, and is not seen so":         {"Reconfigure", ended, seen("a"), false, ""},
		"5: a VM was reconfigured, and is seen so":             {"Reconfigure", ended, seen("a", resized), true, ""},
		"5: it is seen so before its task has ended":           {"Reconfigure", running, seen("a", resized), true, ""},
		"5: it is seen so, and the answer was lost":            {"Reconfigure", lost, seen("a", resized), true, vsphere.ClassUnknown},
		"5: it is not seen so, and the answer was lost":        {"Reconfigure", lost, seen("a"), false, ""},
		"5: it is off and not resized, and being reconfigured": {"Reconfigure", running, seen("a", off), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, m := newFixture(t, 1), &measured{}
			f.Tracker = operations.New(operations.Config{
				MaxClones: 1, MaxPower: 1, MaxDestroys: 1, CloneTimeout: cloneTimeout, Clock: f.clock, Notifier: f, Observer: m,
			})
			id := f.begun(tt.kind)
			if tt.so != nil {
				tt.so(f, id)
			}
			f.heard()
			f.Observed(tt.vm)
			if !tt.ends {
				f.wantUnderWay(tt.kind)
				f.wantHeard()
				return
			}
			f.wantUnderWay()
			f.wantHeard("a")
			f.wantFailures("a")
			if last := m.said[len(m.said)-1]; last != string(tt.kind)+" took 0s "+string(tt.class) {
				t.Errorf("measured %q", m.said)
			}
		})
	}
}

func TestAShutdownHoldsItsPlaceForTheSubmissionOnly(t *testing.T) {
	f := newFixture(t, 1)
	id := f.begun(vsphere.OperationShutdown)
	f.wantNoBudget("b", power("vm-2"))
	f.Accepted(id)
	f.wantHeard("b")
	f.run("b", power("vm-2"))
	if ops, _ := f.Of("a"); len(ops) != 1 || !ops[0].Started.Equal(start) || ops[0].Unknown {
		t.Errorf("under way: %+v", ops)
	}
	if n := f.InFlight()[vsphere.OperationShutdown]; n != 1 {
		t.Errorf("%d are in flight, want the one whose guest has not gone", n)
	}
}

func TestAPowerOffTakesThePlaceOfAShutdown(t *testing.T) {
	f := newFixture(t, 1)
	f.Accepted(f.begun(vsphere.OperationShutdown))
	for _, kind := range []vsphere.OperationKind{
		vsphere.OperationShutdown, vsphere.OperationPowerOn, vsphere.OperationReset, vsphere.OperationReconfigure, vsphere.OperationDestroy,
	} {
		_, err := f.Begin(group("a"), on(kind))
		if e, ok := errors.AsType[*vsphere.Error](err); !ok || e.Reason != vsphere.ReasonUnderWay {
			t.Errorf("%s beside it: %v", kind, err)
		}
	}
	refused := f.begun(vsphere.OperationPowerOff)
	f.Refused(refused, failure(vsphere.ClassTransient))
	f.wantUnderWay(vsphere.OperationShutdown)
	if _, err := f.Begin(group("a"), on(vsphere.OperationDestroy)); err == nil {
		t.Error("the power-off was refused, and the VM is taken for idle")
	}
	taken := f.begun(vsphere.OperationPowerOff)
	f.wantUnderWay(vsphere.OperationPowerOff, vsphere.OperationShutdown)
	f.Submitted(taken, "task-1")
	f.wantUnderWay(vsphere.OperationPowerOff)
	if _, err := f.Begin(group("a"), on(vsphere.OperationPowerOff)); err == nil {
		t.Error("the VM is switched off twice")
	}
	f.Ended("task-1", "", nil)
	f.wantUnderWay()
	f.begun(vsphere.OperationDestroy)
}

// TestAPowerOffIsSeenBeforeItsAnswer: rule 4 of Observed.
func TestAPowerOffIsSeenBeforeItsAnswer(t *testing.T) {
	f, want := observed(t, 1)
	f.Accepted(f.begun(vsphere.OperationShutdown))
	want("Shutdown after 0s")
	powerOff := f.begun(vsphere.OperationPowerOff)
	want("PowerOff after 0s")
	f.Observed(seen("a"))
	f.wantUnderWay(vsphere.OperationPowerOff, vsphere.OperationShutdown)
	f.Observed(seen("a", off))
	want("Shutdown took 0s Conflict")
	f.wantHeard("a")
	f.wantUnderWay(vsphere.OperationPowerOff)
	f.Submitted(powerOff, "task-1")
	want()
	f.Ended("task-1", "", nil)
	want("PowerOff took 0s ")
}

// A power-off yields to nothing, and a shutdown only once vCenter has taken it.
func TestNothingElseYields(t *testing.T) {
	f := newFixture(t, 2)
	f.begun(vsphere.OperationShutdown)
	if _, err := f.Begin(group("a"), on(vsphere.OperationPowerOff)); vsphere.ClassOf(err) != vsphere.ClassConflict {
		t.Errorf("beside a shutdown that is being submitted: %v", err)
	}
	f.Reset()
	f.Submitted(f.begun(vsphere.OperationPowerOff), "task-1")
	if _, err := f.Begin(group("a"), on(vsphere.OperationPowerOff)); vsphere.ClassOf(err) != vsphere.ClassConflict {
		t.Errorf("beside a power-off: %v", err)
	}
}

// Whoever counts a grace period of a day finds the shutdown when it is over.
func TestAShutdownThatIsIgnoredIsOverSomeDay(t *testing.T) {
	f, want := observed(t, 1)
	f.Accepted(f.begun(vsphere.OperationShutdown))
	want("Shutdown after 0s")
	f.pass(24*time.Hour + time.Minute)
	f.Overdue()
	f.wantUnderWay(vsphere.OperationShutdown)
	f.pass(time.Hour)
	f.Overdue()
	f.wantUnderWay()
	f.wantHeard("a")
	f.wantFailures("a")
	want("Shutdown took 25h1m0s UnknownOutcome")
}

func TestAShutdownEndsWithItsVM(t *testing.T) {
	f, want := observed(t, 1)
	f.Accepted(f.begun(vsphere.OperationShutdown))
	want("Shutdown after 0s")
	f.Seen("a", "vm-1", "a-0") // it is there, which ends a clone only
	f.wantUnderWay(vsphere.OperationShutdown)
	f.Gone("vm-1")
	f.wantUnderWay()
	f.wantHeard("a")
	want("Shutdown took 0s Conflict")
}

// How a guest would not go is of no interest once its VM is off, by whatever operation.
func TestAPowerOffForgivesAShutdown(t *testing.T) {
	f := newFixture(t, 1)
	f.Refused(f.begun(vsphere.OperationShutdown), failure(vsphere.ClassConflict))
	f.wantFailures("a", "Shutdown vm-1 Conflict 1")
	f.Submitted(f.begun(vsphere.OperationPowerOn), "task-1")
	f.Ended("task-1", "", nil)
	f.wantFailures("a", "Shutdown vm-1 Conflict 1")
	f.Submitted(f.begun(vsphere.OperationPowerOff), "task-2")
	f.Ended("task-2", "", nil)
	f.wantFailures("a")
}

func TestAReconfigurationThatIsNotSeenIsOverSoon(t *testing.T) {
	f := newFixture(t, 1)
	f.Submitted(f.begun(vsphere.OperationReconfigure), "task-1")
	f.Ended("task-1", "", nil)
	if got := f.Unshown(); len(got) != 1 || got[0].Operation.VM != "vm-1" || len(f.Awaited()) != 0 {
		t.Errorf("to be read: %+v, and as VMs that were made: %+v", got, f.Awaited())
	}
	f.run("b", power("vm-2")) // it holds no place
	f.heard()
	f.pass(operations.ShownWithin)
	f.Overdue()
	f.wantUnderWay(vsphere.OperationReconfigure)
	f.pass(time.Second)
	f.Overdue()
	f.wantUnderWay()
	f.wantHeard("a")
	f.wantFailures("a")
}

func TestAReconfigurationOfUnknownOutcome(t *testing.T) {
	for name, lose := range map[string]func(f *fixture, id operations.ID){
		"its answer is lost": func(f *fixture, id operations.ID) { f.Refused(id, failure(vsphere.ClassUnknown)) },
		"its task is lost":   func(f *fixture, id operations.ID) { f.Submitted(id, "task-1"); f.Lost("task-1") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			id := f.begun(vsphere.OperationReconfigure)
			lose(f, id)
			f.heard()
			if got := f.Unknowns(); len(got) != 1 || !got[0].Operation.Unknown || got[0].Operation.VM != "vm-1" {
				t.Errorf("to be looked at: %+v", got)
			}
			f.wantFailures("a", "Reconfigure vm-1 UnknownOutcome 1") // the next attempt waits
			f.Resolved(id)
			f.wantUnderWay()
			f.wantHeard("a")
			f.wantFailures("a", "Reconfigure vm-1 UnknownOutcome 1")
			f.Submitted(f.begun(vsphere.OperationReconfigure), "task-2")
			f.Ended("task-2", "", nil)
			f.wantFailures("a")
		})
	}
}

func TestAReconfigurationThatFails(t *testing.T) {
	f := newFixture(t, 1)
	f.Submitted(f.begun(vsphere.OperationReconfigure), "task-1")
	f.Ended("task-1", "", failure(vsphere.ClassConflict))
	f.wantUnderWay()
	f.wantFailures("a", "Reconfigure vm-1 Conflict 1")
}

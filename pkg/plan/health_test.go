package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestResetThatHasFailed waits for the end of the back-off, and asks again after it.
func TestResetThatHasFailed(t *testing.T) {
	sick := func(in *Input) {
		in.Clocks.UnreadySince = map[vsphere.Ref]time.Time{vm(0).Ref: testNow.Add(-time.Hour)}
	}
	for name, tc := range map[string]struct {
		failed time.Duration // ago
		reset  bool
	}{
		"just now":    {0, false},
		"an hour ago": {time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			failure := ago(tc.failed, failed(vsphere.OperationReset, 0, vsphere.ClassTransient))
			p := Compute(input(group(3), vm(0, noTools), vm(1, tools), vm(2, tools)).with(
				spec(toolsMustRun), spec(healthy(v1alpha1.HealthReset)), sick, failures(failure)))
			reset := slices.ContainsFunc(p.Requests, func(r vsphere.Request) bool { return r.Kind == vsphere.OperationReset })
			if reset != tc.reset || !reset && (p.RetryAfter == 0 || p.RetryAfter > time.Minute) {
				t.Errorf("reset: %t, again after %s", reset, p.RetryAfter)
			}
		})
	}
}

// TestBeenReadyWhileItIsSwitched forgets that a VM has been ready while something switches it, and keeps it while its own clone
// ends, or while it is destroyed.
func TestBeenReadyWhileItIsSwitched(t *testing.T) {
	for kind, want := range map[vsphere.OperationKind]bool{
		vsphere.OperationPowerOn: false, vsphere.OperationPowerOff: false, vsphere.OperationReset: false, vsphere.OperationReconfigure: false,
		vsphere.OperationDestroy: true, vsphere.OperationClone: true,
	} {
		t.Run(string(kind), func(t *testing.T) {
			op := operation(kind, 0)
			if kind == vsphere.OperationClone {
				op = cloning(0)
			}
			p := Compute(input(group(1), vm(0, off)).with(hasDoneItsWork, operations(op)))
			if got := p.Clocks.BeenReady[vm(0).Ref]; got != want {
				t.Errorf("it is known to have been ready: %t", got)
			}
		})
	}
}

// TestHealthAloneReplacesNoVMThatIsOff powers it on: that a VM is off is the business of spec.power.
func TestHealthAloneReplacesNoVMThatIsOff(t *testing.T) {
	in := input(group(1), vm(0, off)).with(hasDoneItsWork, spec(func(s *v1alpha1.VmGroupSpec) { s.Power = nil }), spec(healthy(v1alpha1.HealthReplace)))
	if p := Compute(in); len(p.Requests) != 1 || p.Requests[0].Kind != vsphere.OperationPowerOn {
		t.Errorf("asked for: %+v", p.Requests)
	}
}

// TestTheSlotOfAVMThatWasHelped holds the next VM up only while it is to be filled.
func TestTheSlotOfAVMThatWasHelped(t *testing.T) {
	sick := func(in *Input) {
		in.Clocks.UnreadySince = map[vsphere.Ref]time.Time{vm(0).Ref: testNow.Add(-time.Hour)}
		in.Clocks.Helped = &Help{VM: "vm-gone", Slot: 7, Action: v1alpha1.HealthReplace}
	}
	for name, tc := range map[string]struct {
		replicas int32
		helped   bool
	}{
		"another VM is due":   {4, false},
		"all others are here": {3, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := Compute(input(group(tc.replicas), vm(0, noTools), vm(1, tools), vm(2, tools)).with(
				spec(toolsMustRun), spec(healthy(v1alpha1.HealthReset)), sick))
			helped := slices.ContainsFunc(p.Requests, func(r vsphere.Request) bool { return r.Kind == vsphere.OperationReset })
			if helped != tc.helped {
				t.Errorf("asked for: %+v", p.Requests)
			}
		})
	}
}

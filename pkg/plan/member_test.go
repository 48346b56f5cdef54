package plan

import (
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The numbers are those of the rules of stateIn.
func TestStateIn(t *testing.T) {
	powerOnFailed := failures(failed(vsphere.OperationPowerOn, 0, vsphere.ClassTransient))
	destroyFailed := failures(failed(vsphere.OperationDestroy, 0, vsphere.ClassInvalid))
	conflict := failed(vsphere.OperationPowerOn, 0, vsphere.ClassConflict)
	tests := map[string]struct {
		replicas int32 // 0: the VM is surplus
		vm       vsphere.VM
		given    []func(*Input)
		want     v1alpha1.VMState
		message  string
	}{
		"1: not readable":                                  {1, vm(0, unreadable), nil, v1alpha1.VMUnreachable, "no longer be read"},
		"1: host away":                                     {1, vm(0, disconnected), nil, v1alpha1.VMUnreachable, "disconnected"},
		"1: host away, failed and off":                     {1, vm(0, disconnected, off), []func(*Input){powerOnFailed}, v1alpha1.VMUnreachable, "disconnected"},
		"1: surplus and host away":                         {0, vm(0, disconnected), nil, v1alpha1.VMUnreachable, "disconnected"},
		"3: cannot be powered on":                          {1, vm(0, off), []func(*Input){powerOnFailed}, v1alpha1.VMFailed, "Transient"},
		"3: also while it is tried again":                  {1, vm(0, off), []func(*Input){powerOnFailed, operations(operation(vsphere.OperationPowerOn, 0))}, v1alpha1.VMFailed, "Transient"},
		"3: cannot be destroyed":                           {0, vm(0, off), []func(*Input){destroyFailed}, v1alpha1.VMFailed, "Invalid"},
		"3: a conflict that lasts":                         {1, vm(0, off), []func(*Input){failures(times(6, conflict))}, v1alpha1.VMFailed, "Conflict"},
		"2: it has done its work, and cannot be destroyed": {1, vm(0, off), []func(*Input){hasDoneItsWork, destroyFailed}, v1alpha1.VMCompleted, "found off after it had been ready; not removed: an error of class Invalid"},
		"2: it has done its work":                          {1, vm(0, off), []func(*Input){hasDoneItsWork}, v1alpha1.VMCompleted, "being removed"},
		"2: it has done its work, and is being destroyed":  {1, vm(0, off), []func(*Input){hasDoneItsWork, operations(operation(vsphere.OperationDestroy, 0))}, v1alpha1.VMCompleted, "being removed"},
		"2: it has done its work, held back":               {1, vm(0, off), []func(*Input){hasDoneItsWork, readOnly}, v1alpha1.VMCompleted, "found off after it had been ready, and is to be made anew"},
		"4: surplus":                                       {0, vm(0), nil, v1alpha1.VMDeleting, "being removed"},
		"4: surplus, outside the root folder":              {0, vm(0, outside), nil, v1alpha1.VMMoved, "it is to be removed, and lies in /dc1/vm/elsewhere, outside the root folder /dc1/vm/vmgroups, where nothing is removed"},
		"4: surplus, outside, off and failed before":       {0, vm(0, outside, off), []func(*Input){destroyFailed}, v1alpha1.VMMoved, "it is to be removed"},
		"4: surplus, failed in what is no longer wanted":   {0, vm(0, off), []func(*Input){powerOnFailed}, v1alpha1.VMDeleting, ""},
		"5: its clone has not ended":                       {1, vm(0, off), []func(*Input){operations(cloning(0))}, v1alpha1.VMPending, "being cloned"},
		"5: its clone is overdue":                          {1, vm(0, off), []func(*Input){operations(cloning(0, overdue))}, v1alpha1.VMPending, "deadline"},
		"6: off":                                           {1, vm(0, off), nil, v1alpha1.VMPoweredOff, "waiting"},
		"6: off, it does not stay on":                      {1, vm(0, off), []func(*Input){powerOns(0, 3, 10*time.Second)}, v1alpha1.VMPoweredOff, "3 times in a row; powered on again after 2026-01-02T03:04:35Z"},
		"6: off, that is waited out":                       {1, vm(0, off), []func(*Input){powerOns(0, 3, time.Minute)}, v1alpha1.VMPoweredOff, "waiting"},
		"6: suspended":                                     {1, vm(0, suspended), nil, v1alpha1.VMPoweredOff, "waiting"},
		"6: off, something under way":                      {1, vm(0, off), []func(*Input){operations(operation(vsphere.OperationPowerOn, 0))}, v1alpha1.VMPoweredOff, "being powered on"},
		"6: off, conflicts are settled quietly":            {1, vm(0, off), []func(*Input){failures(times(5, conflict))}, v1alpha1.VMPoweredOff, "waiting"},
		"6: off, outside the root folder":                  {1, vm(0, outside, off), nil, v1alpha1.VMPoweredOff, "it lies in /dc1/vm/elsewhere, outside the root folder /dc1/vm/vmgroups, where nothing is switched on"},
		"6: off, outside, who knows where":                 {1, vm(0, outside, off, func(v *vsphere.VM) { v.Parent, v.ParentPath = "", "" }), nil, v1alpha1.VMPoweredOff, "a place that cannot be read"},
		"6: surplus and off, but held back":                {0, vm(0, off), []func(*Input){readOnly}, v1alpha1.VMPoweredOff, ""},
		"7: elsewhere":                                     {1, vm(0, moved), nil, v1alpha1.VMMoved, "it was moved to /dc1/vm/vmgroups/attic"},
		"7: outside the root folder":                       {1, vm(0, outside), nil, v1alpha1.VMMoved, "it was moved to /dc1/vm/elsewhere, outside the root folder /dc1/vm/vmgroups"},
		"7: outside, surplus and held back":                {0, vm(0, outside), []func(*Input){readOnly}, v1alpha1.VMMoved, "it was moved to"},
		"7: elsewhere, who knows where":                    {1, vm(0, func(v *vsphere.VM) { v.Parent, v.ParentPath = "", "" }), nil, v1alpha1.VMMoved, "cannot be read"},
		"7: the folder is gone":                            {1, vm(0), []func(*Input){noFolder}, v1alpha1.VMMoved, testPath},
		"9: at work":                                       {1, vm(0), nil, v1alpha1.VMAvailable, ""},
		"9: at work, a failed power on is history":         {1, vm(0), []func(*Input){powerOnFailed}, v1alpha1.VMAvailable, ""},
		"9: at work, a failed destruction is history":      {1, vm(0), []func(*Input){destroyFailed}, v1alpha1.VMAvailable, ""},
		"9: at work, its clone is just ending":             {1, vm(0), []func(*Input){operations(cloning(0))}, v1alpha1.VMAvailable, ""},
		"9: at work, from an earlier spec":                 {1, vm(0, oldRevision), nil, v1alpha1.VMAvailable, "earlier spec"},
		"9: at work, from a newer controller":              {1, vm(0, func(v *vsphere.VM) { v.Stamp.Revision = "3:0a1b" }), nil, v1alpha1.VMAvailable, "newer version"},
		"9: at work, of another size":                      {1, vm(0, func(v *vsphere.VM) { v.CPU = 8 }), nil, v1alpha1.VMAvailable, "has 8 CPUs"},
		"9: at work, with another disk":                    {1, vm(0, diskOf(10)), []func(*Input){spec(disk(20))}, v1alpha1.VMAvailable, "2 CPUs, 4096 MiB and a disk of 10 GiB instead of 2, 4096 and 20 GiB"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(group(tc.replicas), tc.vm).with(tc.given...)
			m := Compute(in).members.ours[0]
			if m.state != tc.want || !strings.Contains(m.message, tc.message) || (tc.message == "" && m.state == v1alpha1.VMAvailable && m.message != "") {
				t.Errorf("got %s %q, want %s %q", m.state, m.message, tc.want, tc.message)
			}
			if m.state != v1alpha1.VMAvailable && m.message == "" {
				t.Error("no message says why it is not available")
			}
		})
	}
}

// hasDoneItsWork lets the VM of slot 0, which is off, be one that was ready before, in a group that makes such VMs anew.
func hasDoneItsWork(in *Input) {
	in.Group.Spec.Power = &v1alpha1.PowerSpec{OnPowerOff: ptr.To(v1alpha1.OnPowerOffReplace)}
	in.Clocks.BeenReady = map[vsphere.Ref]bool{in.Snapshot.VMs[0].Ref: true}
}

func TestNext(t *testing.T) {
	tests := map[string]struct {
		vm     vsphere.VM
		victim bool
		want   vsphere.OperationKind
	}{
		"surplus and off":        {vm(0, off), true, vsphere.OperationDestroy},
		"surplus and on":         {vm(0), true, vsphere.OperationPowerOff},
		"surplus and suspended":  {vm(0, suspended), true, vsphere.OperationPowerOff},
		"to stay and off":        {vm(0, off), false, vsphere.OperationPowerOn},
		"to stay and suspended":  {vm(0, suspended), false, vsphere.OperationPowerOn},
		"to stay and powered on": {vm(0), false, ""},
		"surplus, on, outside":   {vm(0, outside), true, ""},
		"surplus, off, outside":  {vm(0, off, outside), true, ""},
		"to stay, off, outside":  {vm(0, off, outside), false, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := member{vm: &tc.vm, victim: tc.victim}
			if got := m.next(); got != tc.want {
				t.Errorf("next() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAvailable(t *testing.T) {
	for name, tc := range map[string]struct {
		vm   vsphere.VM
		want bool
	}{
		"at work":      {vm(0), true},
		"moved":        {vm(0, moved), true},
		"outside":      {vm(0, outside), true},
		"off":          {vm(0, off), false},
		"suspended":    {vm(0, suspended), false},
		"host away":    {vm(0, disconnected), false},
		"not readable": {vm(0, unreadable), false},
		"a copy":       {vm(0, copied), false},
		"foreign":      {vm(0, foreign), false},
	} {
		t.Run(name, func(t *testing.T) {
			m := member{vm: &tc.vm, identity: vsphere.Identify(testOwner, testUID, tc.vm)}
			if got := m.available(); got != tc.want {
				t.Errorf("available() = %v, want %v", got, tc.want)
			}
		})
	}
}

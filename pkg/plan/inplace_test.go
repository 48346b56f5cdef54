package plan

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestTakesHot is about a VM that is on, and a size of 2 CPUs and 4096 MiB.
func TestTakesHot(t *testing.T) {
	for name, tc := range map[string]struct {
		vm   func(*vsphere.VM)
		want bool
	}{
		"nothing to change":                     {func(*vsphere.VM) {}, true},
		"a CPU more":                            {func(v *vsphere.VM) { v.CPU, v.CPUHotAdd = 1, true }, true},
		"a CPU more, without hot-add":           {func(v *vsphere.VM) { v.CPU, v.MemoryHotAdd = 1, true }, false},
		"a CPU less":                            {func(v *vsphere.VM) { v.CPU, v.CPUHotAdd = 4, true }, false},
		"memory":                                {func(v *vsphere.VM) { v.MemoryMiB, v.MemoryHotAdd = 2048, true }, true},
		"memory, without hot-add":               {func(v *vsphere.VM) { v.MemoryMiB, v.CPUHotAdd = 2048, true }, false},
		"memory, at the limit":                  {func(v *vsphere.VM) { v.MemoryMiB, v.MemoryHotAdd, v.MemoryHotAddLimitMiB = 2048, true, 4096 }, true},
		"memory, beyond the limit":              {func(v *vsphere.VM) { v.MemoryMiB, v.MemoryHotAdd, v.MemoryHotAddLimitMiB = 2048, true, 4095 }, false},
		"memory, by the increment":              {func(v *vsphere.VM) { v.MemoryMiB, v.MemoryHotAdd, v.MemoryHotAddIncrementMiB = 2048, true, 1024 }, true},
		"memory, between two increments":        {func(v *vsphere.VM) { v.MemoryMiB, v.MemoryHotAdd, v.MemoryHotAddIncrementMiB = 2048, true, 1000 }, false},
		"less memory":                           {func(v *vsphere.VM) { v.MemoryMiB, v.MemoryHotAdd = 8192, true }, false},
		"both, and only one of them can be hot": {func(v *vsphere.VM) { v.CPU, v.MemoryMiB, v.CPUHotAdd = 1, 2048, true }, false},
		"suspended":                             {suspended, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := vm(0, tc.vm)
			if got := targetOf(group(1)).takesHot(&v); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestAChangeThatHasFailed stays one of a VM that is on, unless vCenter says that the VM has to be off. It is tried again.
func TestAChangeThatHasFailed(t *testing.T) {
	small := func(v *vsphere.VM) { v.CPU, v.CPUHotAdd = 1, true }
	for name, tc := range map[string]struct {
		reason string
		want   vsphere.OperationKind // once the back-off is over
	}{
		"for want of room":               {"", vsphere.OperationReconfigure},
		"because the VM has to be off":   {vsphere.ReasonNotHotPluggable, vsphere.OperationPowerOff},
		"because somebody has been here": {vsphere.ReasonChangedMeanwhile, vsphere.OperationReconfigure},
	} {
		t.Run(name, func(t *testing.T) {
			failure := failed(vsphere.OperationReconfigure, 0, vsphere.ClassInvalid)
			failure.Err = &vsphere.Error{Class: vsphere.ClassInvalid, Reason: tc.reason, Message: "refused"}
			in := input(group(1), vm(0, small)).with(inPlace(v1alpha1.UpdateInPlaceOnly, nil), failures(failure))
			p := Compute(in)
			if tc.want == vsphere.OperationReconfigure && (len(p.Requests) > 0 || p.RetryAfter == 0) {
				t.Errorf("just now: %+v, again after %s", p.Requests, p.RetryAfter)
			}
			in.Now = in.Now.Add(time.Hour)
			if p := Compute(in); len(p.Requests) != 1 || p.Requests[0].Kind != tc.want {
				t.Errorf("asked for: %+v, want %s", p.Requests, tc.want)
			}
		})
	}
}

// TestAPowerCycleThatHasFailed leaves the VM on until the back-off is over, and looks again then.
func TestAPowerCycleThatHasFailed(t *testing.T) {
	in := input(group(1), vm(0, func(v *vsphere.VM) { v.CPU = 1 })).with(
		inPlace(v1alpha1.UpdateInPlaceOnly, nil), failures(failed(vsphere.OperationReconfigure, 0, vsphere.ClassInvalid)))
	p := Compute(in)
	if len(p.Requests) > 0 || p.RetryAfter == 0 {
		t.Fatalf("asked for %+v, again after %s", p.Requests, p.RetryAfter)
	}
	in.Now = in.Now.Add(p.RetryAfter)
	if p := Compute(in); len(p.Requests) != 1 || p.Requests[0].Kind != vsphere.OperationPowerOff || p.Requests[0].Resize == nil {
		t.Errorf("then asked for %+v", p.Requests)
	}
}

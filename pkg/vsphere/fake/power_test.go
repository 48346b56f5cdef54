package fake_test

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// oneOn makes a VM that is on.
func oneOn(t *testing.T) (*fake.VCenter, *fake.Client, vsphere.Ref) {
	t.Helper()
	vc, c, _, spec := setup(t, fake.Config{})
	spec.PowerOn = true
	if err := start(t, c, web, "a", spec); err != nil {
		t.Fatal(err)
	}
	vc.ResetCalls()
	return vc, c, snapshot(t, c).VMs[0].Ref
}

func TestAGuestThatIsHeldShutsDownWhenItIsReleased(t *testing.T) {
	vc, c, vm := oneOn(t)
	vc.Hold()
	if err := c.Start(t.Context(), web, on(vsphere.OperationShutdown, vm)); err != nil {
		t.Fatal(err)
	}
	if s := snapshot(t, c); len(s.Operations) != 1 || s.VMs[0].Power != vsphere.PoweredOn || len(vc.Running()) != 0 {
		t.Errorf("want a shutdown without a task, and the VM on: %+v", s)
	}
	vc.Release()
	if s := snapshot(t, c); len(s.Operations) != 0 || s.VMs[0].Power != vsphere.PoweredOff {
		t.Errorf("want the VM off: %+v", s)
	}
	wantCalls(t, vc, "StartShutdown a")
}

func TestAFaultOfAShutdown(t *testing.T) {
	vc, c, vm := oneOn(t)
	busy := &vsphere.Error{Class: vsphere.ClassTransient, Reason: vsphere.ReasonBusy, Message: "busy"}
	vc.Inject(fake.Fault{Method: fake.StartShutdown, Err: busy})
	if err := c.Start(t.Context(), web, on(vsphere.OperationShutdown, vm)); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Error(err)
	}
	if s := snapshot(t, c); len(s.Operations) != 0 || len(s.Failures) != 1 || s.VMs[0].Power != vsphere.PoweredOn {
		t.Errorf("want a failure, and the VM on: %+v", s)
	}
}

// What somebody changes between the read and the effect is not overruled.
func TestAReconfigurationOfWhatHasChanged(t *testing.T) {
	vc, c, vm := oneOn(t)
	vc.Hold()
	resize := vsphere.Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"}
	if err := c.Start(t.Context(), web, []vsphere.Request{{Kind: vsphere.OperationReconfigure, VM: vm, Resize: &resize}}); err != nil {
		t.Fatal(err)
	}
	vc.Update(vm, func(vm *vsphere.VM) { vm.CPU = 3 })
	vc.Release()
	s := snapshot(t, c)
	if len(s.Operations) != 0 || len(s.Failures) != 1 || s.Failures[0].Err.Reason != vsphere.ReasonChangedMeanwhile || s.VMs[0].CPU != 3 {
		t.Errorf("want a failure, and the VM as it was changed: %+v", s)
	}
	if calls := vc.Calls(); len(calls) != 1 || calls[0].Resize != resize {
		t.Errorf("calls: %+v", calls)
	}
}

package vim

import (
	"errors"
	"testing"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestTroubleWithAShutdown(t *testing.T) {
	on, off := types.VirtualMachinePowerStatePoweredOn, types.VirtualMachinePowerStatePoweredOff
	refused := func(f types.BaseMethodFault) error { return soap.WrapVimFault(f) }
	for _, tt := range []struct {
		name     string
		err      error
		class    vsphere.Class
		reason   string
		underWay bool
		recorded bool // as a failure
		verified bool
		power    vsphere.PowerState // in the inventory, afterwards
	}{
		{"vCenter has asked the guest", nil, "", "", true, false, false, vsphere.PoweredOn},
		{"the answer is lost", lostAnswer, vsphere.ClassUnknown, "OutcomeUnknown", true, false, true, vsphere.PoweredOn},
		{"vCenter is away", noAnswer, vsphere.ClassUnavailable, "VCenterUnreachable", false, false, false, vsphere.PoweredOn},
		{"the guard refuses", &callError{method: "ShutdownGuest", mutating: true, err: &guardError{errors.New("no lease")}},
			vsphere.ClassUnavailable, vsphere.ReasonWriteForbidden, false, false, false, vsphere.PoweredOn},
		{"nobody in the guest can be asked", refused(&types.ToolsUnavailable{}),
			vsphere.ClassConflict, vsphere.ReasonToolsUnavailable, false, true, false, vsphere.PoweredOn},
		{"it is off already", refused(&types.InvalidPowerState{RequestedState: on, ExistingState: off}), "", "", false, false, false, vsphere.PoweredOff},
		{"it is suspended", refused(&types.InvalidPowerState{RequestedState: on, ExistingState: types.VirtualMachinePowerStateSuspended}),
			vsphere.ClassTransient, vsphere.ReasonBusy, false, true, false, vsphere.PoweredOn},
		{"it is gone", goneFault(vmRef("vm-1")), vsphere.ClassConflict, vsphere.ReasonGone, false, true, true, vsphere.PoweredOn},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{fails: fails{"ShutdownGuest": {tt.err}}}
			c := scripted(t, s)
			modify(c.v.inv, "vm-1", assign(propPower, on))
			err := c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationShutdown, "vm-1"))
			wantClass(t, "Start", err, tt.class)
			if got := reasonOf(err); got != tt.reason || s.count("ShutdownGuest") != 1 {
				t.Errorf("reason %q, want %q; sent: %v", got, tt.reason, s.calls)
			}
			ops, failures := c.v.tracker.Of(testUID)
			if len(ops) > 0 != tt.underWay || len(failures) > 0 != tt.recorded {
				t.Errorf("operations %+v, failures %+v", ops, failures)
			}
			wantVerified(t, c, "vm-1", tt.verified)
			if got := get(c.v.inv, "vm-1").Power; got != tt.power {
				t.Errorf("it is %s in the inventory, want %s", got, tt.power)
			}
		})
	}
}

// A guest may be faster than the answer, and the watch has nothing to report after that.
func TestAGuestThatIsOffBeforeTheAnswer(t *testing.T) {
	var c *testConn
	c = syncedConnection(t, types.VirtualMachinePowerStatePoweredOn, func(_, _ soap.HasFault) error {
		modify(c.v.inv, "vm-1", assign(propPower, types.VirtualMachinePowerStatePoweredOff))
		return nil
	})
	wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationShutdown, "vm-1")), "")
	if ops, failures := c.v.tracker.Of(testUID); len(ops)+len(failures) > 0 {
		t.Errorf("operations %+v, failures %+v", ops, failures)
	}
}

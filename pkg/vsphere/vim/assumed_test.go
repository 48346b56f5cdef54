package vim

import (
	"io"
	"testing"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// A task of ours has switched a VM on, somebody has switched it off before the watch looked, and the watch has nothing to
// report. It is read, once, when the watch should have spoken.
func TestAPowerStateThatTheWatchDoesNotConfirm(t *testing.T) {
	off := types.VirtualMachinePowerStatePoweredOff
	reads := 0
	var trouble error
	c := syncedConnection(t, off, func(_, res soap.HasFault) error {
		reads++
		if trouble != nil {
			return trouble
		}
		props := []types.DynamicProperty{{Name: propPower, Val: off}}
		for _, change := range described("web-0", "group-3") {
			props = append(props, types.DynamicProperty{Name: change.Name, Val: change.Val})
		}
		res.(*methods.RetrievePropertiesExBody).Res = &types.RetrievePropertiesExResponse{Returnval: &types.RetrieveResult{
			Objects: []types.ObjectContent{{Obj: vmRef("vm-1"), PropSet: props}},
		}}
		return nil
	})
	now := c.v.cfg.Clock.Now()
	power := func() vsphere.PowerState { return get(c.v.inv, "vm-1").Power }

	c.v.inv.AssumePower("vm-1", vsphere.PoweredOn, now, &inventory.Changes{})
	if overdue, left := c.v.inv.AssumedPower(now.Add(-reportedWithin)); len(overdue) != 0 || !left {
		t.Errorf("the watch is given no time: %v, %t", overdue, left)
	}
	c.v.inv.AssumePower("vm-1", vsphere.PoweredOff, now.Add(-2*reportedWithin), &inventory.Changes{})
	c.v.inv.AssumePower("vm-1", vsphere.PoweredOn, now.Add(-2*reportedWithin), &inventory.Changes{})
	trouble = &callError{method: "RetrievePropertiesEx", err: io.ErrUnexpectedEOF}
	c.recheck(t.Context())
	if overdue, _ := c.v.inv.AssumedPower(now.Add(-reportedWithin)); reads != 1 || len(overdue) != 1 {
		t.Errorf("%d reads: one that failed is to be tried again: %v", reads, overdue)
	}
	trouble = nil
	c.recheck(t.Context())
	if reads != 2 || power() != vsphere.PoweredOff {
		t.Errorf("after %d reads it is %s in the inventory", reads, power())
	}
	c.recheck(t.Context())
	if reads != 2 {
		t.Error("it is read again and again")
	}
}

package vim

import (
	"io"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
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
	power := func() vsphere.PowerState {
		vm, _, _ := c.v.inv.get("vm-1")
		return vm.Power
	}

	c.v.inv.setPower("vm-1", vsphere.PoweredOn, now, &touched{})
	if overdue, left := c.v.inv.overdueAssumptions(now); len(overdue) != 0 || !left {
		t.Errorf("the watch is given no time: %v, %t", overdue, left)
	}
	c.v.inv.setPower("vm-1", vsphere.PoweredOff, now.Add(-2*reportedWithin), &touched{})
	c.v.inv.setPower("vm-1", vsphere.PoweredOn, now.Add(-2*reportedWithin), &touched{})
	trouble = &callError{method: "RetrievePropertiesEx", err: io.ErrUnexpectedEOF}
	c.recheck(t.Context())
	if overdue, _ := c.v.inv.overdueAssumptions(now); reads != 1 || len(overdue) != 1 {
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

func TestAPowerStateThatTheWatchConfirms(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	now := time.Now()
	inv.setPower("vm-1", vsphere.PoweredOn, now.Add(-time.Hour), &touched{})
	inv.update("vm-1", fromRoot, false, nil, &touched{})
	if overdue, _ := inv.overdueAssumptions(now); len(overdue) != 1 {
		t.Error("a report of something else confirms it")
	}
	on := assign(propPower, types.VirtualMachinePowerStatePoweredOn)
	inv.update("vm-1", fromRoot, false, []types.PropertyChange{on}, &touched{})
	if overdue, left := inv.overdueAssumptions(now); len(overdue) != 0 || left {
		t.Error("it is read although the watch has confirmed it")
	}
	inv.setPower("vm-1", vsphere.PoweredOn, now.Add(-time.Hour), &touched{})
	if overdue, left := inv.overdueAssumptions(now); len(overdue) != 0 || left {
		t.Error("what the watch has said before is read again")
	}
}

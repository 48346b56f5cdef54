package vim

import (
	"context"
	"testing"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// roundTripper answers calls in vCenter's place.
type roundTripper func(req, res soap.HasFault) error

func (r roundTripper) RoundTrip(_ context.Context, req, res soap.HasFault) error { return r(req, res) }

// syncedConnection is one that answers as the test says, with the VM vm-1 in the inventory.
func syncedConnection(t *testing.T, power types.VirtualMachinePowerState, answer roundTripper) *testConn {
	t.Helper()
	c := testConnection(t)
	c.client = &vim25.Client{RoundTripper: answer}
	c.v.inv = testInventory(clock.RealClock{})
	enter(c.v.inv, "vm-1", append(described("web-0", "group-3"), assign(propPower, power))...)
	c.v.setSynced(c.connection)
	return c
}

// The inventory says that it is on. Were it left so, the group would be woken at once and ask again, without end.
func TestWhatIsOffAlreadyIsNotedAsOff(t *testing.T) {
	off := types.VirtualMachinePowerStatePoweredOff
	c := syncedConnection(t, types.VirtualMachinePowerStatePoweredOn, func(_, _ soap.HasFault) error {
		return soap.WrapVimFault(&types.InvalidPowerState{RequestedState: off, ExistingState: off})
	})
	if err := c.v.Start(t.Context(), vsphere.GroupID{UID: testUID}, requestsOn(vsphere.OperationPowerOff, "vm-1")); err != nil {
		t.Fatal(err)
	}
	if vm, _, _ := c.v.inv.Get("vm-1"); vm.Power != vsphere.PoweredOff {
		t.Errorf("it is %s in the inventory", vm.Power)
	}
}

// The inventory says that it is off. Were it left so, it would be refused again and again, and never switched off.
func TestAVictimThatIsOnIsNotedAsOn(t *testing.T) {
	var sent bool
	c := syncedConnection(t, types.VirtualMachinePowerStatePoweredOff, func(req, res soap.HasFault) error {
		read, ok := res.(*methods.RetrievePropertiesExBody)
		if !ok {
			sent = true
			return soap.WrapVimFault(&types.NotSupported{})
		}
		props := []types.DynamicProperty{{Name: propPower, Val: types.VirtualMachinePowerStatePoweredOn}}
		for _, change := range described("web-0", "group-3") {
			props = append(props, types.DynamicProperty{Name: change.Name, Val: change.Val})
		}
		read.Res = &types.RetrievePropertiesExResponse{Returnval: &types.RetrieveResult{
			Objects: []types.ObjectContent{{Obj: vmRef("vm-1"), PropSet: props}},
		}}
		return nil
	})
	err := c.v.Start(t.Context(), vsphere.GroupID{UID: testUID}, requestsOn(vsphere.OperationDestroy, "vm-1"))
	if vsphere.ClassOf(err) != vsphere.ClassConflict || sent {
		t.Fatalf("sent %t: %v", sent, err)
	}
	if vm, _, _ := c.v.inv.Get("vm-1"); vm.Power != vsphere.PoweredOn {
		t.Errorf("it is %s in the inventory", vm.Power)
	}
}

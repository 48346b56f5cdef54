package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// powerOn submits one power-on.
func powerOn(ctx context.Context, c *connection, vm types.ManagedObjectReference) (types.ManagedObjectReference, error) {
	res, err := methods.PowerOnVM_Task(ctx, c.client, &types.PowerOnVM_Task{This: vm})
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return res.Returnval, nil
}

// powerOff submits one hard power-off.
func powerOff(ctx context.Context, c *connection, vm types.ManagedObjectReference) (types.ManagedObjectReference, error) {
	res, err := methods.PowerOffVM_Task(ctx, c.client, &types.PowerOffVM_Task{This: vm})
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return res.Returnval, nil
}

// reset submits one hard reset. vCenter refuses it for a VM that is not on.
func reset(ctx context.Context, c *connection, vm types.ManagedObjectReference) (types.ManagedObjectReference, error) {
	res, err := methods.ResetVM_Task(ctx, c.client, &types.ResetVM_Task{This: vm})
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return res.Returnval, nil
}

// submitPower submits one power operation and returns its task.
type submitPower func(ctx context.Context, c *connection, vm types.ManagedObjectReference) (types.ManagedObjectReference, error)

func startPower(submit submitPower) startOne {
	return func(c *connection, ctx context.Context, g vsphere.GroupID, r vsphere.Request) error {
		pending, err := c.beginPower(g, r)
		if err != nil {
			return err
		}
		task, err := submit(ctx, c, vmRef(r.VM))
		if err != nil {
			return c.powerRefused(pending, err)
		}
		c.submitted(ctx, pending, task)
		return nil
	}
}

// beginPower takes a place in the budget for what changes the power state of a VM, unless the inventory shows that it must not
// be done. What was moved a moment ago is bounded by the account's privileges alone: a read before each switch would not be.
func (c *connection) beginPower(g vsphere.GroupID, r vsphere.Request) (pendingTask, error) {
	vm, _, ok := c.inv.Get(r.VM)
	if !ok || vsphere.Identify(c.cfg.Owner, g.UID, vm) != vsphere.Ours {
		return pendingTask{}, notOurs(string(r.Kind), r.VM, vm)
	}
	what := fmt.Sprintf("%s of VM %s", r.Kind, vm.Name)
	vm.ParentPath, vm.UnderRoot = c.inv.Locate(vm.Parent)
	if err := outsideRoot(what, vm); err != nil {
		return pendingTask{}, err
	}
	if err := r.RefuseSwitch(vm); err != nil {
		return pendingTask{}, err
	}
	id, err := c.tracker.Begin(g, r)
	return pendingTask{what: what, name: vm.Name, kind: r.Kind, vm: r.VM, id: id}, err
}

// powerRefused records the answer of a call that was to change the power state of a VM. That it has that state is a success.
func (c *connection) powerRefused(pending pendingTask, err error) error {
	if f := faultOf(err); f != nil && alreadyDone(pending, f) {
		// Noted first: the group is woken now, and would ask for the same again.
		var ch inventory.Changes
		c.inv.AssumePower(pending.vm, pending.info().Power, c.cfg.Clock.Now(), &ch)
		c.tracker.AlreadyDone(pending.id)
		c.publish(&ch)
		return nil
	}
	failure := c.fail(pending.what, err)
	c.tracker.Refused(pending.id, failure)
	if isGone(err, vmRef(pending.vm)) || failure.Class == vsphere.ClassUnknown {
		c.queue.addVMs(pending.vm)
	}
	return failure
}

func notOurs(what string, ref vsphere.Ref, vm vsphere.VM) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonNotOurs,
		Message: fmt.Sprintf("%s of VM %s (%s): its stamp and instance do not show it to be this group's; it is left alone.", what, vm.Name, ref),
	}
}

package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
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

// submitPower submits one power operation and returns its task.
type submitPower func(ctx context.Context, c *connection, vm types.ManagedObjectReference) (types.ManagedObjectReference, error)

func startPower(submit submitPower) verb {
	return func(c *connection, ctx context.Context, g vsphere.GroupID, batch []vsphere.Request) error {
		return operations.Each(batch, func(r vsphere.Request) error { return c.startPower(ctx, g, r, submit) })
	}
}

func (c *connection) startPower(ctx context.Context, g vsphere.GroupID, r vsphere.Request, submit submitPower) error {
	ref := r.VM
	vm, _, ok := c.inv.Get(ref)
	if !ok || vsphere.Identify(c.cfg.Owner, g.UID, vm) != vsphere.Ours {
		return notOurs(string(r.Kind), ref, vm)
	}
	what := fmt.Sprintf("%s of VM %s", r.Kind, vm.Name)
	// What was moved a moment ago is bounded by the account's privileges alone: a read before each switch would not be.
	vm.ParentPath, vm.UnderRoot = c.inv.Locate(vm.Parent)
	if err := outsideRoot(what, vm); err != nil {
		return err
	}
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return err
	}
	pending := pendingTask{what: what, name: vm.Name, kind: r.Kind, vm: ref, id: id}
	task, err := submit(ctx, c, vmRef(ref))
	if err == nil {
		c.submitted(ctx, pending, task)
		return nil
	}
	if f := faultOf(err); f != nil && alreadyDone(pending, f) {
		// Noted first: the group is woken now, and would ask for the same again.
		var ch inventory.Changes
		c.inv.AssumePower(ref, pending.info().Power, c.cfg.Clock.Now(), &ch)
		c.tracker.AlreadyDone(pending.id)
		c.publish(&ch)
		return nil
	}
	failure := c.fail(pending.what, err)
	c.tracker.Refused(pending.id, failure)
	if isGone(err, vmRef(ref)) || failure.Class == vsphere.ClassUnknown {
		c.queue.addVMs(ref)
	}
	return failure
}

func notOurs(what string, ref vsphere.Ref, vm vsphere.VM) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonNotOurs,
		Message: fmt.Sprintf("%s of VM %s (%s): its stamp and instance do not show it to be this group's; it is left alone.", what, vm.Name, ref),
	}
}

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

// StartPowerOn submits one power-on.
func (v *VCenter) StartPowerOn(ctx context.Context, g vsphere.GroupID, vm vsphere.Ref) error {
	return v.startPower(ctx, g, vm, vsphere.OperationPowerOn, func(c *connection) (types.ManagedObjectReference, error) {
		res, err := methods.PowerOnVM_Task(ctx, c.client, &types.PowerOnVM_Task{This: vmRef(vm)})
		if err != nil {
			return types.ManagedObjectReference{}, err
		}
		return res.Returnval, nil
	})
}

// StartPowerOff submits one hard power-off.
func (v *VCenter) StartPowerOff(ctx context.Context, g vsphere.GroupID, vm vsphere.Ref) error {
	return v.startPower(ctx, g, vm, vsphere.OperationPowerOff, func(c *connection) (types.ManagedObjectReference, error) {
		res, err := methods.PowerOffVM_Task(ctx, c.client, &types.PowerOffVM_Task{This: vmRef(vm)})
		if err != nil {
			return types.ManagedObjectReference{}, err
		}
		return res.Returnval, nil
	})
}

func (v *VCenter) startPower(
	ctx context.Context, g vsphere.GroupID, ref vsphere.Ref, kind vsphere.OperationKind,
	submit func(*connection) (types.ManagedObjectReference, error),
) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	vm, _, ok := v.inv.Get(ref)
	if !ok || vsphere.Identify(v.cfg.Owner, g.UID, vm) != vsphere.Ours {
		return notOurs(string(kind), ref, vm)
	}
	// What was moved a moment ago is bounded by the account's privileges alone: a read before each switch would not be.
	vm.ParentPath, vm.UnderRoot = v.inv.Locate(vm.Parent)
	if err := outsideRoot(fmt.Sprintf("%s of VM %s", kind, vm.Name), vm); err != nil {
		return err
	}
	op := vsphere.Operation{Kind: kind, VM: ref}
	pending := pendingTask{what: fmt.Sprintf("%s of VM %s", kind, vm.Name), name: vm.Name, kind: kind, vm: ref}
	if pending.id, err = v.tracker.Begin(g, op, ""); err != nil {
		return err
	}
	task, err := submit(c)
	if err == nil {
		c.submitted(ctx, pending, task)
		return nil
	}
	if f := faultOf(err); f != nil && alreadyDone(pending, f) {
		// Noted first: the group is woken now, and would ask for the same again.
		var ch inventory.Changes
		v.inv.AssumePower(ref, powerAfter(kind), v.cfg.Clock.Now(), &ch)
		v.tracker.Resolved(pending.id)
		v.publish(&ch)
		return nil
	}
	failure := v.fail(pending.what, err)
	v.tracker.Refused(pending.id, failure)
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

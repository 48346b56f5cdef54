package vim

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// startDestroys reads VMs live, and submits the destruction of those that may go: see startProven.
func (c *connection) startDestroys(ctx context.Context, g vsphere.GroupID, batch []vsphere.Request) error {
	return c.startProven(g, batch, func(victims []place) (rest []place, failure *vsphere.Error) {
		var ch inventory.Changes
		defer c.publish(&ch)
		return c.destroyProven(ctx, g, victims, &ch)
	})
}

// destroyProven reads victims in one call and deals with each, until what was read is too old to be sent by. It returns
// those that are left, whose places are still taken.
func (c *connection) destroyProven(
	ctx context.Context, g vsphere.GroupID, victims []place, ch *inventory.Changes,
) (rest []place, failure *vsphere.Error) {
	objects := make([]types.ManagedObjectReference, len(victims))
	for i, vm := range victims {
		objects[i] = vmRef(vm.VM)
	}
	asked := c.cfg.Clock.Now()
	readings, err := c.readWithDisks(ctx, objects)
	if err != nil {
		failure := c.fail("Read the VMs to be destroyed", err)
		c.withdraw(victims, nil)
		return nil, failure
	}
	for i, vm := range victims {
		name, refusal := c.judge(g, vm, readings[vmRef(vm.VM)], ch)
		switch {
		case refusal != nil:
			failure = mostSevere(failure, refusal)
		case name == "": // it is gone
		case c.cfg.Clock.Since(asked) > proofFor:
			rest = append(rest, vm)
		default:
			err := c.destroy(ctx, vm, name, ch)
			failure = mostSevere(failure, err)
			if err != nil && err.Class == vsphere.ClassUnavailable {
				return append(rest, victims[i+1:]...), failure
			}
		}
	}
	return rest, failure
}

// judge returns the name of a victim that may be destroyed by what was just read of it. One that is refused, or is gone
// already, gives its place back.
func (c *connection) judge(g vsphere.GroupID, victim place, r reading, ch *inventory.Changes) (name string, refusal *vsphere.Error) {
	switch {
	case r.gone:
		c.tracker.Withdraw(victim.id, nil)
		c.vmGone(victim.VM, ch)
		return "", nil
	case r.err != nil:
		err := c.fail(fmt.Sprintf("Read VM %s before it is destroyed", victim.VM), r.err)
		c.tracker.Withdraw(victim.id, err)
		return "", err
	}
	last, _, _ := c.inv.Get(victim.VM)
	vm := r.props.vm(victim.VM, last)
	vm.ParentPath, vm.UnderRoot = c.inv.Locate(vm.Parent) // the parent was read just now
	err := refuse(c.cfg.Owner, g, vm, r.props)
	if err == nil {
		return vm.Name, nil
	}
	if err.Reason == vsphere.ReasonPoweredOn {
		c.inv.AssumePower(victim.VM, vm.Power, c.cfg.Clock.Now(), ch) // or nobody would switch it off
	}
	c.tracker.Withdraw(victim.id, err)
	return "", err
}

// destroy submits the destruction of one VM that was just judged.
func (c *connection) destroy(ctx context.Context, victim place, name string, ch *inventory.Changes) *vsphere.Error {
	ref := victim.VM
	pending := pendingTask{what: "Destroy VM " + name, name: name, kind: vsphere.OperationDestroy, vm: ref, id: victim.id}
	res, err := methods.Destroy_Task(ctx, c.client, &types.Destroy_Task{This: vmRef(ref)})
	if err == nil {
		c.submitted(ctx, pending, res.Returnval)
		return nil
	}
	if isGone(err, vmRef(ref)) {
		c.tracker.AlreadyDone(victim.id)
		c.vmGone(ref, ch)
		return nil
	}
	failure := c.fail(pending.what, err)
	c.tracker.Refused(victim.id, failure)
	if failure.Class == vsphere.ClassUnknown {
		c.queue.addVMs(ref)
	}
	return failure
}

// refuse says why a VM must not be destroyed, in order:
//
//  1. nothing must be done to it: see refuseChange
//  2. it is not switched off: PoweredOn
//  3. it has a disk that vCenter would delete with it, and that is not its own: ForeignDisk (see vsphere.ForeignDisks)
//  4. its disks, or what tells whose they are, cannot be seen, and one may not be its own: Retrying
func refuse(owner string, g vsphere.GroupID, vm vsphere.VM, props properties) *vsphere.Error {
	what := "Destroy VM " + vm.Name
	if err := refuseChange("Destroy", owner, g, vm, props); err != nil {
		return err
	}
	if vm.Power != vsphere.PoweredOff {
		return &vsphere.Error{
			Class: vsphere.ClassConflict, Reason: vsphere.ReasonPoweredOn,
			Message: fmt.Sprintf("%s: it is %s and has to be switched off first.", what, vm.Power),
		}
	}
	return refuseDisks(what, vm, props)
}

// refuseChange says why nothing must be done to a VM that was just read, in order:
//
//  1. its stamp and instance do not show it to be the group's: NotOurs
//  2. it does not lie below the root folder: VMOutsideRoot
//  3. its host does not answer: VMUnreachable, it is waited for
func refuseChange(verb, owner string, g vsphere.GroupID, vm vsphere.VM, props properties) *vsphere.Error {
	what := verb + " VM " + vm.Name
	switch {
	case !props.configured() || vsphere.Identify(owner, g.UID, vm) != vsphere.Ours:
		if vm.Connection != vsphere.Connected && vsphere.Identify(owner, g.UID, vm) == vsphere.Ours {
			return unreachable(what, vm)
		}
		return notOurs(verb, vm.Ref, vm)
	case !vm.UnderRoot:
		return outsideRoot(what, vm)
	case vm.Connection != vsphere.Connected:
		return unreachable(what, vm)
	default:
		return nil
	}
}

func unreachable(what string, vm vsphere.VM) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonVMUnreachable,
		Message: fmt.Sprintf("%s: it is %s; waiting until vCenter can reach it.", what, vm.Connection),
	}
}

// severities order errors by who has to act: nobody can, a human must, vCenter must, we look, we wait.
var severities = []vsphere.Class{
	vsphere.ClassConflict, vsphere.ClassTransient, vsphere.ClassUnknown,
	vsphere.ClassExhausted, vsphere.ClassInvalid, vsphere.ClassUnavailable,
}

// mostSevere returns the more severe of two errors, the first if they are equal. Nil is no error.
func mostSevere(a, b *vsphere.Error) *vsphere.Error {
	switch {
	case a == nil:
		return b
	case b == nil || slices.Index(severities, a.Class) >= slices.Index(severities, b.Class):
		return a
	default:
		return b
	}
}

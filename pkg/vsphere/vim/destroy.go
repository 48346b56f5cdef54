package vim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// StartDestroy reads all vms live and submits the destruction of those that may go.
func (v *VCenter) StartDestroy(ctx context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	if len(vms) == 0 {
		return nil
	}
	c, err := v.synced()
	if err != nil {
		return err
	}
	var worst *vsphere.Error
	for batch := range slices.Chunk(vms, v.cfg.MaxDestroys) { // no more can go at once, and to read a VM's devices is dear
		err := c.destroyBatch(ctx, g, batch)
		worst = worse(worst, err)
		if stops(err) {
			break
		}
	}
	if worst != nil {
		return worst
	}
	return nil
}

// destroyBatch reads a few VMs in one call and submits the destruction of those that may go.
func (c *connection) destroyBatch(ctx context.Context, g vsphere.GroupID, vms []vsphere.Ref) *vsphere.Error {
	objects := make([]types.ManagedObjectReference, len(vms))
	for i, ref := range vms {
		objects[i] = vmRef(ref)
	}
	readings, err := c.readEach(ctx, objects, append(vmProps(), propDevices)...)
	if err != nil {
		return c.v.fail("Read the VMs to be destroyed", err)
	}
	var worst *vsphere.Error
	var t touched
	defer c.v.settle(&t)
	for _, obj := range objects {
		ref, r := vsphere.Ref(obj.Value), readings[obj]
		if r.gone {
			c.v.gone(ref, &t)
			continue
		}
		err := c.destroy(ctx, g, ref, r, &t)
		worst = worse(worst, err)
		if stops(err) {
			break
		}
	}
	return worst
}

// stops reports whether an error of one VM is one of all others too.
func stops(err *vsphere.Error) bool {
	return err != nil && (err.Class == vsphere.ClassUnavailable || errors.Is(err, vsphere.ErrNoBudget))
}

// destroy submits the destruction of one VM that was just read, unless it is refused.
func (c *connection) destroy(
	ctx context.Context, g vsphere.GroupID, ref vsphere.Ref, r reading, t *touched,
) *vsphere.Error {
	v := c.v
	op := vsphere.Operation{Kind: vsphere.OperationDestroy, VM: ref}
	if r.err != nil {
		err := v.fail(fmt.Sprintf("Read VM %s before it is destroyed", ref), r.err)
		v.tracker.Record(g, op, err)
		return err
	}
	last, _, _ := v.inv.get(ref)
	vm := r.props.vm(ref, last)
	if err := refuse(v.cfg.Owner, g, vm, r.props); err != nil {
		if err.Reason == reasonPoweredOn {
			v.inv.setPower(ref, vm.Power, v.cfg.Clock.Now(), t) // or nobody would switch it off
		}
		v.tracker.Record(g, op, err)
		return err
	}
	pending := pendingTask{what: "Destroy VM " + vm.Name, name: vm.Name, kind: op.Kind, vm: ref}
	id, err := v.tracker.Begin(g, op, "")
	if err != nil {
		return v.fail(pending.what, err)
	}
	pending.id = id
	res, err := methods.Destroy_Task(ctx, c.client, &types.Destroy_Task{This: vmRef(ref)})
	if err == nil {
		c.submitted(ctx, pending, res.Returnval)
		return nil
	}
	if isGone(err, vmRef(ref)) {
		v.tracker.Resolved(id)
		v.gone(ref, t)
		return nil
	}
	failure := v.fail(pending.what, err)
	v.tracker.Refused(id, failure)
	if failure.Class == vsphere.ClassUnknown {
		c.chores.wantVerified(ref)
	}
	return failure
}

// refuse says why a VM must not be destroyed, in order:
//
//  1. its stamp and instance do not show it to be the group's: NotOurs
//  2. its host does not answer: VictimUnreachable, it is waited for
//  3. it is not switched off: PoweredOn
//  4. its disks cannot be seen, and one may not be ours: Retrying
//  5. it has a disk that vCenter would delete with it, and that did not come from the template: ForeignDisk
func refuse(owner string, g vsphere.GroupID, vm vsphere.VM, props properties) *vsphere.Error {
	what := "Destroy VM " + vm.Name
	switch {
	case !props.configured() || vsphere.Identify(owner, g.UID, vm) != vsphere.Ours:
		if vm.Connection != vsphere.Connected && vsphere.Identify(owner, g.UID, vm) == vsphere.Ours {
			return unreachable(what, vm)
		}
		return notOurs("Destroy", vm.Ref, vm)
	case vm.Connection != vsphere.Connected:
		return unreachable(what, vm)
	case vm.Power != vsphere.PoweredOff:
		return &vsphere.Error{
			Class: vsphere.ClassConflict, Reason: reasonPoweredOn,
			Message: fmt.Sprintf("%s: it is %s and has to be switched off first.", what, vm.Power),
		}
	}
	if !props.showsDisks() {
		return &vsphere.Error{
			Class: errDisksHidden.Class, Reason: errDisksHidden.Reason, Message: what + ": " + errDisksHidden.Message, Err: errDisksHidden,
		}
	}
	if foreign := foreignDisks(vm.Stamp, props); len(foreign) > 0 {
		return &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: reasonForeignDisk,
			Message: fmt.Sprintf("%s: it has a disk that did not come from its template and would be deleted with it (%s). Detach the disk in vCenter; the VM is destroyed then.",
				what, strings.Join(foreign, ", ")),
		}
	}
	return nil
}

func unreachable(what string, vm vsphere.VM) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassTransient, Reason: reasonVictimUnreachable,
		Message: fmt.Sprintf("%s: it is %s; waiting until vCenter can reach it.", what, vm.Connection),
	}
}

// foreignDisks names the disks of a VM that did not come from its template: first-class disks, which outlive their VM,
// and those whose key is not in the stamp.
func foreignDisks(stamp *vsphere.Stamp, props properties) []string {
	var foreign []string
	for _, disk := range props.disks() {
		if disk.VDiskId == nil && slices.Contains(stamp.Disks, disk.Key) {
			continue
		}
		label := fmt.Sprintf("disk %d", disk.Key)
		if disk.DeviceInfo != nil && disk.DeviceInfo.GetDescription().Label != "" {
			label = disk.DeviceInfo.GetDescription().Label
		}
		foreign = append(foreign, label)
	}
	return foreign
}

// severities order errors by who has to act: nobody can, a human must, vCenter must, we look, we wait.
var severities = []vsphere.Class{
	vsphere.ClassConflict, vsphere.ClassTransient, vsphere.ClassUnknown,
	vsphere.ClassExhausted, vsphere.ClassInvalid, vsphere.ClassUnavailable,
}

// worse returns the more severe of two errors, the first if they are equal. Nil is no error.
func worse(a, b *vsphere.Error) *vsphere.Error {
	switch {
	case a == nil:
		return b
	case b == nil || slices.Index(severities, a.Class) >= slices.Index(severities, b.Class):
		return a
	default:
		return b
	}
}

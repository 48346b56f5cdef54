package vim

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// startReconfigure takes a place in the budget, reads one VM live, and at once sends what changes it, if it may be changed.
func (c *connection) startReconfigure(ctx context.Context, g vsphere.GroupID, r vsphere.Request) error {
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return err
	}
	asked := c.cfg.Clock.Now()
	vm, was, refusal := c.readToChange(ctx, g, r.VM, *r.Resize)
	if refusal == nil {
		refusal = r.Resize.Refuse(vm)
	}
	if refusal == nil && c.cfg.Clock.Since(asked) > proofFor {
		refusal = errProofTooOld
	}
	if refusal != nil {
		c.tracker.Withdraw(id, refusal)
		return refusal
	}
	pending := pendingTask{what: "Reconfigure VM " + vm.Name, name: vm.Name, kind: r.Kind, vm: r.VM, id: id}
	res, err := methods.ReconfigVM_Task(ctx, c.client, &types.ReconfigVM_Task{
		This: vmRef(r.VM), Spec: changeOf(vm, was, *r.Resize),
	})
	if err == nil {
		c.submitted(ctx, pending, res.Returnval)
		return nil
	}
	failure := c.failOf(r.Kind, pending.what, err)
	c.tracker.Refused(id, failure)
	if isGone(err, vmRef(r.VM)) {
		c.queue.addVMs(r.VM)
	}
	c.queue.wake() // of a lost answer, it is looked what became of it
	return failure
}

// configuration is what a VM was read to have before it is changed: the version of its configuration, and its first disk if that
// is to be changed.
type configuration struct {
	version string
	disk    *types.VirtualDisk
}

// readToChange returns a VM and its configuration as they are now, or why it must not be changed.
func (c *connection) readToChange(
	ctx context.Context, g vsphere.GroupID, ref vsphere.Ref, want vsphere.Resize,
) (vm vsphere.VM, was configuration, refusal *vsphere.Error) {
	what := fmt.Sprintf("Read VM %s before it is reconfigured", ref)
	paths := append(vmProps(), propVersion)
	if want.DiskGiB != 0 {
		paths = append(paths, propDevices)
	}
	readings, err := c.readEach(ctx, []types.ManagedObjectReference{vmRef(ref)}, paths...)
	if err != nil {
		return vm, was, c.fail(what, err)
	}
	r := readings[vmRef(ref)]
	switch {
	case r.gone:
		var ch inventory.Changes
		c.vmGone(ref, &ch)
		c.publish(&ch)
		return vm, was, &vsphere.Error{Class: gone.class, Reason: gone.reason, Message: what + ": it is gone."}
	case r.err != nil:
		return vm, was, c.fail(what, r.err)
	}
	last, _, _ := c.inv.Get(ref)
	vm = r.props.vm(ref, last)
	vm.ParentPath, vm.UnderRoot = c.inv.Locate(vm.Parent) // the parent was read just now
	was.version = r.props.text(propVersion)
	if refusal = refuseChange("Reconfigure", c.cfg.Owner, g, vm, r.props); refusal != nil || want.DiskGiB == 0 {
		return vm, was, refusal
	}
	if was.disk = r.props.firstDisk(vm.Stamp.Disks); was.disk == nil {
		return vm, was, c.fail(what, errDisksHidden)
	}
	vm.DiskBytes = capacityOf(was.disk)
	return vm, was, nil
}

// changeOf returns what makes of a VM that was just read one with another size and revision, in one call. It holds for the
// version of the configuration that was read: who changes the VM meanwhile, its stamp or its size, is not overruled, and a
// request that arrives late, after another one, changes nothing.
func changeOf(vm vsphere.VM, was configuration, want vsphere.Resize) types.VirtualMachineConfigSpec {
	stamp := vm.Stamp.Revised(want.Revision)
	spec := types.VirtualMachineConfigSpec{
		ChangeVersion: was.version,
		ExtraConfig:   []types.BaseOptionValue{&types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}},
	}
	if vm.CPU != want.CPU {
		spec.NumCPUs = want.CPU
	}
	if vm.MemoryMiB != want.MemoryMiB {
		spec.MemoryMB = want.MemoryMiB
	}
	if vsphere.CompareDisk(vm, want.DiskGiB) < 0 {
		spec.DeviceChange = append(spec.DeviceChange, resized(was.disk, want.DiskGiB))
	}
	return spec
}

// resolveChanges reads the VMs of reconfigurations whose outcome is unknown. What shows is a success. What does not is over too:
// a request that arrives later was made for what the VM was then, and can be repeated.
func (c *connection) resolveChanges(ctx context.Context, unknowns []operations.Pending) error {
	var failures []error
	for _, p := range unknowns {
		if err := c.rereadVM(ctx, p.Operation.VM); err != nil {
			failures = append(failures, err)
			continue
		}
		c.tracker.Resolved(p.ID)
	}
	return errors.Join(failures...)
}

// rereadVM reads all of a VM that a filter holds, with its disk if somebody has asked for that, and shows it to the operations
// that wait for a change of it.
func (c *connection) rereadVM(ctx context.Context, ref vsphere.Ref) error {
	paths, disk := vmProps(), c.inv.HasDisk(ref)
	if disk {
		paths = append(paths, propDevices)
	}
	asked, diskAsked := c.inv.VMsVersion(), c.inv.AskDisks()
	readings, err := c.readEach(ctx, []types.ManagedObjectReference{vmRef(ref)}, paths...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	switch r := readings[vmRef(ref)]; {
	case r.gone:
		c.vmGone(ref, &ch)
	case r.err == nil:
		if disk {
			c.setDisk(ref, r.props, diskAsked, &ch)
		}
		c.inv.Refresh(ref, object{ref: vmRef(ref), props: r.props}.update(nil), asked, &ch)
		c.inv.Show(ref, &ch)
	default: // it cannot be told, and the next resync has another answer
	}
	c.publish(&ch)
	return nil
}

package vim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// startReconfigures reads VMs live, and at once sends what changes those that may be changed: see startProven.
func (c *connection) startReconfigures(ctx context.Context, g vsphere.GroupID, batch []vsphere.Request) error {
	return c.startProven(g, batch, func(places []place) (rest []place, failure *vsphere.Error) {
		return c.reconfigureProven(ctx, g, places)
	})
}

// reconfigureProven reads VMs in one call and deals with each, until what was read is too old to change them by. It returns those
// that are left, whose places are still taken.
func (c *connection) reconfigureProven(ctx context.Context, g vsphere.GroupID, places []place) (rest []place, failure *vsphere.Error) {
	objects, paths := make([]types.ManagedObjectReference, len(places)), append(vmProps(), propVersion)
	for i, p := range places {
		objects[i] = vmRef(p.VM)
	}
	if slices.ContainsFunc(places, func(p place) bool { return p.Resize.DiskGiB != 0 }) {
		paths = append(paths, propDevices)
	}
	asked := c.cfg.Clock.Now()
	readings, err := c.readEach(ctx, objects, paths...)
	if err != nil {
		failure := c.fail("Read the VMs to be reconfigured", err)
		c.withdraw(places, failure)
		return nil, failure
	}
	for i, p := range places {
		vm, was, refusal := c.judgeChange(g, p, readings[vmRef(p.VM)])
		switch {
		case refusal != nil:
			c.tracker.Withdraw(p.id, refusal)
			failure = mostSevere(failure, refusal)
		case c.cfg.Clock.Since(asked) > proofFor:
			rest = append(rest, p)
		default:
			err := c.reconfigure(ctx, p, vm, was)
			failure = mostSevere(failure, err)
			if err != nil && err.Class == vsphere.ClassUnavailable {
				return append(rest, places[i+1:]...), failure
			}
		}
	}
	return rest, failure
}

// reconfigure sends what changes one VM that was just judged.
func (c *connection) reconfigure(ctx context.Context, p place, vm vsphere.VM, was configuration) *vsphere.Error {
	pending := pendingTask{what: "Reconfigure VM " + vm.Name, name: vm.Name, kind: p.Kind, vm: p.VM, id: p.id}
	res, err := methods.ReconfigVM_Task(ctx, c.client, &types.ReconfigVM_Task{
		This: vmRef(p.VM), Spec: changeOf(vm, was, *p.Resize),
	})
	if err == nil {
		c.submitted(ctx, pending, res.Returnval)
		return nil
	}
	failure := c.failOf(p.Kind, pending.what, err)
	c.tracker.Refused(p.id, failure)
	if isGone(err, vmRef(p.VM)) {
		c.queue.addVMs(p.VM)
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

// judgeChange returns a VM and its configuration as they were just read, or why it must not be changed.
func (c *connection) judgeChange(g vsphere.GroupID, p place, r reading) (vm vsphere.VM, was configuration, refusal *vsphere.Error) {
	what := fmt.Sprintf("Read VM %s before it is reconfigured", p.VM)
	switch {
	case r.gone:
		var ch inventory.Changes
		c.vmGone(p.VM, &ch)
		c.publish(&ch)
		return vm, was, &vsphere.Error{Class: gone.class, Reason: gone.reason, Message: what + ": it is gone."}
	case r.err != nil:
		return vm, was, c.fail(what, r.err)
	}
	last, _, _ := c.inv.Get(p.VM)
	vm = r.props.vm(p.VM, last)
	vm.ParentPath, vm.UnderRoot = c.inv.Locate(vm.Parent) // the parent was read just now
	was.version = r.props.text(propVersion)
	if refusal = refuseChange("Reconfigure", c.cfg.Owner, g, vm, r.props); refusal != nil {
		return vm, was, refusal
	}
	if p.Resize.DiskGiB != 0 {
		if was.disk = r.props.firstDisk(vm.Stamp.Disks); was.disk == nil {
			return vm, was, c.fail(what, errDisksHidden)
		}
		vm.DiskBytes = capacityOf(was.disk)
	}
	return vm, was, p.Resize.Refuse(vm)
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
	if vsphere.CompareDisk(&vm, want.DiskGiB) < 0 {
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

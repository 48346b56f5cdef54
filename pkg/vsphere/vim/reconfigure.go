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
	objects, paths := make([]types.ManagedObjectReference, len(places)), append(c.vmProps(), propVersion, propCores)
	for i, p := range places {
		objects[i] = vmRef(p.VM)
	}
	if slices.ContainsFunc(places, func(p place) bool { return p.Guest != nil || p.Resize.DiskGiB != 0 }) {
		paths = append(paths, propDevices)
	}
	if places[0].Kind == vsphere.OperationConfigure {
		paths = append(paths, propVApp, propPendingCustomization)
	}
	asked := c.cfg.Clock.Now()
	readings, err := c.readEach(ctx, objects, paths...)
	if err != nil {
		failure := c.fail("Read the VMs to be reconfigured", err)
		c.withdraw(places, failure)
		return nil, failure
	}
	for i, p := range places {
		vm, change, refusal := c.judgeChange(g, p, readings[vmRef(p.VM)])
		switch {
		case refusal != nil:
			c.tracker.Withdraw(p.id, refusal)
			failure = mostSevere(failure, refusal)
		case c.cfg.Clock.Since(asked) > proofFor:
			rest = append(rest, p)
		default:
			err := c.reconfigure(ctx, p, vm, change)
			failure = mostSevere(failure, err)
			if err != nil && err.Class == vsphere.ClassUnavailable {
				return append(rest, places[i+1:]...), failure
			}
		}
	}
	return rest, failure
}

// reconfigure sends what changes one VM that was just judged.
func (c *connection) reconfigure(ctx context.Context, p place, vm vsphere.VM, change types.VirtualMachineConfigSpec) *vsphere.Error {
	pending := pendingTask{what: fmt.Sprintf("%s VM %s", p.Kind, vm.Name), name: vm.Name, kind: p.Kind, vm: p.VM, id: p.id}
	res, err := methods.ReconfigVM_Task(ctx, c.client, &types.ReconfigVM_Task{This: vmRef(p.VM), Spec: change})
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

// judgeChange returns a VM as it was just read, and what changes it, or why it must not be changed. The change holds for the version
// of the configuration that was read: who changes the VM meanwhile, its stamp or its size, is not overruled, and a request that
// arrives late, after another one, changes nothing.
func (c *connection) judgeChange(
	g vsphere.GroupID, p place, r reading,
) (vm vsphere.VM, change types.VirtualMachineConfigSpec, refusal *vsphere.Error) {
	what := fmt.Sprintf("Read VM %s before a change (%s)", p.VM, p.Kind)
	switch {
	case r.gone:
		var ch inventory.Changes
		c.vmGone(p.VM, &ch)
		c.publish(&ch)
		return vm, change, &vsphere.Error{Class: gone.class, Reason: gone.reason, Message: what + ": it is gone."}
	case r.err != nil:
		return vm, change, c.fail(what, r.err)
	}
	last, _, _ := c.inv.Get(p.VM)
	vm = r.props.vm(p.VM, last)
	vm.ParentPath, vm.UnderRoot = c.inv.Locate(vm.Parent) // the parent was read just now
	if refusal = refuseChange(string(p.Kind), c.cfg.Owner, g, vm, r.props); refusal != nil {
		return vm, change, refusal
	}
	var err error
	if p.Guest != nil {
		change, err = tellGuest(g, vm, r.props, *p.Guest)
	} else {
		change, err = changeSize(vm, r.props, *p.Resize)
	}
	if err != nil {
		return vm, change, c.fail(what, err)
	}
	change.ChangeVersion = r.props.text(propVersion)
	return vm, change, nil
}

// changeSize returns what makes of a VM that was just read one with another size and revision, in one call.
func changeSize(vm vsphere.VM, props properties, want vsphere.Resize) (types.VirtualMachineConfigSpec, error) {
	var disk *types.VirtualDisk
	if want.DiskGiB != 0 {
		if disk = props.firstDisk(vm.Stamp.Disks); disk == nil {
			return types.VirtualMachineConfigSpec{}, errDisksHidden
		}
		vm.DiskBytes = capacityOf(disk)
	}
	if refusal := want.Refuse(vm); refusal != nil {
		return types.VirtualMachineConfigSpec{}, refusal
	}
	spec := withStamp(vm.Stamp.Revised(want.Revision))
	if vm.CPU != want.CPU {
		cores := int32(props.number(propCores))
		spec.NumCPUs, spec.NumCoresPerSocket = want.CPU, otherCores(cores, want.CPU)
		if spec.NumCoresPerSocket != nil && vm.Power != vsphere.PoweredOff {
			return types.VirtualMachineConfigSpec{}, &vsphere.Error{
				Class: vsphere.ClassConflict, Reason: vsphere.ReasonNotHotPluggable,
				Message: fmt.Sprintf("VM %s cannot have %d CPUs while it is on: they do not fill sockets of %d cores.", vm.Name, want.CPU, cores),
			}
		}
	}
	if vm.MemoryMiB != want.MemoryMiB {
		spec.MemoryMB = want.MemoryMiB
	}
	if vsphere.CompareDisk(&vm, want.DiskGiB) < 0 {
		spec.DeviceChange = append(spec.DeviceChange, resized(disk, want.DiskGiB))
	}
	return spec, nil
}

// otherCores returns how many cores a socket is to have because so many CPUs do not fill sockets of as many cores as it has: a VM like
// that does not power on. It is nil if they do, or if nobody can tell.
func otherCores(has, cpus int32) *int32 {
	if has <= 1 || cpus%has == 0 {
		return nil
	}
	for cpus%has != 0 {
		has, cpus = cpus%has, has
	}
	return &has
}

// withStamp returns a change that writes a stamp.
func withStamp(stamp vsphere.Stamp) types.VirtualMachineConfigSpec {
	return types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}},
	}
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
	paths, disk := c.vmProps(), c.inv.HasDisk(ref)
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

package vim

import (
	"context"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// sweep reads what tells whose each VM of the datacenter is, all pages. Those of ours that the inventory lacks are read
// whole. Of those that it has, parent and template are taken over: not every move and conversion is reported. So are power
// and connection: what a task of ours has brought about is noted when it ends, and may have been undone before the watch
// looked, which then has nothing to report.
func (c *connection) sweep(ctx context.Context) error {
	read, err := c.readSweep(ctx)
	if err != nil {
		return err
	}
	return c.applySweep(ctx, read)
}

// swept is what a sweep has read of the VMs of ours and of those that the inventory has, and the version of the VMs from before.
// A datacenter may have many more VMs.
type swept struct {
	asked   uint64
	objects []object
}

func (c *connection) readSweep(ctx context.Context) (swept, error) {
	// The tasks come first: a clone that ends in between is found as a VM.
	if _, err := c.findCloneTasks(ctx); err != nil {
		return swept{}, err
	}
	asked := c.inv.VMsVersion()
	objects, err := c.retrieveSome(ctx, c.concerns, readView(c.allVMs, propSpec("VirtualMachine", sweptProps()...)))
	return swept{asked, objects}, err
}

// concerns reports whether a VM is of ours, or the inventory has it.
func (c *connection) concerns(vm object) bool {
	return c.inv.Has(vsphere.Ref(vm.ref.Value)) || c.stamped(vm)
}

// stamped reports whether a VM carries a stamp of this controller.
func (c *connection) stamped(vm object) bool {
	stamp := vm.props.stamp()
	return stamp != nil && stamp.Owner == c.cfg.Owner
}

func (c *connection) applySweep(ctx context.Context, read swept) error {
	var missing []vsphere.Ref
	var ch inventory.Changes
	listed := map[vsphere.Ref]bool{}
	for _, o := range read.objects {
		ref := vsphere.Ref(o.ref.Value)
		listed[ref] = true
		held := c.inv.Refresh(ref, o.update(sweptProps()), read.asked, &ch)
		if !held && c.stamped(o) {
			c.inv.Claim(o.props.stamp().UID, []vsphere.Ref{ref}) // it counts, also if the rest of it cannot be read
			missing = append(missing, ref)
		}
	}
	c.publish(&ch)
	// What was left unreadable, and what no filter holds, is tried again with them. What a filter holds and the view does
	// not may have gone without a word.
	missing = append(missing, c.inv.Unheld()...)
	missing = append(missing, c.inv.Unlisted(listed)...)
	landed := c.tracker.Awaited()
	for _, p := range landed {
		c.inv.Claim(p.Group.UID, []vsphere.Ref{p.Operation.VM})
		missing = append(missing, p.Operation.VM)
	}
	if len(missing) == 0 {
		return c.watchOutside(ctx)
	}
	if err := c.verify(ctx, missing); err != nil {
		return err
	}
	for _, p := range landed {
		// It is in the inventory by now, it is gone, or somebody has taken its stamp off.
		c.tracker.Resolved(p.ID)
	}
	return nil
}

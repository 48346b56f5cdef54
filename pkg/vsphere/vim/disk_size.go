package vim

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// ReadDisks implements vsphere.Interface. What a connection has read once is read again by its resyncs only.
func (v *VCenter) ReadDisks(_ context.Context, _ vsphere.GroupID, vms []vsphere.Ref) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	unread := c.inv.UnreadDisks(vms)
	if len(unread) == 0 {
		return nil
	}
	c.queue.addDisks(unread...)
	return vsphere.ErrPending
}

// readQueuedDisks reads the disks that were asked for, and those that have changed. What was read meanwhile is left out.
func (c *connection) readQueuedDisks(ctx context.Context) error {
	refs := c.inv.UnreadDisks(c.queue.take(c.queue.disks))
	err := c.readDisks(ctx, refs)
	if err != nil {
		c.queue.put(c.queue.disks, refs)
	}
	return err
}

// rereadDisks reads the disks again that somebody has asked for.
func (c *connection) rereadDisks(ctx context.Context) error { return c.readDisks(ctx, c.inv.Disks()) }

// readDisks reads the first disks of VMs, a page of them at a time: devices are large, and of a page only the sizes are kept.
func (c *connection) readDisks(ctx context.Context, refs []vsphere.Ref) error {
	for page := range slices.Chunk(refs, pageSize) {
		objects := make([]types.ManagedObjectReference, len(page))
		for i, ref := range page {
			objects[i] = vmRef(ref)
		}
		asked := c.inv.AskDisks()
		readings, err := c.readEach(ctx, objects, propStamp, propDevices)
		if err != nil {
			return err
		}
		var ch inventory.Changes
		for obj, r := range readings {
			ref := vsphere.Ref(obj.Value)
			if r.gone {
				c.vmGone(ref, &ch)
				continue
			}
			c.setDisk(ref, r.props, asked, &ch)
		}
		c.publish(&ch)
	}
	return nil
}

// setDisk keeps the size of a VM's first disk, as it was read.
func (c *connection) setDisk(ref vsphere.Ref, props properties, asked uint64, ch *inventory.Changes) {
	shown := props.showsDisks() && props.stamp() != nil
	c.inv.SetDisk(ref, props.diskBytes(), shown, asked, ch)
}

// firstDisk returns the first disk of a VM, of those with keys of its own, or nil.
func (p properties) firstDisk(own []int32) *types.VirtualDisk {
	key, ok := vsphere.FirstDisk(p.diskKeys(), own)
	if !ok {
		return nil
	}
	disks := p.disks()
	return disks[slices.IndexFunc(disks, func(d *types.VirtualDisk) bool { return d.Key == key })]
}

// diskBytes returns the capacity of the first disk of a VM with a stamp, 0 if it has none or shows none.
func (p properties) diskBytes() int64 {
	stamp := p.stamp()
	if stamp == nil {
		return 0
	}
	return capacityOf(p.firstDisk(stamp.Disks))
}

// capacityOf returns the capacity of a disk in bytes, 0 for nil.
func capacityOf(disk *types.VirtualDisk) int64 {
	switch {
	case disk == nil:
		return 0
	case disk.CapacityInBytes != 0:
		return disk.CapacityInBytes
	default:
		return disk.CapacityInKB << 10
	}
}

// resized returns the change that gives a disk another size. All else is sent as it was read, the backing above all: an edit
// without it would ask for another one.
func resized(disk *types.VirtualDisk, gib int32) types.BaseVirtualDeviceConfigSpec {
	edit := *disk
	edit.CapacityInBytes = vsphere.GiB(gib)
	edit.CapacityInKB = edit.CapacityInBytes >> 10
	return &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &edit}
}

// refuseDisk says why no VM with a first disk of a size can be made from a template, whose first disk is given; nil if one can.
func refuseDisk(template string, first *types.VirtualDisk, gib int32) *vsphere.Error {
	capacity := capacityOf(first)
	switch {
	case gib == 0 || capacity > 0 && capacity <= vsphere.GiB(gib):
		return nil
	case capacity == 0:
		return templateError(v1alpha1.ReasonTemplateUnusable, fmt.Sprintf(
			"Template %s has no disk, and spec.disk asks for one of %d GiB. Remove spec.disk, or choose another template.", template, gib))
	default:
		return templateError(v1alpha1.ReasonDiskTooSmall, fmt.Sprintf(
			"spec.disk is %d GiB, and the first disk of template %s has %s. Raise spec.disk to at least %d, or choose a template with a smaller disk.",
			gib, template, vsphere.DiskSize(capacity), (capacity+1<<30-1)>>30))
	}
}

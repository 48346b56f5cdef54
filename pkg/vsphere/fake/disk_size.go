package fake

import (
	"context"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TemplateDiskGiB is the size of the disk that templates have, and VMs that are made by hand.
const TemplateDiskGiB int32 = 10

// diskRead is the size of a VM's first disk, as a client has read it, 0 if it was not shown.
type diskRead struct {
	bytes    int64
	answered bool
}

// GrowDisk gives a VM's or a template's first disk another size.
func (v *VCenter) GrowDisk(ref vsphere.Ref, gib int32) {
	v.Update(ref, func(vm *vsphere.VM) { vm.DiskBytes = vsphere.GiB(gib) })
}

// HideDevices withholds the devices of a VM from those who read it, or shows them again.
func (v *VCenter) HideDevices(ref vsphere.Ref, hidden bool) {
	v.mu.Lock()
	defer v.unlock()
	v.machine(ref).hidden = hidden
}

// Resync has each client read again what nobody watches: the disks that somebody has asked for.
func (v *VCenter) Resync() {
	v.mu.Lock()
	defer v.unlock()
	for _, c := range v.clients {
		for ref, d := range c.disks {
			if d.answered && c.ready() == nil {
				c.readDisk(v.machine(ref))
			}
		}
	}
}

// ReadDisks implements vsphere.Interface.
func (c *Client) ReadDisks(_ context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.read(ReadDisks, g); err != nil {
		return err
	}
	pending := false
	for _, ref := range vms {
		if d := c.disks[ref]; c.known[ref] && (d == nil || !d.answered) {
			c.disks[ref], pending = &diskRead{}, true
		}
	}
	if !pending {
		return nil
	}
	if !c.vc.silent {
		c.readDisksAsked()
		c.outbox.Notify(g)
	}
	return vsphere.ErrPending
}

// readDisksAsked reads the disks that somebody has asked for, and tells their groups.
func (c *Client) readDisksAsked() {
	for ref, d := range c.disks {
		if !d.answered {
			c.readDisk(c.vc.machines[ref])
		}
	}
}

// readDisk reads the disk of a VM, and tells its group.
func (c *Client) readDisk(m *machine) {
	d := c.disks[m.Ref]
	if d.answered = true; !m.hidden {
		d.bytes = m.DiskBytes
	}
	c.tracker.Observed(c.view(m))
	c.notify(m)
}

// refuseDisk says why no VM with a disk of a size can be made from a template, or is nil.
func refuseDisk(template *machine, gib int32) *vsphere.Error {
	switch {
	case gib == 0 || template.DiskBytes > 0 && template.DiskBytes <= vsphere.GiB(gib):
		return nil
	case template.DiskBytes == 0:
		return newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateUnusable, "%s has no disk", template.Name)
	default:
		return newError(vsphere.ClassInvalid, v1alpha1.ReasonDiskTooSmall, "spec.disk is %d GiB, and that of %s has %s",
			gib, template.Name, vsphere.DiskSize(template.DiskBytes))
	}
}

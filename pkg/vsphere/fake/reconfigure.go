package fake

import (
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// SetHotPlug says whether the size of a VM can be changed while the VM is on. At first it can.
func (v *VCenter) SetHotPlug(ref vsphere.Ref, possible bool) {
	v.mu.Lock()
	defer v.unlock()
	v.machine(ref).noHotPlug = !possible
}

// beginChange takes the place of a change in the budget, and looks at its VM after that.
func (c *Client) beginChange(g vsphere.GroupID, r vsphere.Request) (operations.ID, *machine, error) {
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return 0, nil, err // it is not looked at before it is its turn
	}
	m := c.vc.machines[r.VM]
	if m == nil {
		c.tracker.Withdraw(id, nil)
		c.tracker.Gone(r.VM)
		return 0, nil, newError(vsphere.ClassConflict, vsphere.ReasonGone, "VM %s does not exist", r.VM)
	}
	return id, m, nil
}

func (c *Client) startReconfigure(g vsphere.GroupID, r vsphere.Request) error {
	id, m, err := c.beginChange(g, r)
	if err != nil {
		return err
	}
	if err := c.refuseChange(g, m); err != nil {
		c.tracker.Withdraw(id, err)
		return err
	}
	read := c.vc.view(m)
	if m.hidden && r.Resize.DiskGiB != 0 {
		err := newError(vsphere.ClassTransient, v1alpha1.ReasonRetrying, "the disks of %s cannot be seen", m.Name)
		c.tracker.Withdraw(id, err)
		return err
	}
	if err := r.Resize.Refuse(read); err != nil {
		c.tracker.Withdraw(id, err)
		return err
	}
	return c.send(id, g, r, func() (vsphere.Ref, *vsphere.Error) {
		m := c.vc.machines[r.VM]
		switch {
		case m == nil:
			return "", faultError(vsphere.ClassConflict, "ManagedObjectNotFound", "VM %s does not exist", r.VM)
		case m.CPU != read.CPU || m.MemoryMiB != read.MemoryMiB || m.DiskBytes != read.DiskBytes || m.Stamp == nil || m.Stamp.String() != read.Stamp.String():
			err := faultError(vsphere.ClassConflict, "ConcurrentAccess", "%s is not as it was read", m.Name)
			err.Reason = vsphere.ReasonChangedMeanwhile
			return "", err
		case m.noHotPlug && m.Power == vsphere.PoweredOn && (m.CPU != r.Resize.CPU || m.MemoryMiB != r.Resize.MemoryMiB):
			err := faultError(vsphere.ClassConflict, "CpuHotPlugNotSupported", "%s is on", m.Name)
			err.Reason = vsphere.ReasonNotHotPluggable
			return "", err
		}
		stamp := m.Stamp.Revised(r.Resize.Revision)
		m.CPU, m.MemoryMiB, m.Stamp = r.Resize.CPU, r.Resize.MemoryMiB, &stamp
		if r.Resize.DiskGiB != 0 {
			m.DiskBytes = vsphere.GiB(r.Resize.DiskGiB)
		}
		return r.VM, nil
	})
}

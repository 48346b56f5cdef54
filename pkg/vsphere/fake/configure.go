package fake

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// GuestDataOf returns what the guest of a VM was told of itself, and false if it was told nothing.
func (v *VCenter) GuestDataOf(vm vsphere.Ref) (vsphere.GuestData, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	told := v.machine(vm).told
	if told == nil {
		return vsphere.GuestData{}, false
	}
	return *told, true
}

func (c *Client) startConfigure(g vsphere.GroupID, r vsphere.Request) error {
	id, m, err := c.beginChange(g, r)
	if err != nil {
		return err
	}
	refusal := c.refuseChange(g, m)
	switch {
	case refusal != nil:
	case m.Stamp.Guest != vsphere.GuestPending:
		refusal = newError(vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile, "the guest of %s was told already", m.Name)
	case r.Guest.Customization != "" && m.pending == nil:
		refusal = newError(vsphere.ClassConflict, vsphere.ReasonNotCustomized, "vCenter is not about to customize %s", m.Name)
	case m.Power != vsphere.PoweredOff:
		refusal = newError(vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile, "%s is on", m.Name)
	}
	if refusal != nil {
		c.tracker.Withdraw(id, refusal)
		return refusal
	}
	was := m.Stamp.String()
	return c.send(id, g, r, func() (vsphere.Ref, *vsphere.Error) {
		m := c.vc.machines[r.VM]
		switch {
		case m == nil:
			return "", faultError(vsphere.ClassConflict, "ManagedObjectNotFound", "VM %s does not exist", r.VM)
		case m.Stamp == nil || m.Stamp.String() != was:
			err := faultError(vsphere.ClassConflict, "ConcurrentAccess", "%s is not as it was read", m.Name)
			err.Reason = vsphere.ReasonChangedMeanwhile
			return "", err
		}
		stamp := m.Stamp.Told()
		m.Stamp = &stamp
		if r.Guest.Customization == "" {
			m.told = r.Guest
		}
		return r.VM, nil
	})
}

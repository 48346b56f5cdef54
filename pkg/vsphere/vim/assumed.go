package vim

import (
	"context"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// setPower notes a power state that a task of ours has brought about: the property may come later than the task's end.
// It may also never come, as somebody may have undone it before the watch looked.
func (inv *inventory) setPower(ref vsphere.Ref, power vsphere.PowerState, now time.Time, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil {
		return
	}
	if r.vm.Power != power {
		inv.assumed[ref] = now
	}
	r.props[propPower] = string(power)
	vm := *r.vm
	vm.Power = power
	inv.replace(r, vm, r.host, t)
}

// overdueAssumptions returns the VMs whose power state the watch should have reported by now, and tells whether others
// are left.
func (inv *inventory) overdueAssumptions(now time.Time) (overdue []vsphere.Ref, left bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for ref, since := range inv.assumed {
		if now.Sub(since) >= reportedWithin {
			overdue = append(overdue, ref)
		}
	}
	return overdue, len(inv.assumed) > len(overdue)
}

// confirmed notes that a VM was read after its power state was assumed.
func (inv *inventory) confirmed(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	delete(inv.assumed, ref)
}

// verifyAssumptions reads the power states that the watch has not confirmed.
func (c *connection) verifyAssumptions(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = vmRef(ref)
	}
	asked := c.v.inv.instant()
	readings, err := c.readEach(ctx, objects, sweptProps()...)
	if err != nil {
		return err
	}
	var t touched
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		if !r.gone && r.err == nil {
			c.v.inv.refresh(object{ref: obj, props: r.props}, nil, asked, &t)
		}
		c.v.inv.confirmed(ref) // or it leaves, which the watch tells
	}
	c.v.settle(&t)
	return nil
}

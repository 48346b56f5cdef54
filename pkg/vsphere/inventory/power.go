package inventory

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// AssumePower notes a power state that a task of ours has brought about: the property may come later than the task's end.
// It may also never come, as somebody may have undone it before a filter looked.
func (inv *Inventory) AssumePower(ref vsphere.Ref, power vsphere.PowerState, now time.Time, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil {
		return
	}
	if r.vm.Power != power {
		inv.assumedPower[ref] = now
	}
	r.props.Power = power
	r.props.Set |= FieldPower
	vm := *r.vm
	vm.Power = power
	inv.replace(r, vm, r.host, ch)
}

// AssumedPower returns the VMs whose power state was assumed by then and not confirmed since, and reports whether there are
// others.
func (inv *Inventory) AssumedPower(by time.Time) (overdue []vsphere.Ref, others bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return overdueBy(inv.assumedPower, by)
}

// ConfirmPower notes that a VM was read after its power state was assumed.
func (inv *Inventory) ConfirmPower(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	delete(inv.assumedPower, ref)
}

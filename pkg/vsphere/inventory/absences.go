package inventory

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// noteAbsence notes that no filter holds a VM any more. inv.mu is held.
func (inv *Inventory) noteAbsence(r *record) {
	if inv.isOurs(r.vm) {
		inv.absences.Left(r.vm.Ref)
	}
}

// DismissAbsence notes that a task of ours destroys a VM, or has done so: that is no loss.
func (inv *Inventory) DismissAbsence(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.absences.Dismiss(ref)
}

// Assess finds out whether many VMs have disappeared at once. When that begins or ends, it concerns every group.
func (inv *Inventory) Assess(ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	ch.All = inv.absences.Assess(inv.members) || ch.All
}

// Disappearance returns the mass disappearance that is being looked into, or nil.
func (inv *Inventory) Disappearance() *vsphere.Disappearance {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.absences.Current()
}

package vim

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// left notes that a VM is in no view any more. inv.mu is held.
func (inv *inventory) left(r *record) {
	if inv.isOurs(*r.vm) {
		inv.absences.Left(r.vm.Ref)
	}
}

// byOurHand notes that a task of ours destroys a VM, or has done so: that is no loss.
func (inv *inventory) byOurHand(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.absences.Dismiss(ref)
}

// assess finds out whether many VMs have disappeared at once. When that begins or ends, it concerns every group.
func (inv *inventory) assess(t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	t.all = inv.absences.Assess(inv.members) || t.all
}

// disappearance returns the mass disappearance that is being looked into, or nil.
func (inv *inventory) disappearance() *vsphere.Disappearance {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.absences.Current()
}

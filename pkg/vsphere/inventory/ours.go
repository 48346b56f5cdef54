package inventory

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// Sited is a VM, and the host that it is on.
type Sited struct {
	*vsphere.VM
	HostRef vsphere.Ref
}

// Ours returns the VMs of ours below the root folder that keep is true for, in no order. keep must not call back.
func (inv *Inventory) Ours(keep func(*vsphere.VM) bool) []Sited {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var out []Sited
	for _, r := range inv.vms {
		if inv.isOurs(r.vm) && r.vm.UnderRoot && keep(r.vm) {
			out = append(out, Sited{r.vm, r.host})
		}
	}
	return out
}

package vim

import (
	"cmp"
	"context"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Stamped returns all VMs that are ours, of whatever group. It makes no call.
func (v *VCenter) Stamped(context.Context) ([]vsphere.VM, error) {
	before, err := v.synced()
	if err != nil {
		return nil, err
	}
	vms := v.inv.stamped()
	after, err := v.synced()
	if err != nil {
		return nil, err
	}
	if after != before {
		return nil, syncing("The inventory was read anew just now; looking again.")
	}
	return vms, nil
}

func (inv *inventory) stamped() []vsphere.VM {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var out []vsphere.VM
	for uid, vms := range inv.byUID {
		for _, r := range vms {
			if is := vsphere.Identify(inv.owner, uid, r.vm); is == vsphere.Ours || is == vsphere.ConvertedToTemplate {
				out = append(out, inv.copyOf(r))
			}
		}
	}
	slices.SortFunc(out, func(a, b vsphere.VM) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref)) })
	return out
}

// mayBeOurs tells whether a VM carries a stamp of ours, or could: its configuration is not known yet.
func (inv *inventory) mayBeOurs(vm vsphere.VM) bool {
	return !vm.Configured || inv.isOurs(vm)
}

// isOurs tells whether a VM carries a stamp of ours.
func (inv *inventory) isOurs(vm vsphere.VM) bool {
	return vm.Stamp != nil && vm.Stamp.Owner == inv.owner
}

// isSeen tells whether a VM carries a stamp of ours and is complete enough to end the clone that made it.
func (inv *inventory) isSeen(vm vsphere.VM) bool {
	return vm.Configured && vm.Name != "" && inv.isOurs(vm)
}

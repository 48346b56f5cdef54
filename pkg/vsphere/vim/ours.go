package vim

import (
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
	var vms []*vsphere.VM
	inv.mu.Lock()
	for uid, list := range inv.byUID {
		for _, vm := range list.All() {
			if is := vsphere.Identify(inv.owner, uid, *vm); is == vsphere.Ours || is == vsphere.ConvertedToTemplate {
				vms = append(vms, vm)
			}
		}
	}
	inv.mu.Unlock()
	slices.SortFunc(vms, compareVMs)
	out := make([]vsphere.VM, 0, len(vms))
	for _, vm := range vms {
		out = append(out, *vm)
	}
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

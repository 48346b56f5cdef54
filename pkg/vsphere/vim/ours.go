package vim

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

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

package fake

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The methods below are what the guest of a VM does, as vCenter hears of it. A guest does nothing by itself: a VM that is
// switched on has no running Tools and no address until a test says so. Use Update for whether a VM takes vCPUs and memory
// while it is on; clones are as their template in that.

// SetTools has VMware Tools run in a guest, or stop. Tools that stop tell of no address any more.
func (v *VCenter) SetTools(ref vsphere.Ref, running bool) {
	v.Update(ref, func(vm *vsphere.VM) {
		if vm.ToolsRunning = running; !running {
			vm.IP, vm.IPs = "", nil
		}
	})
}

// SetIPs gives a guest these addresses, and no others. The first is the one that vCenter shows for the guest as a whole.
func (v *VCenter) SetIPs(ref vsphere.Ref, ips ...string) {
	v.Update(ref, func(vm *vsphere.VM) {
		if vm.IP, vm.IPs = "", slices.Clone(ips); len(ips) > 0 {
			vm.IP = ips[0]
		}
	})
}

// SetReady sets vsphere.ReadyKey as a guest does; an empty value clears it.
func (v *VCenter) SetReady(ref vsphere.Ref, value string) {
	v.Update(ref, func(vm *vsphere.VM) { vm.GuestReady = vsphere.SaysReady(value) })
}

// setPower switches a VM on or off. With its power goes what its guest has told, also what it wrote while it was on.
func setPower(vm *vsphere.VM, power vsphere.PowerState) {
	if vm.Power = power; power != vsphere.PoweredOn {
		vm.ToolsRunning, vm.IP, vm.IPs, vm.GuestReady = false, "", nil, false
	}
}

package vim

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/cloudinit"
)

// tellGuest returns what hands a guest its data, with the stamp that says so, in one call. vm was just read. In order:
//
//  1. it was told already, or was never to be told anything: refused
//  2. it is on: refused. cloud-init may have run without its data
//  3. vCenter customizes it: see confirmCustomized
//  4. its network cards are not those that its stamp names, or vCenter shows no MAC address of one yet: refused
//  5. a vApp config goes with that: cloud-init would look there first, and find what the template has
func tellGuest(g vsphere.GroupID, vm vsphere.VM, props properties, data vsphere.GuestData) (types.VirtualMachineConfigSpec, error) {
	switch {
	case vm.Stamp.Guest != vsphere.GuestPending:
		return types.VirtualMachineConfigSpec{}, refuseGuest(vm, "has been told by somebody else meanwhile")
	case vm.Power != vsphere.PoweredOff:
		return types.VirtualMachineConfigSpec{}, refuseGuest(vm, "has been switched on meanwhile")
	}
	if data.Customization != "" {
		return confirmCustomized(vm, props)
	}
	cards, err := guestCards(vm, props.cards(), data.Cards)
	if err != nil {
		return types.VirtualMachineConfigSpec{}, err
	}
	values, err := cloudinit.Values(cloudinit.Data{
		Instance: vm.Stamp.Instance, Hostname: data.Hostname, Cards: cards, SSHKeys: data.SSHKeys, UserData: data.UserData,
		Namespace: g.Namespace, Group: g.Name, Slot: vm.Stamp.Slot,
	})
	if err != nil {
		return types.VirtualMachineConfigSpec{}, err
	}
	spec := withStamp(vm.Stamp.Told())
	for _, value := range values {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: value.Key, Value: value.Value})
	}
	if props[propVApp] != nil {
		remove := true
		spec.VAppConfigRemoved = &remove
	}
	return spec, nil
}

// guestCards brings the network cards of a VM together with what its guest is told of them.
func guestCards(vm vsphere.VM, cards []types.BaseVirtualEthernetCard, told []vsphere.GuestCard) ([]cloudinit.Card, error) {
	if len(told) == 0 {
		return nil, nil
	}
	if len(cards) != len(told) {
		return nil, guestCardsMissing(vm, fmt.Sprintf("has %d network cards instead of %d", len(cards), len(told)))
	}
	out := make([]cloudinit.Card, 0, len(told))
	for i, card := range told {
		mac := cards[i].GetVirtualEthernetCard().MacAddress
		if mac == "" {
			return nil, guestCardsMissing(vm, "has a network card without a MAC address yet")
		}
		out = append(out, cloudinit.Card{MAC: mac, Address: card.Address, Subnet: card.Subnet})
	}
	return out, nil
}

func refuseGuest(vm vsphere.VM, why string) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassConflict, Reason: vsphere.ReasonChangedMeanwhile, Message: untold(vm, why)}
}

func guestCardsMissing(vm vsphere.VM, why string) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Message: untold(vm, why)}
}

func untold(vm vsphere.VM, why string) string {
	return fmt.Sprintf("The guest of VM %s is not told its hostname, addresses and user data: the VM %s.", vm.Name, why)
}

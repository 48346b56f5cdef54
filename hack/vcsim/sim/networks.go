package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// nsxSwitch is the type that NSX gives its opaque networks.
const nsxSwitch = "nsx.LogicalSwitch"

// backingOn is the backing of a network card that is connected to a network, as a client makes it.
func (s *Simulator) backingOn(network mo.Entity) types.BaseVirtualDeviceBackingInfo {
	switch n := network.(type) {
	case *simulator.DistributedVirtualPortgroup:
		backing := new(types.VirtualEthernetCardDistributedVirtualPortBackingInfo)
		backing.Port.PortgroupKey, backing.Port.SwitchUuid = n.Key, switchUUID(s.registry, n)
		return backing
	case *mo.OpaqueNetwork:
		summary := n.Summary.(*types.OpaqueNetworkSummary)
		return &types.VirtualEthernetCardOpaqueNetworkBackingInfo{
			OpaqueNetworkId: summary.OpaqueNetworkId, OpaqueNetworkType: summary.OpaqueNetworkType,
		}
	}
	backing := new(types.VirtualEthernetCardNetworkBackingInfo)
	backing.DeviceName, backing.UseAutoDetect = nameOf(network), types.NewBool(false)
	return backing
}

func switchUUID(registry *simulator.Registry, n *simulator.DistributedVirtualPortgroup) string {
	if dvs := switchOf(registry, n); dvs != nil {
		return dvs.Uuid
	}
	return ""
}

func switchOf(registry *simulator.Registry, n *simulator.DistributedVirtualPortgroup) *simulator.DistributedVirtualSwitch {
	if n.Config.DistributedVirtualSwitch == nil {
		return nil
	}
	dvs, _ := registry.Get(*n.Config.DistributedVirtualSwitch).(*simulator.DistributedVirtualSwitch)
	return dvs
}

// networkOf returns the network of a datacenter that the backing of a network card names, or nil. A standard port group is
// known by its name: its reference is not used, says the API reference, and counts here only where there is no name.
func networkOf(
	registry *simulator.Registry, dc *simulator.Datacenter, backing types.BaseVirtualDeviceBackingInfo,
) mo.Entity {
	if dc == nil {
		return nil
	}
	for _, ref := range dc.Network {
		network, ok := registry.Get(ref).(mo.Entity)
		if ok && backs(registry, network, backing) {
			return network
		}
	}
	return nil
}

func backs(registry *simulator.Registry, network mo.Entity, backing types.BaseVirtualDeviceBackingInfo) bool {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		n, ok := network.(*mo.Network)
		return ok && (b.DeviceName == n.Name || b.DeviceName == "" && b.Network != nil && *b.Network == n.Self)
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		n, ok := network.(*simulator.DistributedVirtualPortgroup)
		return ok && b.Port.PortgroupKey == n.Key && b.Port.SwitchUuid == switchUUID(registry, n)
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		n, ok := network.(*mo.OpaqueNetwork)
		return ok && b.OpaqueNetworkId == n.Summary.(*types.OpaqueNetworkSummary).OpaqueNetworkId
	}
	return false
}

// disguise hides from the stock simulator that network cards are on opaque networks: it would replace those by distributed
// port groups that are not there. What connects the virtual machine ends the disguise.
func disguise(changes []types.BaseVirtualDeviceConfigSpec) {
	for _, change := range changes {
		if card := ethernetCard(change.GetVirtualDeviceConfigSpec().Device); card != nil {
			if backing, ok := card.Backing.(*types.VirtualEthernetCardOpaqueNetworkBackingInfo); ok {
				disguised := *backing
				disguised.OpaqueNetworkType, card.Backing = "", &disguised
			}
		}
	}
}

// connect works out which networks a virtual machine is on. The stock simulator knows no opaque networks, counts a network
// once for each card, and tells guests the names of standard networks only. It returns what has changed; the caller holds the
// virtual machine's lock, or is the only one who knows it.
func connect(registry *simulator.Registry, vm *mo.VirtualMachine) []types.PropertyChange {
	dc := datacenterOf(registry, vm)
	refs := []types.ManagedObjectReference{}
	names := map[int32]string{}
	for _, device := range vm.Config.Hardware.Device {
		card := ethernetCard(device)
		if card == nil {
			continue
		}
		if opaque, ok := card.Backing.(*types.VirtualEthernetCardOpaqueNetworkBackingInfo); ok && opaque.OpaqueNetworkType == "" {
			opaque.OpaqueNetworkType = nsxSwitch
		}
		network := networkOf(registry, dc, card.Backing)
		if network == nil {
			continue
		}
		names[card.Key] = nameOf(network)
		if !slices.Contains(refs, network.Reference()) {
			refs = append(refs, network.Reference())
		}
	}
	guest := *vm.Guest
	guest.Net = slices.Clone(guest.Net) // watchers may still have the old one
	for i := range guest.Net {
		guest.Net[i].Network = names[guest.Net[i].DeviceConfigId]
	}
	return []types.PropertyChange{{Name: "network", Val: refs}, {Name: "guest.net", Val: guest.Net}}
}

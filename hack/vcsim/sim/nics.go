package sim

import (
	"reflect"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// maxCards is vCenter's limit to the network cards of a virtual machine.
const maxCards = 10

// cardChanges carries out changes of network cards on a list of devices. These are the rules; whatever breaks one is refused
// before anything is done:
//
//  1. An edit or a removal names the key of a network card that is there, and an edit leaves the card's type as it is.
//     Otherwise the fault is InvalidDeviceSpec.
//  2. A card's backing names a network of the datacenter, which the host has. Otherwise the fault is InvalidDeviceBacking; and
//     InvalidArgument if the host is no member of the network's switch, as govmomi's simulator has it.
//  3. What an edit leaves out stays as it is. A new card needs a backing.
//  4. There are ten cards at most: TooManyDevices. That a unit number is used once, the stock simulator sees to.
type cardChanges struct {
	registry *simulator.Registry
	dc       *simulator.Datacenter
	host     *mo.HostSystem
	devices  object.VirtualDeviceList // what there is after the changes so far
	touched  []int32                  // keys of cards that were edited or added
}

// apply carries out those changes that are about network cards. What an edit leaves out is filled in.
func (c *cardChanges) apply(changes []types.BaseVirtualDeviceConfigSpec) types.BaseMethodFault {
	for i, base := range changes {
		change := base.GetVirtualDeviceConfigSpec()
		if ethernetCard(change.Device) == nil {
			continue
		}
		var fault types.BaseMethodFault
		switch change.Operation {
		case types.VirtualDeviceConfigSpecOperationAdd:
			fault = c.add(int32(i), change)
		case types.VirtualDeviceConfigSpecOperationEdit:
			fault = c.edit(int32(i), change)
		case types.VirtualDeviceConfigSpecOperationRemove:
			fault = c.remove(int32(i), change)
		}
		if fault != nil {
			return fault
		}
	}
	return nil
}

// find returns the index of the network card that a change is about.
func (c *cardChanges) find(i int32, change *types.VirtualDeviceConfigSpec) (int, types.BaseMethodFault) {
	at := slices.IndexFunc(c.devices, func(d types.BaseVirtualDevice) bool {
		return ethernetCard(d) != nil && d.GetVirtualDevice().Key == change.Device.GetVirtualDevice().Key
	})
	if at < 0 {
		return at, invalidDevice(i, "virtualDeviceSpec.device.key")
	}
	return at, nil
}

func (c *cardChanges) add(i int32, change *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	card := ethernetCard(change.Device)
	cards := 0
	for _, device := range c.devices {
		if ethernetCard(device) != nil {
			cards++
		}
	}
	if cards >= maxCards {
		return &types.TooManyDevices{InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec"}}
	}
	if fault := c.reach(i, card.Backing); fault != nil {
		return fault
	}
	card.Key = c.freeKey()
	c.devices = append(c.devices, change.Device)
	c.touched = append(c.touched, card.Key)
	return nil
}

// firstCardKey is the key of the first network card of a virtual machine. The next ones follow it, as in vCenter: the stock simulator
// gives keys that sort before it.
const firstCardKey = 4000

// freeKey returns the lowest key that no network card has.
func (c *cardChanges) freeKey() int32 {
	key := int32(firstCardKey)
	for slices.ContainsFunc(c.devices, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key }) {
		key++
	}
	return key
}

func (c *cardChanges) edit(i int32, change *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	at, fault := c.find(i, change)
	if fault != nil {
		return fault
	}
	if reflect.TypeOf(change.Device) != reflect.TypeOf(c.devices[at]) {
		return invalidDevice(i, "virtualDeviceSpec.device")
	}
	card, old := ethernetCard(change.Device), ethernetCard(c.devices[at])
	if card.Backing != nil {
		if fault := c.reach(i, card.Backing); fault != nil {
			return fault
		}
	}
	completeCard(card, old)
	c.devices = slices.Clone(c.devices)
	c.devices[at] = change.Device
	c.touched = append(c.touched, card.Key)
	return nil
}

func (c *cardChanges) remove(i int32, change *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	at, fault := c.find(i, change)
	if fault != nil {
		return fault
	}
	change.Device = c.devices[at] // the stock simulator panics if the client has left out its network
	c.devices = slices.Delete(slices.Clone(c.devices), at, at+1)
	return nil
}

// completeCard gives the edit of a network card what it leaves out. The summary follows the network.
func completeCard(card, old *types.VirtualEthernetCard) {
	fill(&card.Backing, old.Backing)
	fill(&card.Connectable, old.Connectable)
	fill(&card.SlotInfo, old.SlotInfo)
	fill(&card.UnitNumber, old.UnitNumber)
	fill(&card.ControllerKey, old.ControllerKey)
	fill(&card.WakeOnLanEnabled, old.WakeOnLanEnabled)
	fill(&card.ResourceAllocation, old.ResourceAllocation)
	fill(&card.MacAddress, old.MacAddress)
	fill(&card.AddressType, old.AddressType)
	info := new(types.Description)
	if old.DeviceInfo != nil {
		info.Label = old.DeviceInfo.GetDescription().Label
	}
	card.DeviceInfo = info
}

// fill gives a field that is not set another's value.
func fill[T comparable](dst *T, src T) {
	var zero T
	if *dst == zero {
		*dst = src
	}
}

// reach refuses the backing of a network card that the host cannot connect.
func (c *cardChanges) reach(i int32, backing types.BaseVirtualDeviceBackingInfo) types.BaseMethodFault {
	network := networkOf(c.registry, c.dc, backing)
	if network != nil && slices.Contains(c.host.Network, network.Reference()) {
		return nil
	}
	if group, ok := network.(*simulator.DistributedVirtualPortgroup); ok {
		if dvs := switchOf(c.registry, group); dvs != nil && !slices.Contains(dvs.Summary.HostMember, c.host.Self) {
			return &types.InvalidArgument{InvalidProperty: "spec.deviceChange.device.port.switchUuid"}
		}
	}
	return &types.InvalidDeviceBacking{InvalidDeviceSpec: *invalidDevice(i, "virtualDeviceSpec.device.backing")}
}

// keep refuses network cards that nobody has changed and whose network the host does not have.
func (c *cardChanges) keep() types.BaseMethodFault {
	for _, device := range c.devices {
		card := ethernetCard(device)
		if card == nil || slices.Contains(c.touched, card.Key) {
			continue
		}
		network := networkOf(c.registry, c.dc, card.Backing)
		if network != nil && slices.Contains(c.host.Network, network.Reference()) {
			continue
		}
		fault := new(types.CannotAccessNetwork)
		if card.DeviceInfo != nil {
			info := card.DeviceInfo.GetDescription()
			fault.Device, fault.Backing = info.Label, info.Summary
		}
		fault.Connected = card.Connectable != nil && card.Connectable.StartConnected
		if network != nil {
			ref := network.Reference()
			fault.Network = &ref
		}
		return fault
	}
	return nil
}

func invalidDevice(i int32, property string) *types.InvalidDeviceSpec {
	fault := &types.InvalidDeviceSpec{DeviceIndex: i}
	fault.Property = property
	return fault
}

package vim

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// placedNetwork is a network of a class, and what it comes to, or what is wrong with it.
type placedNetwork struct {
	class, name string
	subnet      vsphere.Subnet
	ref         types.ManagedObjectReference
	backing     types.BaseVirtualDeviceBackingInfo
	err         *vsphere.Error
}

// findNetworks finds the networks of a class. An error means that vCenter has not answered.
func (c *connection) findNetworks(ctx context.Context, anc *ancestry, class vsphere.ClassSpec) ([]placedNetwork, error) {
	if len(class.Networks) == 0 {
		return nil, nil
	}
	all, base, err := anc.below(ctx, folderRef(c.site.datacenter.props.ref("networkFolder")), "Network")
	if err != nil {
		return nil, err
	}
	var out []placedNetwork
	for _, spec := range class.Networks {
		network := placedNetwork{class: class.Name, name: spec.Name, subnet: spec.Subnet}
		found, err := choose(setting{"network", "path of network " + spec.Name}, spec.Path, all, base, c.site.datacenter.path)
		if err == nil {
			network.ref = found.ref
			network.backing, err = anc.backing(ctx, found)
		}
		if err != nil {
			if network.err = c.fail("Find network "+spec.Name, err); network.err.Class != vsphere.ClassInvalid {
				return nil, err
			}
		}
		out = append(out, network)
	}
	return out, nil
}

// backing returns what a NIC is backed by that is connected to a network, as the API reference has it for each type.
func (a *ancestry) backing(ctx context.Context, network choice) (types.BaseVirtualDeviceBackingInfo, error) {
	switch network.ref.Type {
	case "DistributedVirtualPortgroup":
		group, err := a.readMore(ctx, network.ref, "key", "config.distributedVirtualSwitch")
		if err != nil {
			return nil, err
		}
		dvs, ok := group["config.distributedVirtualSwitch"].(types.ManagedObjectReference)
		if !ok { // as if it had none: that of one that may not be read is not told
			return nil, errSwitchHidden(network)
		}
		of, err := a.readMore(ctx, dvs, "uuid")
		if err != nil {
			return nil, err
		}
		if of.text("uuid") == "" {
			return nil, errSwitchHidden(network)
		}
		return &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{Port: types.DistributedVirtualSwitchPortConnection{
			PortgroupKey: group.text("key"), SwitchUuid: of.text("uuid"),
		}}, nil
	case "OpaqueNetwork":
		props, err := a.readMore(ctx, network.ref, "summary")
		if err != nil {
			return nil, err
		}
		summary := opaqueSummary(props["summary"])
		return &types.VirtualEthernetCardOpaqueNetworkBackingInfo{
			OpaqueNetworkId: summary.OpaqueNetworkId, OpaqueNetworkType: summary.OpaqueNetworkType,
		}, nil
	default:
		return &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: network.props.text(propName)},
			Network:                        &network.ref,
		}, nil
	}
}

func opaqueSummary(value any) types.OpaqueNetworkSummary {
	switch s := value.(type) {
	case *types.OpaqueNetworkSummary:
		return *s
	case types.OpaqueNetworkSummary:
		return s
	default:
		return types.OpaqueNetworkSummary{}
	}
}

func errSwitchHidden(network choice) error {
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNoPermission, Message: fmt.Sprintf(
		"The controller's account may not read the distributed switch of the network %s (System.Read); grant it in vCenter.",
		vsphere.Path(network.path...))}
}

// readMore reads properties of one object, once for each round of look-ups.
func (a *ancestry) readMore(ctx context.Context, ref types.ManagedObjectReference, paths ...string) (properties, error) {
	if props, ok := a.more[ref]; ok {
		return props, nil
	}
	readings, err := a.c.readEach(ctx, []types.ManagedObjectReference{ref}, paths...)
	switch r := readings[ref]; {
	case err != nil:
		return nil, err
	case r.gone:
		return nil, errMovedMeanwhile
	case r.err != nil:
		return nil, r.err
	default:
		a.more[ref] = r.props
		return r.props, nil
	}
}

// backingsOf returns what the NICs of a clone are backed by, none if they are the template's.
func (c *connection) backingsOf(spec *vsphere.CloneSpec) ([]types.BaseVirtualDeviceBackingInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []types.BaseVirtualDeviceBackingInfo
	for _, name := range spec.NetworkNames() {
		i := slices.IndexFunc(c.places.networks, func(n placedNetwork) bool { return n.class == spec.Place.Class && n.name == name })
		switch {
		case i < 0:
			return nil, &vsphere.Error{
				Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonRetrying,
				Message: fmt.Sprintf("There is no network %q of class %q, or it has not been looked up yet.", name, spec.Place.Class),
			}
		case c.places.networks[i].err != nil:
			return nil, c.places.networks[i].err
		}
		out = append(out, c.places.networks[i].backing)
	}
	return out, nil
}

// cards returns the network cards of a VM, in the order of their keys, which is that of the guest.
func (p properties) cards() []types.BaseVirtualEthernetCard {
	devices, ok := p[propDevices].(types.ArrayOfVirtualDevice)
	if !ok {
		return nil
	}
	var cards []types.BaseVirtualEthernetCard
	for _, d := range devices.VirtualDevice {
		if card, ok := d.(types.BaseVirtualEthernetCard); ok {
			cards = append(cards, card)
		}
	}
	slices.SortStableFunc(cards, func(a, b types.BaseVirtualEthernetCard) int {
		return cmp.Compare(a.GetVirtualEthernetCard().Key, b.GetVirtualEthernetCard().Key)
	})
	return cards
}

// connected returns the changes of a template's network cards that connect a clone to networks, so that the order of the networks is
// that of the cards:
//
//  1. there are as many cards as networks, or more: the first cards go to the networks, in order, and the others are removed
//  2. there are fewer: all are removed, and as many are added as there are networks, of the types of those, then of the first, or
//     vmxnet3. A card that is added gets the lowest key that is free. Beside a card with a higher key, as templates have
//     of which somebody has removed one, it would be the first of the guest
//
// Each card gets a MAC address of its own from vCenter.
func connected(cards []types.BaseVirtualEthernetCard, to []types.BaseVirtualDeviceBackingInfo) []types.BaseVirtualDeviceConfigSpec {
	if len(to) == 0 {
		return nil
	}
	var changes []types.BaseVirtualDeviceConfigSpec
	change := func(op types.VirtualDeviceConfigSpecOperation, card types.BaseVirtualEthernetCard) {
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: op, Device: card.(types.BaseVirtualDevice)})
	}
	if len(cards) >= len(to) {
		for i, backing := range to {
			change(types.VirtualDeviceConfigSpecOperationEdit, cardLike(cards[i], cards[i].GetVirtualEthernetCard().Key, backing))
		}
		for _, card := range cards[len(to):] {
			change(types.VirtualDeviceConfigSpecOperationRemove, card)
		}
		return changes
	}
	for _, card := range cards {
		change(types.VirtualDeviceConfigSpecOperationRemove, card)
	}
	for i, backing := range to {
		var like types.BaseVirtualEthernetCard = &types.VirtualVmxnet3{}
		switch {
		case i < len(cards):
			like = cards[i]
		case len(cards) > 0:
			like = cards[0]
		}
		change(types.VirtualDeviceConfigSpecOperationAdd, cardLike(like, -int32(i)-1, backing)) // keys below 0 are the client's
	}
	return changes
}

// cardLike returns a card of the type of another one, with a key and a backing of its own.
func cardLike(card types.BaseVirtualEthernetCard, key int32, backing types.BaseVirtualDeviceBackingInfo) types.BaseVirtualEthernetCard {
	out := reflect.New(reflect.TypeOf(card).Elem()).Interface().(types.BaseVirtualEthernetCard)
	of := out.GetVirtualEthernetCard()
	of.Key, of.Backing = key, backing
	of.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
	of.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true, Connected: true}
	if key >= 0 {
		of.ControllerKey, of.UnitNumber = card.GetVirtualEthernetCard().ControllerKey, card.GetVirtualEthernetCard().UnitNumber
		of.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
	}
	return out
}

package sim

import (
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// macs hands out MAC addresses as vCenter does: from 00:50:56:80:00:00 to 00:50:56:bf:ff:ff, none twice. The stock simulator
// lets a clone keep its source's, and makes its own of three digits of a UUID.
type macs struct{ last atomic.Uint32 }

func (m *macs) next() string {
	n := m.last.Add(1)
	return net.HardwareAddr{0x00, 0x50, 0x56, 0x80 | byte(n>>16)&0x3f, byte(n >> 8), byte(n)}.String()
}

// clone gives the network cards of a clone new addresses: those that it has from its source, and those that its request adds
// or changes without naming an address. To name one of the source's counts only if it is set by hand: vCenter overrides
// another as a duplicate.
func (m *macs) clone(inherited, asked []types.BaseVirtualDeviceConfigSpec, source object.VirtualDeviceList) {
	for _, change := range asked {
		card := ethernetCard(change.GetVirtualDeviceConfigSpec().Device)
		if card != nil && (card.MacAddress == "" || !setByHand(card) && hasMAC(source, card.MacAddress)) {
			m.renew(card)
		}
	}
	for _, change := range inherited {
		if card := ethernetCard(change.GetVirtualDeviceConfigSpec().Device); card != nil {
			m.renew(card)
		}
	}
}

func (m *macs) renew(card *types.VirtualEthernetCard) {
	card.MacAddress, card.AddressType = m.next(), string(types.VirtualEthernetCardMacTypeAssigned)
}

func setByHand(card *types.VirtualEthernetCard) bool {
	return card.AddressType == string(types.VirtualEthernetCardMacTypeManual)
}

// hasMAC reports whether one of the devices has an address. Its letters may be of either case.
func hasMAC(devices object.VirtualDeviceList, mac string) bool {
	return slices.ContainsFunc(devices, func(d types.BaseVirtualDevice) bool {
		card := ethernetCard(d)
		return card != nil && strings.EqualFold(card.MacAddress, mac)
	})
}

// ethernetCard is a device as a network card, or nil.
func ethernetCard(d types.BaseVirtualDevice) *types.VirtualEthernetCard {
	if card, ok := d.(types.BaseVirtualEthernetCard); ok {
		return card.GetVirtualEthernetCard()
	}
	return nil
}

package vim

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// toolsRunning is the state of VMware Tools that run. guestToolsExecutingScripts is not: by the API's documentation Tools are
// starting then, and guestToolsRunning follows.
const toolsRunning = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)

// decodeGuest sets one property that the guest decides.
func decodeGuest(p *inventory.Properties, path string, one properties) {
	switch path {
	case propIP:
		p.IP = one.text(path)
	case propHostname:
		p.Hostname = one.text(path)
	case propToolsRunning:
		p.ToolsRunning = one.text(path) == toolsRunning
	case propNet:
		p.IPs = one.addresses()
	case propCustomization:
		info, _ := one[path].(types.GuestInfoCustomizationInfo)
		p.Customization = customizationOf(info)
	case propReady:
		p.GuestReady = vsphere.SaysReady(one.option(path))
	}
}

// addresses returns what guest.net says of addresses, and keeps nothing else of it: it tells of routes and name servers too,
// for every VM. The rules:
//
//  1. The addresses of a card are those of its ipConfig. Only of a card without one, as old Tools report it, they are those of
//     ipAddress, which the API has deprecated.
//  2. They are in vCenter's order, each once.
//  3. What is no card of the VM does not count: it has no virtual device, which a deviceConfigId below 0 says. It is a bridge
//     or a tunnel within the guest, and its address may be the same in all guests, and there before the first card has one.
func (p properties) addresses() []string {
	cards, _ := p[propNet].(types.ArrayOfGuestNicInfo)
	var ips []string
	for _, card := range cards.GuestNicInfo {
		if card.DeviceConfigId < 0 {
			continue
		}
		for _, ip := range addressesOf(card) {
			if ip != "" && !slices.Contains(ips, ip) {
				ips = append(ips, ip)
			}
		}
	}
	return ips
}

func addressesOf(card types.GuestNicInfo) []string {
	if card.IpConfig == nil {
		return card.IpAddress
	}
	ips := make([]string, 0, len(card.IpConfig.IpAddress))
	for _, address := range card.IpConfig.IpAddress {
		ips = append(ips, address.IpAddress)
	}
	return ips
}

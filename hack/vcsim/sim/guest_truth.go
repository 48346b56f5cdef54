package sim

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// guestStates is the truth about the guests that there are.
func (s *Simulator) guestStates() []control.GuestState {
	ctx := s.background()
	out := []control.GuestState{}
	for _, ref := range s.guests.refs() {
		vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
		if !ok || s.hub.isUnborn(ref) || s.hub.isEmbryo(ref) {
			continue
		}
		ctx.WithLock(vm, func() { out = append(out, s.describeGuest(vm)) })
	}
	slices.SortFunc(out, func(a, b control.GuestState) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.MoRef, b.MoRef))
	})
	return out
}

func (g *guests) refs() []types.ManagedObjectReference {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []types.ManagedObjectReference
	for ref := range g.all {
		out = append(out, ref)
	}
	return out
}

// describeGuest describes one guest. The caller holds the virtual machine's lock.
func (s *Simulator) describeGuest(vm *simulator.VirtualMachine) control.GuestState {
	out := control.GuestState{MoRef: vm.Self.Value, Name: vm.Name, On: isOn(vm)}
	var network network
	s.guests.change(vm.Self, func(g *guest) {
		network = g.boot.network
		out.Hostname, out.Failure, out.Runs = g.disk.hostname, g.boot.failure, g.runs
		out.InstanceID, out.UserData, out.PublicKeys = g.disk.instance, g.disk.userData, g.disk.keys
	})
	if info := vm.Guest.CustomizationInfo; info != nil {
		out.Customization = info.CustomizationStatus
	}
	for i, addresses := range current(vm.Guest.Net) {
		mac := vm.Guest.Net[i].MacAddress
		setup := network.of(mac)
		card := control.GuestCard{MAC: mac, DHCP: setup.dhcp4 || setup.dhcp6, Nameservers: setup.nameservers}
		for _, prefix := range setup.static {
			card.Static = append(card.Static, prefix.String())
		}
		for _, gateway := range setup.gateways {
			card.Gateways = append(card.Gateways, gateway.String())
		}
		for _, prefix := range addresses {
			card.Addresses = append(card.Addresses, prefix.Addr().String())
		}
		out.Cards = append(out.Cards, card)
	}
	return out
}

// recordPowerOn records what a guest can find that is switched on. The caller holds the virtual machine's lock.
func (s *Simulator) recordPowerOn(vm *simulator.VirtualMachine) {
	options := object.OptionValueList(vm.Config.ExtraConfig)
	one := control.PowerOn{
		MoRef: vm.Self.Value, Name: vm.Name, InstanceUUID: vm.Config.InstanceUuid, At: s.guests.clock.describe().Now,
		VApp: vm.Config.VAppConfig != nil,
	}
	one.Stamp, _ = options.GetString(stampKey)
	var err error
	if one.Metadata, err = guestData(options, "metadata"); err != nil {
		one.Metadata, _ = options.GetString(guestInfo + "metadata")
	}
	user, err := guestData(options, "userdata")
	one.UserData = user != "" || err != nil
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	one.Customization = s.guests.of(vm.Self).pending != nil
	s.guests.powerOns = append(s.guests.powerOns, one)
}

func (g *guests) listPowerOns() []control.PowerOn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]control.PowerOn{}, g.powerOns...)
}

package sim

import (
	"net/netip"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// addresses is those of the network cards of a guest in turn.
type addresses [][]netip.Prefix

// oneEach is the addresses of a guest that has at most one on each network card: "" for none.
func oneEach(ips []string) addresses {
	out := make(addresses, len(ips))
	for i, ip := range ips {
		if addr, err := netip.ParseAddr(ip); err == nil {
			out[i] = []netip.Prefix{netip.PrefixFrom(addr, prefixLength(addr))}
		}
	}
	return out
}

// current is the addresses that a guest reports.
func current(cards []types.GuestNicInfo) addresses {
	out := make(addresses, len(cards))
	for i, card := range cards {
		if card.IpConfig == nil {
			continue
		}
		for _, ip := range card.IpConfig.IpAddress {
			if addr, err := netip.ParseAddr(ip.IpAddress); err == nil {
				out[i] = append(out[i], netip.PrefixFrom(addr, int(ip.PrefixLength)))
			}
		}
	}
	return out
}

// assigned is the addresses that a guest has when it is connected: those it was given, and those it gets by DHCP.
func (s *Simulator) assigned(vm *simulator.VirtualMachine) addresses {
	cards := vm.Guest.Net
	var network network
	s.guests.change(vm.Self, func(g *guest) { network = g.boot.network })
	leases := oneEach(s.ipsOf(vm.Self, len(cards)))
	out := make(addresses, len(cards))
	for i, card := range cards {
		setup := network.of(card.MacAddress)
		out[i] = slices.Clone(setup.static)
		if setup.dhcp4 {
			out[i] = append(out[i], leases[i]...)
		}
		if setup.dhcp6 {
			for _, lease := range leases[i] {
				out[i] = append(out[i], netip.PrefixFrom(sixth(lease.Addr()), 64))
			}
		}
	}
	return out
}

// sixth is the IPv6 address that a guest gets beside a lease. RFC 5180 sets 2001:2::/48 aside for benchmarks.
func sixth(lease netip.Addr) netip.Addr {
	addr := netip.MustParseAddr("2001:2::").As16()
	from := lease.As16()
	copy(addr[12:], from[12:])
	return netip.AddrFrom16(addr)
}

// holder is a guest that has an address.
type holder struct {
	ref  types.ManagedObjectReference
	name string
}

// inUse is who has which address, and which were in use twice. Its lock is that of the guests.
type inUse struct {
	holders map[netip.Addr][]holder
	of      map[types.ManagedObjectReference][]netip.Addr
	shared  []control.SharedAddress
}

// take gives a guest addresses in the place of those that it had.
func (g *guests) take(vm *simulator.VirtualMachine, all addresses) {
	now := g.clock.describe().Now
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inUse.release(vm.Self)
	for _, card := range all {
		for _, prefix := range card {
			g.inUse.take(holder{vm.Self, vm.Name}, prefix.Addr(), func(other holder) control.SharedAddress {
				return control.SharedAddress{
					Address: prefix.Addr().String(), At: now,
					MoRefs: [2]string{other.ref.Value, vm.Self.Value}, Names: [2]string{other.name, vm.Name},
				}
			})
		}
	}
}

func (u *inUse) take(h holder, addr netip.Addr, shared func(holder) control.SharedAddress) {
	if u.holders == nil {
		u.holders, u.of = map[netip.Addr][]holder{}, map[types.ManagedObjectReference][]netip.Addr{}
	}
	for _, other := range u.holders[addr] {
		one := shared(other)
		known := func(s control.SharedAddress) bool { return s.Address == one.Address && s.MoRefs == one.MoRefs }
		if !slices.ContainsFunc(u.shared, known) {
			u.shared = append(u.shared, one)
		}
	}
	u.holders[addr] = append(u.holders[addr], h)
	u.of[h.ref] = append(u.of[h.ref], addr)
}

func (u *inUse) release(ref types.ManagedObjectReference) {
	for _, addr := range u.of[ref] {
		u.holders[addr] = slices.DeleteFunc(u.holders[addr], func(h holder) bool { return h.ref == ref })
		if len(u.holders[addr]) == 0 {
			delete(u.holders, addr)
		}
	}
	delete(u.of, ref)
}

// release takes back the addresses of a guest that is off, or has gone.
func (g *guests) release(ref types.ManagedObjectReference) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inUse.release(ref)
}

func (g *guests) sharedAddresses() []control.SharedAddress {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]control.SharedAddress{}, g.inUse.shared...)
}

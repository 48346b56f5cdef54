package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// guestRange is where the addresses of guests come from. RFC 2544 sets it aside for benchmarks.
var guestRange = netip.MustParsePrefix("198.18.0.0/15")

// guestIPs hands out the addresses of the range one after the other, so that none comes twice in the first 131,070.
type guestIPs struct{ last atomic.Uint32 }

func (g *guestIPs) next() string {
	size := uint32(1)<<(32-guestRange.Bits()) - 2 // without the first and the last
	base := guestRange.Addr().As4()
	var addr [4]byte
	binary.BigEndian.PutUint32(addr[:], binary.BigEndian.Uint32(base[:])+1+(g.last.Add(1)-1)%size)
	return netip.AddrFrom4(addr).String()
}

// ipsOf is the addresses of a guest, one for each of its network cards. It gets those that it lacks.
func (s *Simulator) ipsOf(ref types.ManagedObjectReference, cards int) []string {
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	one := s.guests.of(ref)
	one.ips = append(one.ips, make([]string, max(0, cards-len(one.ips)))...)
	for i, ip := range one.ips {
		if ip == "" {
			one.ips[i] = s.guests.ips.next()
		}
	}
	return slices.Clone(one.ips[:cards])
}

// keepFixedIPs gives a guest the addresses that a customization has just set. The stock simulator reports them before the
// guest has booted; what is reported while a virtual machine is switched on comes from there.
func (s *Simulator) keepFixedIPs(vm *simulator.VirtualMachine) {
	if !isOn(vm) {
		return
	}
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	one := s.guests.of(vm.Self)
	for i, card := range vm.Guest.Net {
		if len(card.IpAddress) == 0 {
			continue
		}
		one.ips = append(one.ips, make([]string, max(0, i+1-len(one.ips)))...)
		one.ips[i] = card.IpAddress[0]
	}
}

// keepIPs is the addresses that a guest has from now on.
func (g *guests) keepIPs(ref types.ManagedObjectReference, ips []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of(ref).ips = slices.Clone(ips)
}

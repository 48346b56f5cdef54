package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync/atomic"

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

// ipsOf is the addresses that a guest gets by DHCP, one for each of its network cards. It gets those that it lacks.
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

// keepIPs is the addresses that a guest gets by DHCP from now on.
func (g *guests) keepIPs(ref types.ManagedObjectReference, ips []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of(ref).ips = slices.Clone(ips)
}

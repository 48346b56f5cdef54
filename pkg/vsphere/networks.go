package vsphere

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strings"
)

// NIC is a network card of a VM: the name of its network, and the static addresses that the VMs of a group have there, by slot. There
// are none if DHCP, or the guest, says which.
type NIC struct {
	Network   string
	Addresses []AddressRange
}

// AddressRange is the IP addresses from one to another, both included. They are of one family, and have no zone.
type AddressRange struct{ From, To netip.Addr }

// ParseAddressRange reads an address, or two with a hyphen between them.
func ParseAddressRange(text string) (AddressRange, error) {
	first, last, isRange := strings.Cut(text, "-")
	from, err := parseAddress(first)
	if err != nil {
		return AddressRange{}, err
	}
	to := from
	if isRange {
		if to, err = parseAddress(last); err != nil {
			return AddressRange{}, err
		}
	}
	switch {
	case from.Is4() != to.Is4():
		return AddressRange{}, fmt.Errorf("%s ends with an address of another family than it begins with", text)
	case to.Less(from):
		return AddressRange{}, fmt.Errorf("%s ends before it begins", text)
	}
	return AddressRange{from, to}, nil
}

func parseAddress(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return a, fmt.Errorf("%q is no IP address", text)
	case a.Zone() != "":
		return a, fmt.Errorf("%s has a zone", text)
	case a.Is4In6():
		return a, fmt.Errorf("%s is an IPv4 address in the form of an IPv6 address", text)
	}
	return a, nil
}

// String returns the range in one form, however it was written.
func (r AddressRange) String() string {
	if r.From == r.To {
		return r.From.String()
	}
	return r.From.String() + "-" + r.To.String()
}

// Len returns the number of addresses, math.MaxInt32 at most.
func (r AddressRange) Len() int {
	n := new(big.Int).Sub(number(r.To), number(r.From))
	if !n.IsInt64() || n.Int64() >= math.MaxInt32 {
		return math.MaxInt32
	}
	return int(n.Int64()) + 1
}

// at returns the address with an index, which is less than Len.
func (r AddressRange) at(i int) netip.Addr {
	n := new(big.Int).Add(number(r.From), big.NewInt(int64(i)))
	a, _ := netip.AddrFromSlice(n.FillBytes(make([]byte, r.From.BitLen()/8)))
	return a
}

// Overlaps reports whether an address is in both ranges.
func (r AddressRange) Overlaps(o AddressRange) bool {
	return r.From.Is4() == o.From.Is4() && !r.To.Less(o.From) && !o.To.Less(r.From)
}

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// AddressOf returns the address of the VM with a slot, and false if there is none for it.
func (n NIC) AddressOf(slot int) (netip.Addr, bool) {
	for _, r := range n.Addresses {
		if slot < r.Len() {
			return r.at(slot), true
		}
		slot -= r.Len()
	}
	return netip.Addr{}, false
}

// Count returns for how many slots there is an address, math.MaxInt32 at most.
func (n NIC) Count() int {
	count := 0
	for _, r := range n.Addresses {
		count = min(count+r.Len(), math.MaxInt32)
	}
	return count
}

// JoinNICs returns NICs as a VMSpec has them, so that specs can be compared: "front,db=10.2.0.11-10.2.0.13+10.2.0.20". No name of a
// network has any of these signs.
func JoinNICs(nics []NIC) string {
	texts := make([]string, 0, len(nics))
	for _, nic := range nics {
		text, sign := nic.Network, "="
		for _, r := range nic.Addresses {
			text += sign + r.String()
			sign = "+"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ",")
}

// ParseNICs reads what JoinNICs has written. Anything else is an error.
func ParseNICs(text string) ([]NIC, error) {
	if text == "" {
		return nil, nil
	}
	var nics []NIC
	for one := range strings.SplitSeq(text, ",") {
		name, addresses, _ := strings.Cut(one, "=")
		nic := NIC{Network: name}
		if addresses != "" {
			for address := range strings.SplitSeq(addresses, "+") {
				r, err := ParseAddressRange(address)
				if err != nil {
					return nil, err
				}
				nic.Addresses = append(nic.Addresses, r)
			}
		}
		nics = append(nics, nic)
	}
	if JoinNICs(nics) != text || slices.ContainsFunc(nics, func(nic NIC) bool { return nic.Network == "" }) {
		return nil, errors.New("the networks are not written as the controller writes them")
	}
	return nics, nil
}

// NICs returns the network cards of s, none if they are the template's.
func (s VMSpec) NICs() []NIC {
	nics, _ := ParseNICs(s.Networks) // whoever makes a VMSpec has joined or parsed them
	return nics
}

// NetworkNames returns the names of the networks of s.
func (s VMSpec) NetworkNames() []string {
	var names []string
	for _, nic := range s.NICs() {
		names = append(names, nic.Network)
	}
	return names
}

// NetworksOf returns the networks of the VM with a slot, and its addresses there, as its stamp tells them: "front,db=10.2.0.12". It
// is false if there is no address for the slot.
func (s VMSpec) NetworksOf(slot int) (networks string, ok bool) {
	nics := s.NICs()
	for i, nic := range nics {
		if len(nic.Addresses) == 0 {
			continue
		}
		address, ok := nic.AddressOf(slot)
		if !ok {
			return "", false
		}
		nics[i].Addresses = []AddressRange{{address, address}}
	}
	return JoinNICs(nics), true
}

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// nicsOf returns the network cards that a group asks for, none if they are the template's. Addresses that cannot be read are left
// out: networkError tells of them, and nothing is made.
func nicsOf(g *v1alpha1.VmGroup) []vsphere.NIC {
	nics := make([]vsphere.NIC, 0, len(g.Spec.Networks))
	for _, network := range g.Spec.Networks {
		nic := vsphere.NIC{Network: network.Name}
		for _, text := range network.Addresses {
			if r, err := vsphere.ParseAddressRange(text); err == nil {
				nic.Addresses = append(nic.Addresses, r)
			}
		}
		nics = append(nics, nic)
	}
	return nics
}

// networkError says why no VM of the group can be connected to its networks, nil if nothing is known to be wrong. The first that
// applies:
//
//  1. it asks for none: its VMs have those of the template
//  2. it has no class: the flags of the controller offer no networks
//  3. the class does not offer one of them
//  4. one of them is not there
//  5. its static addresses are wrong, see addressError
//  6. no zone has all of them
func networkError(in Input) *vsphere.Error {
	nics := nicsOf(in.Group)
	switch {
	case len(nics) == 0:
		return nil
	case in.Class == "":
		return classError(v1alpha1.ReasonClassRequired, "spec.networks needs a VmGroupClass, which says what they are.")
	}
	for _, nic := range nics {
		i := slices.IndexFunc(in.Snapshot.Networks, func(n vsphere.Network) bool { return n.Name == nic.Network })
		switch {
		case i < 0:
			return classError(v1alpha1.ReasonNetworkNotOffered, "VmGroupClass %q offers no network %q.", in.Class, nic.Network)
		case in.Snapshot.Networks[i].Err != nil:
			err := in.Snapshot.Networks[i].Err
			return &vsphere.Error{Class: err.Class, Reason: err.Reason, Message: fmt.Sprintf(
				"The network %q of VmGroupClass %q cannot be used: %s. Its status says more; ask an administrator.", nic.Network, in.Class, forTenants(err))}
		}
		if err := addressError(in, nic, in.Snapshot.Networks[i]); err != nil {
			return err
		}
	}
	connected := func(zone vsphere.Zone) bool { return zone.Err == nil && lacksNetwork(in, zone) == "" }
	if !slices.ContainsFunc(in.Snapshot.Zones, connected) && placementError(in) == nil {
		zone := in.Snapshot.Zones[slices.IndexFunc(in.Snapshot.Zones, func(z vsphere.Zone) bool { return z.Err == nil })]
		return classError(v1alpha1.ReasonNetworkNotFound, "No zone has all networks of spec.networks: zone %q lacks %q.", zone.Name, lacksNetwork(in, zone))
	}
	return nil
}

// lacksNetwork returns the first network of the group that a zone lacks, empty if it has all.
func lacksNetwork(in Input, zone vsphere.Zone) string {
	for _, network := range in.Group.Spec.Networks {
		if !slices.Contains(zone.Networks, network.Name) {
			return network.Name
		}
	}
	return ""
}

// addressError says what is wrong with the static addresses of a group in one network, nil if nothing is. In order:
//
//  1. a range ends before it begins, or has addresses of two families
//  2. the class's network has no CIDR: nobody may choose addresses there
//  3. an address does not lie in it, or no guest may have it: it is the network's own, its broadcast's, or the gateway's
//  4. an address is there twice
//  5. there are fewer than VMs: replicas, and maxSurge more
func addressError(in Input, nic vsphere.NIC, network vsphere.Network) *vsphere.Error {
	of := "spec.networks[" + nic.Network + "].addresses"
	for _, spec := range in.Group.Spec.Networks {
		if spec.Name != nic.Network {
			continue
		}
		for _, text := range spec.Addresses {
			if _, err := vsphere.ParseAddressRange(text); err != nil {
				return classError(v1alpha1.ReasonAddressesInvalid, "%s: %s.", of, err)
			}
		}
	}
	if len(nic.Addresses) == 0 {
		return nil
	}
	if err := misplaced(in, of, nic, network); err != nil {
		return err
	}
	surge := 0
	if replaces(in.Group) {
		surge, _ = limits(in.Group)
	}
	if needed := int(in.Group.DesiredReplicas()) + surge; nic.Count() < needed {
		more := ""
		if surge > 0 {
			more = fmt.Sprintf(", %d of them for spec.update.maxSurge", surge)
		}
		return classError(v1alpha1.ReasonAddressesExhausted, "%s has %s, and the group needs %d%s.", of, count(nic.Count(), "address"), needed, more)
	}
	return nil
}

// misplaced returns the errors 2 to 4 of addressError: no VM can have the addresses of a network card, which of names.
func misplaced(in Input, of string, nic vsphere.NIC, network vsphere.Network) *vsphere.Error {
	if !network.CIDR.IsValid() {
		return classError(v1alpha1.ReasonAddressNotInNetwork,
			"%s: the network of VmGroupClass %q has no cidr, so that nobody may choose addresses there; ask an administrator.", of, in.Class)
	}
	for i, r := range nic.Addresses {
		if !network.CIDR.Contains(r.From) || !network.CIDR.Contains(r.To) {
			return classError(v1alpha1.ReasonAddressNotInNetwork, "%s: %s does not lie in %s, which VmGroupClass %q offers there.", of, r, network.CIDR, in.Class)
		}
		for address, whose := range reserved(network.Subnet) {
			if r.Overlaps(vsphere.AddressRange{From: address, To: address}) {
				return classError(v1alpha1.ReasonAddressNotInNetwork, "%s: no VM can have %s, for it is %s.", of, address, whose)
			}
		}
		for _, before := range nic.Addresses[:i] {
			if r.Overlaps(before) {
				return classError(v1alpha1.ReasonAddressesInvalid, "%s: %s and %s overlap.", of, before, r)
			}
		}
	}
	return nil
}

// subnetOf returns how a network of the class is addressed, or why nobody can have a static address there.
func subnetOf(in Input, network string) (subnet vsphere.Subnet, why string) {
	i := slices.IndexFunc(in.Snapshot.Networks, func(n vsphere.Network) bool { return n.Name == network && n.CIDR.IsValid() })
	if i < 0 {
		return subnet, fmt.Sprintf("VmGroupClass %q does not say any more how its network %q is addressed", in.Class, network)
	}
	return in.Snapshot.Networks[i].Subnet, ""
}

// whyUnconnected says why VMs that are made from an earlier spec of the group's cannot have their networks and static addresses, empty
// if they can, or if it is not known yet what the class offers.
func whyUnconnected(in Input, spec vsphere.VMSpec) string {
	if in.Class == "" || len(in.Snapshot.Zones) == 0 {
		return ""
	}
	for _, nic := range spec.NICs() {
		i := slices.IndexFunc(in.Snapshot.Networks, func(n vsphere.Network) bool { return n.Name == nic.Network })
		if i < 0 || in.Snapshot.Networks[i].Err != nil {
			return fmt.Sprintf("VmGroupClass %q does not offer its network %q any more", in.Class, nic.Network)
		}
		if len(nic.Addresses) == 0 {
			continue
		}
		if err := misplaced(in, "its addresses in the network "+nic.Network, nic, in.Snapshot.Networks[i]); err != nil {
			return strings.TrimSuffix(err.Message, ".")
		}
	}
	return ""
}

// reserved returns the addresses of a network that no VM can have, and whose they are.
func reserved(subnet vsphere.Subnet) map[netip.Addr]string {
	out := map[netip.Addr]string{}
	if bits := subnet.CIDR.Bits(); subnet.CIDR.Addr().Is4() && bits < 31 {
		last := subnet.CIDR.Addr().As4()
		for i := bits; i < 32; i++ {
			last[i/8] |= 1 << (7 - i%8)
		}
		out[netip.AddrFrom4(last)] = "the broadcast address"
		out[subnet.CIDR.Addr()] = "the address of the network itself"
	}
	if subnet.Gateway.IsValid() {
		out[subnet.Gateway] = "the gateway"
	}
	return out
}

// addressesHeld returns the static addresses that VMs of the group have, or get by a clone that is under way, with the names of the
// VMs. A VM keeps the address that it was made with, whatever the spec says by now. Of a clone of which only the name is known, it may be
// that of any of some specs.
func (ms *membership) addressesHeld(specs ...*vsphere.VMSpec) map[string]string {
	held := map[string]string{}
	for _, m := range ms.ours {
		hold(held, m.vm.Stamp.Networks, m.vm.Name)
	}
	for _, m := range ms.pending {
		if m.op != nil {
			hold(held, m.op.Networks, m.name)
			continue
		}
		for _, spec := range specs {
			networks, _ := spec.NetworksOf(m.slot)
			hold(held, networks, m.name)
		}
	}
	return held
}

// hold adds the addresses in what a stamp says of a VM's networks to those that VMs have.
func hold(held map[string]string, networks, name string) {
	if !strings.Contains(networks, "=") { // most groups have none
		return
	}
	for _, address := range staticAddresses(networks) {
		held[address] = name
	}
}

// staticAddresses returns the addresses in what a stamp says of a VM's networks, each with its network.
func staticAddresses(networks string) []string {
	nics, _ := vsphere.ParseNICs(networks)
	var out []string
	for _, nic := range nics {
		for _, r := range nic.Addresses {
			out = append(out, nic.Network+" "+r.From.String())
		}
	}
	return out
}

// firstHeld returns the first of some addresses that a VM has, and the name of the VM.
func firstHeld(addresses []string, holders map[string]string) (address, holder string) {
	for _, address := range addresses {
		if holder := holders[address]; holder != "" {
			return address, holder
		}
	}
	return "", ""
}

// waitForAddress is the problem that a VM is due whose address another VM of the group has.
func waitForAddress(address, holder string) *Problem {
	return waiting(v1alpha1.ReasonAddressesExhausted, fmt.Sprintf(
		"a VM is due, and the only address left for it, %s, is that of %s; it is made when that one is gone, or when spec.networks has more addresses",
		address, holder))
}

// noAddressLeft is the problem that a VM is due, and no free slot has an address.
func noAddressLeft() *Problem {
	return waiting(v1alpha1.ReasonAddressesExhausted,
		"a VM is due, and the slots that have an address in spec.networks are taken: add addresses, or remove what has the name of one of the group's VMs")
}

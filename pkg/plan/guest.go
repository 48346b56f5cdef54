package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// untold reports whether the guest of a VM of ours is to be told its hostname, addresses and user data, and was not. The VM is not
// powered on before that.
func (m *member) untold() bool { return m.guest == vsphere.GuestPending }

// specOf returns what a VM of ours is made from, and false if nobody knows: spec has changed since, and no record has what it was.
func (ms *membership) specOf(m *member, in Input) (vsphere.VMSpec, bool) {
	if m.age == vsphere.Current {
		return ms.target.VMSpec, true
	}
	i := slices.IndexFunc(in.Revisions, func(r Revision) bool { return r.Source != "" && r.Name == m.vm.Stamp.Revision })
	if i < 0 {
		return vsphere.VMSpec{}, false
	}
	return in.Revisions[i].VMSpec, true
}

// isUnfinished reports whether a VM that has never been on can never be finished:
//
//  1. nobody can tell its guest any more what it was to be told: the spec has changed since. A VM of a newer controller is finished
//     by that
//  2. its clone has failed before vCenter took over the customization. That is not known while a clone may be under way of which
//     nobody knows whose it is
func (ms *membership) isUnfinished(m *member, in Input) bool {
	if !m.untold() || m.protected() || m.outsideRoot() {
		return false
	}
	if m.notCustomized() {
		return in.Snapshot.ClonesToCome == 0
	}
	_, known := ms.specOf(m, in)
	return m.age == vsphere.Old && !known
}

// notCustomized reports whether vCenter was found not to be about to customize the guest of a VM that was made for that.
func (m *member) notCustomized() bool {
	return slices.ContainsFunc(m.failures, func(f *vsphere.Failure) bool { return f.Err.Reason == vsphere.ReasonNotCustomized })
}

// customization returns what vCenter tells of the customization of a VM of ours whose guest was told something.
func (m *member) customization() vsphere.Customization {
	if m.guest != vsphere.GuestTold {
		return vsphere.Customization{}
	}
	return m.vm.Customization
}

// tellGuests plans to tell the guests of our VMs what they are to be told. The first that applies:
//
//  1. vCenter cannot reach the VM, it lies outside the root folder, or an operation is in flight: wait
//  2. the last attempt has failed: wait for the end of the back-off
//  3. somebody has switched it on: switch it off, for its guest has found nothing
//  4. what it is to be told is not known (see guestData): wait
//  5. vCenter is to customize it, and may not know that yet (see cloneMayRun): wait
//  6. tell it
func (p *Plan) tellGuests(in Input) {
	ms := &p.members
	for _, m := range ms.ours {
		if m.victim || !m.untold() || m.outsideRoot() {
			continue
		}
		p.due.guests++
		f := m.failure()
		switch {
		case !m.reachable() || m.op != nil:
		case f != nil && backOff(f, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
		case m.next() == vsphere.OperationPowerOff:
			p.request(vsphere.OperationPowerOff, m.vm.Ref)
		default:
			if data, why := guestData(in, ms, m); why == "" && !cloneMayRun(in, data) {
				p.Requests = append(p.Requests, vsphere.Request{Kind: vsphere.OperationConfigure, VM: m.vm.Ref, Guest: &data})
			}
		}
	}
}

// cloneMayRun reports whether the clone of a VM that vCenter is to customize may be under way, by a process before this one: vCenter
// takes over the customization at its end, and until then the VM looks as if nothing was to come. Everybody is notified when no
// clone of nobody known is left.
func cloneMayRun(in Input, data vsphere.GuestData) bool {
	return data.Customization != "" && in.Snapshot.ClonesToCome > 0
}

// guestData returns what the guest of a VM is told, or why nobody knows. The networks and addresses are those in its stamp, which
// nobody else of the group has; what else a guest has to know of a network is what the class says now.
func guestData(in Input, ms *membership, m *member) (data vsphere.GuestData, why string) {
	spec, known := ms.specOf(m, in)
	if !known {
		return data, "it was made from a spec that is not known any more"
	}
	return guestDataOf(in, spec.Guest, m.name, m.vm.Stamp.Slot, m.vm.Stamp.Networks)
}

// guestDataOf returns what the guest of a VM with a name, a slot, and networks as its stamp has them, is told. Of several networks with a
// gateway, that of the first is the guest's, of IPv4 and of IPv6 each.
func guestDataOf(in Input, guest vsphere.Guest, name string, slot int, networks string) (data vsphere.GuestData, why string) {
	data = vsphere.GuestData{
		Customization: guest.Customization, Hostname: guest.HostnameOf(name, slot), Secret: guest.Secret, Key: guest.Key,
	}
	if guest.SSHKeys != "" {
		data.SSHKeys = strings.Split(guest.SSHKeys, "\n")
	}
	nics, err := vsphere.ParseNICs(networks)
	if err != nil {
		return data, "the networks in its stamp cannot be read"
	}
	routed := map[bool]bool{} // whether a card before is the way to the gateway of IPv4, and of IPv6
	for _, nic := range nics {
		var card vsphere.GuestCard
		if len(nic.Addresses) > 0 {
			subnet, why := subnetOf(in, nic.Network)
			if why != "" {
				return data, why
			}
			address := nic.Addresses[0].From
			if !subnet.CIDR.Contains(address) {
				return data, fmt.Sprintf("its address %s does not lie in %s, which VmGroupClass %q says of its network %q by now", address, subnet.CIDR, in.Class, nic.Network)
			}
			if six := subnet.Gateway.Is6(); routed[six] { // a guest with two default routes answers by the wrong card
				subnet.Gateway = netip.Addr{}
			} else if subnet.Gateway.IsValid() {
				routed[six] = true
			}
			card = vsphere.GuestCard{Address: address, Subnet: subnet}
		}
		data.Cards = append(data.Cards, card)
	}
	return data, ""
}

// whyUntold says what a VM waits for whose guest was not told anything yet.
func (m *member) whyUntold(in Input, ms *membership) string {
	const what = "the guest is to be told its hostname, addresses and user data"
	switch data, why := guestData(in, ms, m); {
	case m.outsideRoot():
		return what + ", and the VM lies in " + m.location(in) + ", where nothing is changed"
	case m.unfinished && m.notCustomized():
		return "vCenter does not customize its guest, for its clone has failed: it is made anew"
	case m.unfinished:
		return "it was never powered on, and the spec has changed since: it is made anew"
	case why != "":
		return what + "; " + why
	case m.vm.Power != vsphere.PoweredOff:
		return what + "; somebody has switched the VM on before that, and it is switched off"
	case cloneMayRun(in, data):
		return what + " when its clone has ended, which may still be under way"
	default:
		return what + " before it is powered on"
	}
}

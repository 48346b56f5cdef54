package vsphere

import (
	"net/netip"
	"strconv"
	"strings"
)

// ReadyKey is the ExtraConfig key by which a guest says that it is ready, see SaysReady. It is below "guestinfo.", so that the
// guest can write it: it may decide whether the VM is ready, and nothing else.
const ReadyKey = "guestinfo.vmgroup.ready"

// SaysReady reports whether a value of ReadyKey says that the guest is ready: "true" in any case, with or without blanks around
// it. Scripts inside guests are not careful about either.
func SaysReady(value string) bool { return strings.EqualFold(strings.TrimSpace(value), "true") }

// States of what a guest is told of itself, as the stamp of its VM has them. The stamp of a VM whose guest is told nothing has none.
const (
	// GuestPending: it has not been told yet. The VM is not powered on before that.
	GuestPending = "pending"
	// GuestTold: it was told, by the call that has written this.
	GuestTold = "told"
)

// GuestData is what one guest is told of itself.
type GuestData struct {
	// Customization is as in Guest. If it is set, the data is part of the clone request, and a configuration hands nothing over: it
	// sees to it that vCenter is to customize the VM.
	Customization string

	Hostname string
	Cards    []GuestCard // of the networks in the VM's stamp, in order; none if the cards are the template's
	SSHKeys  []string
	// Secret and Key name its user data, see Guest. UserData are those, once they are read: a plan does not have them.
	Secret, Key string
	UserData    Secret
}

// CustomizationState is how far vCenter is with the customization of a guest, as guest.customizationInfo tells it. Its zero value is
// that nothing is known of one, or that the last one has succeeded.
type CustomizationState string

// States of customizations.
const (
	// CustomizationUnderWay: it waits for the guest to start with VMware Tools, or runs.
	CustomizationUnderWay CustomizationState = "UnderWay"
	// CustomizationFailed: it has failed, and is not tried again.
	CustomizationFailed CustomizationState = "Failed"
)

// Customization is what is known of the customization of a guest.
type Customization struct {
	State   CustomizationState
	Message string // why it has failed, as vCenter tells it; may be empty
}

// GuestCard is a network card as its guest is to set it up.
type GuestCard struct {
	Address netip.Addr // static; zero: DHCP
	Subnet
}

// maxLabel is the most characters of a label of DNS.
const maxLabel = 63

// HostnameOf returns the hostname of the VM with a slot: the prefix and the slot, or, without a prefix, the name of the VM. What is too
// long of that loses the end of the group's name: the slot tells the VMs apart. A dot would make two labels of it.
func (g Guest) HostnameOf(vmName string, slot int) string {
	if g.HostnamePrefix != "" {
		return g.HostnamePrefix + "-" + strconv.Itoa(slot)
	}
	name := strings.ReplaceAll(vmName, ".", "-")
	if len(name) <= maxLabel {
		return name
	}
	cut := len(name)
	for range 2 { // the slot, and what stands for the group's UID
		cut = strings.LastIndexByte(name[:max(cut, 0)], '-')
	}
	rest := name[max(cut, 0):]
	return strings.TrimRight(name[:maxLabel-len(rest)], "-") + rest
}

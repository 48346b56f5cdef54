package control

import (
	"context"
	"time"
)

// GuestState is the truth about the guest of one virtual machine.
type GuestState struct {
	MoRef string `json:"moRef"`
	Name  string `json:"name"`
	On    bool   `json:"on"`
	// Hostname is the one that the guest was given by cloud-init or by a customization; "" is the template's.
	Hostname string      `json:"hostname,omitempty"`
	Cards    []GuestCard `json:"cards,omitempty"` // in the order of the network cards
	// Failure says why the last boot failed, or the customization that the last boot was to carry out.
	Failure string `json:"failure,omitempty"`

	// InstanceID and what follows is what cloud-init has run last. It is on the disk: a clone of the virtual machine has it, too.
	InstanceID string   `json:"instanceId,omitempty"`
	UserData   string   `json:"userData,omitempty"` // decoded
	PublicKeys []string `json:"publicKeys,omitempty"`
	// Runs is how often cloud-init has run in this virtual machine, without boots that brought it nothing new.
	Runs int `json:"runs,omitempty"`

	// Customization is the state of a customization, such as "TOOLSDEPLOYPKG_PENDING"; "" if none was ever asked for.
	Customization string `json:"customization,omitempty"`
}

// GuestCard is how a guest has set up one network card at its last boot, and what came of it.
type GuestCard struct {
	MAC         string   `json:"mac"`
	DHCP        bool     `json:"dhcp,omitempty"`        // it asks for an address
	Static      []string `json:"static,omitempty"`      // with prefix lengths, such as "192.0.2.7/24"
	Gateways    []string `json:"gateways,omitempty"`    // of default routes
	Nameservers []string `json:"nameservers,omitempty"` // their addresses
	Addresses   []string `json:"addresses,omitempty"`   // that the guest reports at present
}

// PowerOn is one moment at which a virtual machine was switched on, and what its guest could find then.
type PowerOn struct {
	MoRef        string        `json:"moRef"`
	Name         string        `json:"name"`
	InstanceUUID string        `json:"instanceUuid"`
	Stamp        string        `json:"stamp,omitempty"`
	At           time.Duration `json:"at"` // by the clock of the guests
	// Metadata is guestinfo.metadata, decoded if it can be.
	Metadata string `json:"metadata,omitempty"`
	UserData bool   `json:"userData,omitempty"` // guestinfo.userdata was there
	VApp     bool   `json:"vApp,omitempty"`     // a vApp config was there, for which guestinfo is not read
	// Customization says that a customization was pending.
	Customization bool `json:"customization,omitempty"`
}

// WithoutMetadata reports whether a guest was booted that could not find any metadata, whatever else there was.
func (p PowerOn) WithoutMetadata() bool { return p.Metadata == "" || p.VApp }

// SharedAddress is an address that two virtual machines had at one moment while both were on, or one of them twice.
type SharedAddress struct {
	Address string        `json:"address"`
	MoRefs  [2]string     `json:"moRefs"` // the second one came last
	Names   [2]string     `json:"names"`
	At      time.Duration `json:"at"` // by the clock of the guests
}

// GuestStates lists what is true of the guests of all virtual machines that were ever on, or were told how to behave, by name.
func (c *Client) GuestStates(ctx context.Context) ([]GuestState, error) {
	return get[[]GuestState](ctx, c, "guest-states")
}

// PowerOns lists every power-on since the start, of virtual machines that have gone, too. A reset is one; a reboot by the guest
// is none.
func (c *Client) PowerOns(ctx context.Context) ([]PowerOn, error) {
	return get[[]PowerOn](ctx, c, "power-ons")
}

// SharedAddresses lists every address that was in use twice at one moment since the start, once for each pair of virtual
// machines. An address is in use from when the guest has it until its virtual machine is off.
func (c *Client) SharedAddresses(ctx context.Context) ([]SharedAddress, error) {
	return get[[]SharedAddress](ctx, c, "shared-addresses")
}

// FailGuest lets the next boot of a guest fail that has Tools: it gets neither the hostname nor the addresses that it was to have. A
// customization that is pending fails instead, and the guest asks for addresses by DHCP.
func (c *Client) FailGuest(ctx context.Context, vm string) error {
	return c.do(ctx, "fail-guest", Request{VM: vm}, nil)
}

// SetVApp gives a virtual machine or a template a vApp config, which clones inherit and for which cloud-init reads no guestinfo,
// or takes it away.
func (c *Client) SetVApp(ctx context.Context, vm string, on bool) error {
	return c.do(ctx, "set-vapp", Request{VM: vm, On: on}, nil)
}

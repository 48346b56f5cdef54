package control

import (
	"context"
	"time"
)

// Guest is how the guest of a virtual machine behaves. The zero value has no VMware Tools: nothing is ever heard of it.
type Guest struct {
	Tools     bool          `json:"tools,omitempty"`     // VMware Tools are installed
	BootDelay time.Duration `json:"bootDelay,omitempty"` // from power-on until Tools run
	IPDelay   time.Duration `json:"ipDelay,omitempty"`   // from then until the guest has its addresses
	Hung      bool          `json:"hung,omitempty"`      // Tools do not run, or stop, and a shutdown under way does not end
	// ShutdownDelay is how long a shutdown takes, and a reboot until the guest boots again.
	ShutdownDelay  time.Duration `json:"shutdownDelay,omitempty"`
	IgnoreShutdown bool          `json:"ignoreShutdown,omitempty"` // shutdowns and reboots are accepted, and nothing happens
	// CloudInit says that the guest obeys the guestinfo keys of cloud-init when it boots, if it has Tools.
	CloudInit bool `json:"cloudInit,omitempty"`
	// ForgetsInfo says that guestinfo keys that the guest itself has set vanish when its virtual machine goes off, a reset included,
	// unless somebody has reconfigured them. Otherwise they stay.
	ForgetsInfo bool `json:"forgetsInfo,omitempty"`
}

// GuestClock is the time that guests go by.
type GuestClock struct {
	Stopped bool          `json:"stopped,omitempty"` // it goes on only by AdvanceGuests
	Now     time.Duration `json:"now"`               // since the start
	Timers  int           `json:"timers"`            // what guests are about to do
}

// SetGuest says how the guest of a virtual machine behaves. One that is on obeys at once: Tools that may run no longer stop,
// and those that may run now are there after the boot delay, as if the guest had been reset. Delays count for what
// happens from now on.
func (c *Client) SetGuest(ctx context.Context, vm string, g Guest) error {
	return c.do(ctx, "set-guest", Request{VM: vm, Guest: &g}, nil)
}

// SetUsualGuest says how the guests of all virtual machines behave that were told nothing of their own, each from its next
// power-on, shutdown or reboot.
func (c *Client) SetUsualGuest(ctx context.Context, g Guest) error {
	return c.do(ctx, "set-guest", Request{Guest: &g}, nil)
}

// SetGuestInfo sets a guestinfo key of a virtual machine that is on, as its guest would; "" clears it. No task tells of it.
// See [Guest.ForgetsInfo] for what becomes of it.
func (c *Client) SetGuestInfo(ctx context.Context, vm, key, value string) error {
	return c.do(ctx, "set-guest-info", Request{VM: vm, Name: key, Value: value}, nil)
}

// SetGuestIPs gives a guest whose Tools run other addresses, one for each network card in turn, which it keeps. Without any it
// has none until it boots again, and then those that it had.
func (c *Client) SetGuestIPs(ctx context.Context, vm string, ips ...string) error {
	return c.do(ctx, "set-guest-ips", Request{VM: vm, Addresses: ips}, nil)
}

// AdvanceGuests lets time go by for guests whose clock stands still. What they do meanwhile is done when it returns.
func (c *Client) AdvanceGuests(ctx context.Context, d time.Duration) error {
	return c.do(ctx, "advance-guests", Request{Delay: d}, nil)
}

// GuestClock tells the time that guests go by.
func (c *Client) GuestClock(ctx context.Context) (GuestClock, error) {
	return get[GuestClock](ctx, c, "guest-clock")
}

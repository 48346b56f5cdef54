package contract_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/contract"
)

func (w *world) SetTools(vm vsphere.Ref, running bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.SetGuest(ctx, string(vm), control.Guest{Tools: true, IPDelay: noAddress, Hung: !running})
	})
}

func (w *world) SetIPs(vm vsphere.Ref, ips ...string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.SetGuestIPs(ctx, string(vm), ips...) })
}

func (w *world) SetReady(vm vsphere.Ref, value string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.SetGuestInfo(ctx, string(vm), vsphere.ReadyKey, value)
	})
}

func (w *world) SetGuest(vm vsphere.Ref, guest contract.Guest) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.SetGuest(ctx, string(vm), control.Guest{Tools: guest.Tools, IgnoreShutdown: guest.IgnoreShutdown, CloudInit: true})
	})
}

func (w *world) GuestOf(vm vsphere.Ref) contract.GuestTruth {
	w.t.Helper()
	var out contract.GuestTruth
	w.control(func(ctx context.Context, c *control.Client) error {
		return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
			states, err := c.GuestStates(ctx)
			for _, state := range states {
				done := state.Runs > 0 || state.Customization == "TOOLSDEPLOYPKG_SUCCEEDED"
				if state.MoRef != string(vm) || !done && state.Failure == "" {
					continue
				}
				if state.Failure != "" {
					return false, errors.New(state.Failure)
				}
				out = contract.GuestTruth{Hostname: state.Hostname, UserData: state.UserData, SSHKeys: state.PublicKeys}
				for _, card := range state.Cards {
					out.Addresses = append(out.Addresses, strings.Join(card.Static, " "))
					out.Gateways = append(out.Gateways, card.Gateways...)
					out.Nameservers = append(out.Nameservers, card.Nameservers...)
				}
				return true, nil
			}
			return false, err
		})
	})
	return out
}

func (w *world) AddCustomizationSpec(name string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.AddCustomizationSpec(ctx, control.CustomizationSpec{Name: name, NICs: 1})
	})
}

func (w *world) LoseCustomization() {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.AddFault(ctx, control.Fault{Method: "CustomizeVM_Task", Type: "NicSettingMismatch", Count: 1})
	})
}

func (w *world) FailCustomization(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.FailGuest(ctx, string(vm)) })
}

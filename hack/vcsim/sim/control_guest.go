package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// opSetGuest says how a guest behaves; without a virtual machine, how guests usually do.
func (s *Simulator) opSetGuest(r control.Request) (any, error) {
	if r.Guest == nil {
		return nil, errors.New("which behavior?")
	}
	if r.VM == "" {
		s.guests.setUsual(*r.Guest)
		return control.Reply{}, nil
	}
	return s.withGuest(r, func(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
		s.guests.set(vm.Self, *r.Guest)
		s.guestToldAnew(ctx, vm)
		return nil
	})
}

// opSetGuestInfo sets a key as the guest does: it appears in the config, and neither a task nor an event tells of it.
func (s *Simulator) opSetGuestInfo(r control.Request) (any, error) {
	if !strings.HasPrefix(r.Name, "guestinfo.") {
		return nil, fmt.Errorf("%q is no guestinfo key", r.Name)
	}
	return s.withGuest(r, func(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
		if !isOn(vm) {
			return errors.New("the virtual machine is not on")
		}
		s.writeGuestInfo(ctx, vm, r.Name, r.Value)
		return nil
	})
}

// opSetGuestIPs changes the addresses of a guest. Whatever it was about to do about them it does not do; a shutdown goes on.
func (s *Simulator) opSetGuestIPs(r control.Request) (any, error) {
	for _, ip := range r.Addresses {
		if _, err := netip.ParseAddr(ip); err != nil {
			return nil, err
		}
	}
	return s.withGuest(r, func(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
		switch {
		case !toolsRun(vm):
			return errors.New("the guest's Tools do not run, so that nobody hears of its addresses")
		case len(r.Addresses) > len(vm.Guest.Net):
			return fmt.Errorf("%d addresses for %d network cards", len(r.Addresses), len(vm.Guest.Net))
		}
		state := types.VirtualMachineGuestState(vm.Guest.GuestState)
		if state == types.VirtualMachineGuestStateRunning {
			s.guests.interrupt(vm.Self)
		}
		if len(r.Addresses) > 0 {
			s.guests.keepIPs(vm.Self, r.Addresses)
		}
		s.tell(ctx, vm, report{installed: true, state: state, addresses: oneEach(r.Addresses)})
		return nil
	})
}

// withGuest does something to a virtual machine while its lock is held.
func (s *Simulator) withGuest(r control.Request, do func(*simulator.Context, *simulator.VirtualMachine) error) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	ctx := s.background()
	ctx.WithLock(vm, func() { err = do(ctx, vm) })
	return control.Reply{MoRef: vm.Self.Value}, err
}

func (s *Simulator) opAdvanceGuests(r control.Request) (any, error) {
	return control.Reply{}, s.guests.clock.advance(r.Delay)
}

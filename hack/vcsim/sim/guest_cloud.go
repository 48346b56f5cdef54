package sim

import (
	"errors"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// disk is what a guest has written to its disk. Clones have it, too.
type disk struct {
	instance string // that cloud-init has run
	hostname string
	userData string
	keys     []string
}

// booted is what has become of the last boot of a guest.
type booted struct {
	network network
	failure string
}

// errTold is the failure of a guest that was told to fail.
var errTold = errors.New("told to fail")

// setUp has a guest that boots do what it was given: a customization that is pending, or guestinfo. Tools run by now. If it fails, the
// boot ends without a hostname and addresses.
func (s *Simulator) setUp(ctx *simulator.Context, vm *simulator.VirtualMachine, behavior control.Guest) error {
	told := s.guests.begin(vm.Self)
	if s.customizes(ctx, vm, told) {
		return nil
	}
	err := errTold
	if !told {
		err = nil
		if behavior.CloudInit && vm.Config.VAppConfig == nil {
			err = s.cloudInit(ctx, vm)
		}
	}
	if err != nil {
		s.guests.change(vm.Self, func(g *guest) { g.boot.failure, g.disk.hostname = err.Error(), "" })
	}
	return err
}

// begin begins a boot, and reports whether it was told to fail. Once.
func (g *guests) begin(ref types.ManagedObjectReference) (fails bool) {
	g.change(ref, func(one *guest) {
		fails, one.fails = one.fails, false
		one.boot = booted{network: one.fixed}
	})
	return fails
}

// change changes what is known of a guest.
func (g *guests) change(ref types.ManagedObjectReference, do func(*guest)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do(g.of(ref))
}

func (g *guests) hostname(ref types.ManagedObjectReference) (name string) {
	g.change(ref, func(one *guest) { name = one.disk.hostname })
	return name
}

// cloudInit does what cloud-init does at each boot. It looks in the config alone: what is there is what the guest reads by
// Tools. The network config is applied each time, all else once for each instance. Keys to redact are written over in the end.
func (s *Simulator) cloudInit(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	seed, err := readSeed(vm.Config.ExtraConfig, vm.Config.Uuid)
	if seed == nil {
		return err
	}
	s.guests.change(vm.Self, func(g *guest) {
		if seed.network != nil {
			g.boot.network = seed.network
		}
		if g.disk.instance == seed.instance {
			return
		}
		hostname := g.disk.hostname // of the image, if no other is given
		if seed.hostname != "" {
			hostname = seed.hostname
		}
		g.disk = disk{instance: seed.instance, hostname: hostname, userData: seed.userData, keys: seed.keys}
		g.runs++
	})
	for _, key := range seed.redact {
		// As cloud-init does it: a guest cannot remove a key.
		s.writeGuestInfo(ctx, vm, guestInfo+key, redacted)
		s.writeGuestInfo(ctx, vm, guestInfo+key+".encoding", " ")
	}
	return nil
}

// writeGuestInfo sets a key as the guest does, without a task, an event or anybody's privileges. "" removes it. The caller holds
// the virtual machine's lock.
func (s *Simulator) writeGuestInfo(ctx *simulator.Context, vm *simulator.VirtualMachine, key, value string) {
	old, ok := object.OptionValueList(vm.Config.ExtraConfig).GetString(key)
	if ok && old == value {
		return
	}
	if !ok {
		s.guests.change(vm.Self, func(g *guest) { g.wrote = append(g.wrote, key) })
	}
	setExtra(ctx, vm, key, value)
}

// forgetInfo removes the keys that a guest has set which forgets them. The caller holds the virtual machine's lock.
func (s *Simulator) forgetInfo(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff || !s.guests.behavior(vm.Self).ForgetsInfo {
		return
	}
	var keys []string
	s.guests.change(vm.Self, func(g *guest) { keys, g.wrote = g.wrote, nil })
	for _, key := range keys {
		setExtra(ctx, vm, key, "")
	}
}

// adoptInfo notes that somebody has reconfigured keys, which are not the guest's any more.
func (g *guests) adoptInfo(ref types.ManagedObjectReference, options []types.BaseOptionValue) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one, ok := g.all[ref]
	if !ok {
		return
	}
	one.wrote = slices.DeleteFunc(one.wrote, func(key string) bool {
		_, ok := object.OptionValueList(options).Get(key)
		return ok
	})
}

// setExtra sets a key of ExtraConfig, or removes it. The caller holds the virtual machine's lock.
func setExtra(ctx *simulator.Context, vm *simulator.VirtualMachine, key, value string) {
	extra := slices.DeleteFunc(slices.Clone(vm.Config.ExtraConfig), func(o types.BaseOptionValue) bool {
		return o.GetOptionValue().Key == key
	})
	if value != "" {
		extra = append(extra, &types.OptionValue{Key: key, Value: value})
	}
	ctx.Update(vm, []types.PropertyChange{{Name: "config.extraConfig", Val: extra}})
}

// inherit gives a clone what is on its source's disk.
func (g *guests) inherit(from, to types.ManagedObjectReference) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if source, ok := g.all[from]; ok {
		g.of(to).disk = source.disk
	}
}

// opFailGuest lets the next boot of a guest fail.
func (s *Simulator) opFailGuest(r control.Request) (any, error) {
	return s.withGuest(r, func(_ *simulator.Context, vm *simulator.VirtualMachine) error {
		s.guests.change(vm.Self, func(g *guest) { g.fails = true })
		return nil
	})
}

// opSetVApp gives a virtual machine an empty vApp config, or takes the one away that it has. A template is as good.
func (s *Simulator) opSetVApp(r control.Request) (any, error) {
	return s.withGuest(r, func(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
		var config types.BaseVmConfigInfo
		if r.On {
			config = new(types.VmConfigInfo)
		}
		setVApp(ctx, vm, config)
		return nil
	})
}

// setVApp changes the vApp config. The caller holds the virtual machine's lock.
func setVApp(ctx *simulator.Context, vm *simulator.VirtualMachine, config types.BaseVmConfigInfo) {
	ctx.Update(vm, []types.PropertyChange{{Name: "config.vAppConfig", Val: config}})
}

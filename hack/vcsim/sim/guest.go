package sim

import (
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// guests is what is known of the guests of virtual machines, and what they are about to do. Its lock is taken under that of
// a virtual machine, and nothing but the clock's is taken under it.
type guests struct {
	clock guestClock
	ips   guestIPs

	mu       sync.Mutex
	usual    control.Guest // how those behave that were told nothing of their own
	all      map[types.ManagedObjectReference]*guest
	inUse    inUse
	powerOns []control.PowerOn
}

// guest is the guest of one virtual machine that was switched on, or told how to behave.
type guest struct {
	own *control.Guest
	// next is what it does next, if that takes time: one thing at most.
	next *guestTimer
	ips  []string // that it has by DHCP on its network cards, which it keeps while it is off

	disk  disk
	boot  booted
	runs  int      // of cloud-init
	fails bool     // at the next boot
	wrote []string // guestinfo keys that it has set, and that nobody else has

	pending *types.CustomizationSpec // customization
	fixed   network                  // that a customization has set
}

// step is what a guest does. Whoever calls it holds the virtual machine's lock.
type step func(s *Simulator, ctx *simulator.Context, vm *simulator.VirtualMachine)

// of returns the guest of a virtual machine. The caller holds the lock.
func (g *guests) of(ref types.ManagedObjectReference) *guest {
	one, ok := g.all[ref]
	if !ok {
		one = new(guest)
		g.all[ref] = one
	}
	return one
}

func (g *guests) behavior(ref types.ManagedObjectReference) control.Guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one, ok := g.all[ref]; ok && one.own != nil {
		return *one.own
	}
	return g.usual
}

// set says how a guest behaves, or how all do that were told nothing of their own.
func (g *guests) set(ref types.ManagedObjectReference, behavior control.Guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of(ref).own = &behavior
}

func (g *guests) setUsual(behavior control.Guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.usual = behavior
}

// plan makes run the next thing that a guest does, in the place of whatever it was about to do.
func (g *guests) plan(ref types.ManagedObjectReference, d time.Duration, run func(*guestTimer)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.of(ref)
	g.clock.stop(one.next)
	one.next = g.clock.after(d, run)
}

// due reports whether a timer that has run out is still what its guest does next, and uses it up.
func (g *guests) due(ref types.ManagedObjectReference, t *guestTimer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	one, ok := g.all[ref]
	if !ok || one.next != t {
		return false
	}
	one.next = nil
	return true
}

// interrupt keeps a guest from what it was about to do.
func (g *guests) interrupt(ref types.ManagedObjectReference) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one, ok := g.all[ref]; ok {
		g.clock.stop(one.next)
		one.next = nil
	}
}

// forget ends the guest of a virtual machine that has gone.
func (g *guests) forget(ref types.ManagedObjectReference) {
	g.interrupt(ref)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, ref)
	g.inUse.release(ref)
}

// later has a guest do something when d has gone by, unless something comes between. What takes no time is done at once.
func (s *Simulator) later(ctx *simulator.Context, vm *simulator.VirtualMachine, d time.Duration, do step) {
	if d <= 0 {
		s.guests.interrupt(vm.Self)
		do(s, ctx, vm)
		return
	}
	s.guests.plan(vm.Self, d, func(t *guestTimer) {
		ctx := s.background()
		ctx.WithLock(vm, func() {
			if s.guests.due(vm.Self, t) {
				do(s, ctx, vm)
			}
		})
	})
}

// guestPowered is what the power state of a virtual machine does to its guest. Reset and resume switch it on too.
func (s *Simulator) guestPowered(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	s.guests.interrupt(vm.Self)
	s.guests.release(vm.Self)
	if isOn(vm) {
		s.recordPowerOn(vm)
	} else {
		s.forgetInfo(ctx, vm)
	}
	s.restartGuest(ctx, vm)
}

// guestWatch is how guests hear of what happens to their virtual machines.
type guestWatch struct {
	*guests
	powered func(*simulator.Context, *simulator.VirtualMachine)
}

// updated passes on that a power state has changed, with the lock of the virtual machine that the change was made under.
func (w guestWatch) updated(ctx *simulator.Context, ref types.ManagedObjectReference, changes []types.PropertyChange) {
	if !slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == "runtime.powerState" }) {
		return
	}
	if vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine); ok {
		w.powered(ctx, vm)
	}
}

// restartGuest has Tools stop, and boots the guest if its virtual machine is on.
func (s *Simulator) restartGuest(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	behavior := s.guests.behavior(vm.Self)
	if !behavior.Tools && vm.Guest.ToolsStatus == types.VirtualMachineToolsStatusToolsNotInstalled {
		return // nothing was ever heard of it
	}
	s.tell(ctx, vm, report{installed: behavior.Tools, state: types.VirtualMachineGuestStateNotRunning})
	if behavior.Tools && !behavior.Hung && isOn(vm) {
		s.later(ctx, vm, behavior.BootDelay, (*Simulator).guestBooted)
	}
}

func (s *Simulator) guestBooted(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	behavior := s.guests.behavior(vm.Self)
	err := s.setUp(ctx, vm, behavior)
	s.tell(ctx, vm, report{installed: true, state: types.VirtualMachineGuestStateRunning})
	if err == nil {
		s.later(ctx, vm, behavior.IPDelay, (*Simulator).guestConnected)
	}
}

func (s *Simulator) guestConnected(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	s.tell(ctx, vm, report{installed: true, state: types.VirtualMachineGuestStateRunning, addresses: s.assigned(vm)})
	s.endCustomization(ctx, vm)
}

// guestToldAnew makes a guest that is on obey what it has just been told.
func (s *Simulator) guestToldAnew(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	behavior := s.guests.behavior(vm.Self)
	if !isOn(vm) || toolsRun(vm) && behavior.Tools && !behavior.Hung {
		return
	}
	s.guests.interrupt(vm.Self)
	s.restartGuest(ctx, vm)
}

func isOn(vm *simulator.VirtualMachine) bool {
	return vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
}

func toolsRun(vm *simulator.VirtualMachine) bool {
	return vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
}

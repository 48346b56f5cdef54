package sim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// shutdownGuest carries out ShutdownGuest, which asks the guest, has no task and waits for nothing. The stock simulator can
// do without Tools, and has a task.
func (s *Simulator) shutdownGuest(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	return s.askGuest(ctx, m, func(vm *simulator.VirtualMachine) soap.HasFault {
		post(ctx, &types.VmGuestShutdownEvent{VmEvent: vmEvent(ctx, vm)})
		s.leave(ctx, vm, types.VirtualMachineGuestStateShuttingDown, (*Simulator).switchOff)
		return &methods.ShutdownGuestBody{Res: new(types.ShutdownGuestResponse)}
	})
}

// rebootGuest carries out RebootGuest, which is like ShutdownGuest, but ends with a boot.
func (s *Simulator) rebootGuest(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	return s.askGuest(ctx, m, func(vm *simulator.VirtualMachine) soap.HasFault {
		post(ctx, &types.VmGuestRebootEvent{VmEvent: vmEvent(ctx, vm)})
		s.leave(ctx, vm, types.VirtualMachineGuestStateResetting, (*Simulator).restartGuest)
		return &methods.RebootGuestBody{Res: new(types.RebootGuestResponse)}
	})
}

// askGuest asks something of a guest, with its virtual machine's lock held, unless the guest cannot be asked.
func (s *Simulator) askGuest(
	ctx *simulator.Context, m *simulator.Method, ask func(*simulator.VirtualMachine) soap.HasFault,
) soap.HasFault {
	vm, ok := ctx.Map.Get(m.This).(*simulator.VirtualMachine)
	if !ok {
		return s.stock(ctx, m)
	}
	defer ctx.Map.AcquireLock(ctx, vm)()
	if fault := unreachable(vm); fault != nil {
		return faultBody(fault)
	}
	return ask(vm)
}

// unreachable says why a guest cannot be asked for anything. The caller holds the virtual machine's lock.
func unreachable(vm *simulator.VirtualMachine) types.BaseMethodFault {
	switch {
	case !isOn(vm):
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn,
			ExistingState:  vm.Runtime.PowerState,
		}
	case !toolsRun(vm):
		return &types.ToolsUnavailable{}
	}
	return nil
}

// leave has a guest go down, unless it ignores that or is going down already. Its Tools run until it is down.
func (s *Simulator) leave(ctx *simulator.Context, vm *simulator.VirtualMachine, state types.VirtualMachineGuestState, then step) {
	behavior := s.guests.behavior(vm.Self)
	now := types.VirtualMachineGuestState(vm.Guest.GuestState)
	goes := now == types.VirtualMachineGuestStateShuttingDown || now == types.VirtualMachineGuestStateResetting
	if goes || behavior.IgnoreShutdown {
		return
	}
	s.tell(ctx, vm, report{installed: true, state: state, addresses: current(vm.Guest.Net)})
	s.later(ctx, vm, behavior.ShutdownDelay, then)
}

// switchOff is what happens to a virtual machine whose guest has shut down. A power-off does the same in the stock
// simulator, but as a task, and this has none. The caller holds the virtual machine's lock.
func (*Simulator) switchOff(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	devices := copyOf(types.ArrayOfVirtualDevice{VirtualDevice: vm.Config.Hardware.Device}).VirtualDevice
	for _, d := range devices {
		if conn := d.GetVirtualDevice().Connectable; conn != nil {
			conn.Connected = false
		}
	}
	ctx.Update(vm, []types.PropertyChange{
		{Name: "runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOff},
		{Name: "summary.runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOff},
		{Name: "summary.runtime.bootTime"},
		{Name: "config.hardware.device", Val: devices},
	})
	post(ctx, &types.VmPoweredOffEvent{VmEvent: vmEvent(ctx, vm)})
}

// vmEvent is what every event of a virtual machine says.
func vmEvent(ctx *simulator.Context, vm *simulator.VirtualMachine) types.VmEvent {
	var event types.VmEvent
	event.Vm = &types.VmEventArgument{Vm: vm.Self, EntityEventArgument: types.EntityEventArgument{Name: vm.Name}}
	if host := vm.Runtime.Host; host != nil {
		event.Host = &types.HostEventArgument{
			Host: *host, EntityEventArgument: types.EntityEventArgument{Name: entityName(ctx.Map, *host)},
		}
	}
	if dc := datacenterOf(ctx.Map, vm); dc != nil {
		event.Datacenter = &types.DatacenterEventArgument{
			Datacenter: dc.Self, EntityEventArgument: types.EntityEventArgument{Name: dc.Name},
		}
	}
	return event
}

func post(ctx *simulator.Context, event types.BaseEvent) {
	events := ctx.Map.EventManager()
	ctx.WithLock(events, func() {
		events.PostEvent(ctx, &types.PostEvent{This: events.Self, EventToPost: event})
	})
}

package sim

import (
	"log"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// reconfigVM carries out ReconfigVM_Task. In the stock simulator any change succeeds in any power state, a change that is
// refused leaves those before it applied, and nobody looks at changeVersion.
//
// These are the rules. What the virtual machine has already is no change. Rules 1 to 4 and 6 hold for clients only: at the
// control port people may do what they like.
//
//  1. More CPUs while it is on need cpuHotAddEnabled, or the task fails with CpuHotPlugNotSupported.
//  2. Fewer CPUs while it is on need cpuHotRemoveEnabled, or the same.
//  3. More memory while it is on needs memoryHotAddEnabled, comes in steps of hotPlugMemoryIncrementSize, and ends at
//     hotPlugMemoryLimit, or the task fails with MemoryHotPlugNotSupported. See hotadd.go.
//  4. Less memory while it is on is refused with the same fault: by the API reference it is also thrown "when memory cannot be
//     hot-removed", and nothing makes that possible.
//  5. A disk does not shrink, and one that has a parent does not grow, in whatever power state. The fault is
//     InvalidDeviceOperation, a kind of InvalidDeviceSpec, as vCenter sends it (cluster-api-provider-vsphere#1030, #1189).
//  6. Hot-add flags and cores per socket change only while it is off; while it is suspended, nor do CPUs and memory. Otherwise
//     the task fails with InvalidPowerState.
//  7. If anything is refused, be it by the stock simulator, nothing of the spec is applied, and no client sees any of it.
//  8. A changeVersion that is not the virtual machine's is refused with ConcurrentAccess.
//  9. Network cards change as those of a clone: see cardChanges.
//
// What none of them is about, such as ExtraConfig, changes in every power state.
func (s *Simulator) reconfigVM(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	vm, ok := ctx.Map.Get(m.This).(*simulator.VirtualMachine)
	if !ok {
		return s.stock(ctx, m)
	}
	defer ctx.Map.AcquireLock(ctx, vm)()
	if vm.Config.Template { // of which it refuses nearly everything
		return s.stock(ctx, m)
	}
	spec := m.Body.(*types.ReconfigVM_Task).Spec
	resizes, fault := s.judge(ctx, vm, &spec)
	if fault != nil {
		return s.failTask(ctx, m, fault)
	}
	return s.apply(ctx, vm, withoutResizes(m, resizes), resizes)
}

// judge returns the disks that get another size, or the fault that refuses the spec. The caller holds the virtual machine's
// lock.
func (s *Simulator) judge(
	ctx *simulator.Context, vm *simulator.VirtualMachine, spec *types.VirtualMachineConfigSpec,
) ([]resize, types.BaseMethodFault) {
	if spec.ChangeVersion != "" && spec.ChangeVersion != vm.Config.ChangeVersion {
		return nil, &types.ConcurrentAccess{}
	}
	if !s.byHand(ctx) {
		if fault := outOfState(vm, spec); fault != nil {
			return nil, fault
		}
	}
	if host, ok := ctx.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		cards := cardChanges{
			registry: ctx.Map, dc: datacenterOf(ctx.Map, vm), host: &host.HostSystem, devices: vm.Config.Hardware.Device,
		}
		if fault := cards.apply(spec.DeviceChange); fault != nil {
			return nil, fault
		}
		disguise(spec.DeviceChange)
	}
	return resizesOf(vm.Config.Hardware.Device, spec.DeviceChange)
}

// outOfState refuses what cannot change in the power state that a virtual machine is in: rules 1 to 4 and 6.
func outOfState(vm *simulator.VirtualMachine, spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	config := vm.Config
	var cpus int32
	var memory int64
	if spec.NumCPUs != 0 {
		cpus = spec.NumCPUs - config.Hardware.NumCPU
	}
	if spec.MemoryMB != 0 {
		memory = spec.MemoryMB - int64(config.Hardware.MemoryMB)
	}
	switch {
	case vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff:
		return nil
	case changesWhileOff(config, spec), !isOn(vm) && (cpus != 0 || memory != 0):
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff,
			ExistingState:  vm.Runtime.PowerState,
		}
	case cpus > 0 && !isTrue(config.CpuHotAddEnabled), cpus < 0 && !isTrue(config.CpuHotRemoveEnabled):
		return &types.CpuHotPlugNotSupported{}
	case memory != 0 && !canPlugMemory(config, memory):
		return &types.MemoryHotPlugNotSupported{}
	}
	return nil
}

// changesWhileOff reports whether a spec changes anything that vCenter changes only while a virtual machine is off.
func changesWhileOff(config *types.VirtualMachineConfigInfo, spec *types.VirtualMachineConfigSpec) bool {
	flag := func(now, wanted *bool) bool { return wanted != nil && *wanted != isTrue(now) }
	cores := spec.NumCoresPerSocket
	return flag(config.CpuHotAddEnabled, spec.CpuHotAddEnabled) ||
		flag(config.CpuHotRemoveEnabled, spec.CpuHotRemoveEnabled) ||
		flag(config.MemoryHotAddEnabled, spec.MemoryHotAddEnabled) ||
		cores != nil && (config.Hardware.NumCoresPerSocket == nil || *cores != *config.Hardware.NumCoresPerSocket)
}

func isTrue(b *bool) bool { return b != nil && *b }

// apply has the stock simulator change all but the sizes of disks, and undoes everything if it fails. The virtual machine stays
// locked until then, so that nobody can read half of it. The caller holds its lock, too.
func (s *Simulator) apply(
	ctx *simulator.Context, vm *simulator.VirtualMachine, m *simulator.Method, resizes []resize,
) soap.HasFault {
	before := snapshotOf(vm)
	for _, r := range resizes {
		r.apply(vm)
	}
	answer := s.stock(ctx, m)
	res, ok := answer.(*methods.ReconfigVM_TaskBody)
	if !ok || res.Res == nil { // the virtual machine has gone
		return answer
	}
	unlock := ctx.Map.AcquireLock(ctx, vm)
	go func() {
		defer unlock()
		switch _, fault := waitTask(ctx, res.Res.Returnval); fault.(type) {
		case nil:
			s.settle(ctx, vm, resizes)
			spec := m.Body.(*types.ReconfigVM_Task).Spec
			s.guests.adoptInfo(vm.Self, spec.ExtraConfig)
			if isTrue(spec.VAppConfigRemoved) {
				setVApp(ctx, vm, nil) // which the stock simulator leaves
			}
			ctx.Update(vm, connect(ctx.Map, &vm.VirtualMachine))
		case *types.RequestCanceled: // says the task: the stock simulator goes on with it
		default:
			before.restore(ctx, vm)
		}
	}()
	return answer
}

// settle lets the files of disks, and the space that is left, follow the sizes of the disks.
func (s *Simulator) settle(ctx *simulator.Context, vm *simulator.VirtualMachine, resizes []resize) {
	for _, r := range resizes {
		if fault := r.settle(ctx, vm); fault != nil {
			log.Printf("the file of disk %d of %s keeps its old size: %T", r.disk.Key, vm.Self.Value, fault)
		}
	}
}

// configured is what a reconfiguration can change, as it was before.
type configured struct {
	name    string
	config  types.VirtualMachineConfigInfo
	summary types.VirtualMachineConfigSummary
	network []types.ManagedObjectReference
	cards   []types.GuestNicInfo
}

func snapshotOf(vm *simulator.VirtualMachine) configured {
	guest := copyOf(*vm.Guest)
	return configured{
		name: vm.Name, config: copyOf(*vm.Config), summary: copyOf(vm.Summary.Config),
		network: append([]types.ManagedObjectReference(nil), vm.Network...), cards: guest.Net,
	}
}

// restore brings back what there was. What was written into the datastore stays, as after a clone that has failed.
func (c *configured) restore(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	vm.Name, vm.Config, vm.Summary.Config = c.name, &c.config, c.summary
	ctx.Update(vm, []types.PropertyChange{
		{Name: "config.changeVersion", Val: c.config.ChangeVersion},
		{Name: "network", Val: c.network},
		{Name: "guest.net", Val: c.cards},
	})
}

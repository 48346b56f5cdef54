package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// vCenter says of a virtual machine that is on, and can get memory, in which steps and up to how much in all. The limit is so
// many times the memory that it was switched on with. The stock simulator says nothing.
const (
	hotPlugFactor    = 16
	hotPlugIncrement = 128 // MB
)

// canPlugMemory reports whether memory can be added to a virtual machine that is on, in MB: rules 3 and 4. The API reference has
// what is added come in steps, not what there is afterwards.
func canPlugMemory(config *types.VirtualMachineConfigInfo, added int64) bool {
	step, limit := config.HotPlugMemoryIncrementSize, config.HotPlugMemoryLimit
	return added > 0 && isTrue(config.MemoryHotAddEnabled) &&
		(step == 0 || added%step == 0) &&
		(limit == 0 || int64(config.Hardware.MemoryMB)+added <= limit)
}

// powered is what a new power state does to a virtual machine besides. The caller holds its lock.
func (s *Simulator) powered(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	tellHotPlug(ctx, vm)
	s.guestPowered(ctx, vm)
}

// tellHotPlug has a virtual machine say how much memory it can get, or nothing while it is off or can get none. One that is
// suspended meanwhile keeps its limit.
func tellHotPlug(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	limit, increment := vm.Config.HotPlugMemoryLimit, vm.Config.HotPlugMemoryIncrementSize
	switch {
	case vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff, !isTrue(vm.Config.MemoryHotAddEnabled):
		limit, increment = 0, 0
	case limit == 0:
		limit, increment = hotPlugFactor*int64(vm.Config.Hardware.MemoryMB), hotPlugIncrement
	}
	if limit != vm.Config.HotPlugMemoryLimit {
		ctx.Update(vm, []types.PropertyChange{
			{Name: "config.hotPlugMemoryLimit", Val: limit},
			{Name: "config.hotPlugMemoryIncrementSize", Val: increment},
		})
	}
}

// withoutHotPlug leaves out what a virtual machine does not say. The stock simulator answers 0 to those who ask for it by its path.
func withoutHotPlug(properties []types.DynamicProperty) []types.DynamicProperty {
	return slices.DeleteFunc(properties, func(p types.DynamicProperty) bool {
		return strings.HasPrefix(p.Name, "config.hotPlugMemory") && p.Val == int64(0)
	})
}

// opSetHotAdd sets the hot-add flags of a virtual machine, also of a template, which no client can change, and of one that is
// on, as if it had been switched on with them.
func (s *Simulator) opSetHotAdd(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	ctx := s.background()
	ctx.WithLock(vm, func() {
		ctx.Update(vm, []types.PropertyChange{
			{Name: "config.cpuHotAddEnabled", Val: r.CPUHotAdd},
			{Name: "config.memoryHotAddEnabled", Val: r.MemoryHotAdd},
			{Name: "config.changeVersion", Val: strconv.FormatInt(time.Now().UnixNano(), 10)},
		})
		tellHotPlug(ctx, vm)
	})
	return control.Reply{MoRef: vm.Self.Value}, nil
}

package sim

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// foreignFolder is the folder of the foreign virtual machines, below the VM folder.
const foreignFolder = "foreign"

// createForeignVMs fills a folder with virtual machines of somebody else. They are stubs without files, disks or methods: a
// whole one costs the stock simulator a directory, a pool, a task and milliseconds. The property collector cannot tell the
// difference; the control port does not show them.
func (s *Simulator) createForeignVMs(n int) error {
	if n == 0 {
		return nil
	}
	folder, err := s.makeFolder(foreignFolder)
	if err != nil {
		return err
	}
	pool := s.poolOf(s.datacenters[0])
	host := s.clusterOf(s.datacenters[0]).Host[0]
	refs := make([]types.ManagedObjectReference, 0, n)
	for i := range n {
		vm := foreignVM(fmt.Sprintf("foreign-%d", i), pool.Self, host)
		refs = append(refs, s.registry.PutEntity(folder, vm).Reference())
	}
	s.background().WithLock(folder, func() { folder.ChildEntity = append(folder.ChildEntity, refs...) })
	return nil
}

func foreignVM(name string, pool, host types.ManagedObjectReference) *mo.VirtualMachine {
	vm := &mo.VirtualMachine{ResourcePool: &pool, Guest: &types.GuestInfo{}}
	vm.Name = name
	vm.Config = &types.VirtualMachineConfigInfo{
		Name: name, Uuid: newUUID(), InstanceUuid: newUUID(),
		Hardware:    types.VirtualHardware{NumCPU: 1, MemoryMB: 1024},
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "guestinfo.owner", Value: "somebody else"}},
	}
	vm.Runtime = types.VirtualMachineRuntimeInfo{
		Host: &host, PowerState: types.VirtualMachinePowerStatePoweredOn, ConnectionState: types.VirtualMachineConnectionStateConnected,
	}
	vm.Summary.Runtime = vm.Runtime
	return vm
}

package sim

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// opDestroyVM destroys a virtual machine, whatever its power state. That it is off for a moment is told to nobody: a
// controller would switch it on again, and then it could not be destroyed.
func (s *Simulator) opDestroyVM(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	s.background().WithLock(vm, func() {
		vm.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
		vm.Summary.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
	})
	_, err = s.do("Destroy_Task", vm.Self, &types.Destroy_Task{This: vm.Self})
	return control.Reply{MoRef: vm.Self.Value}, err
}

func (s *Simulator) opPower(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	if r.On {
		_, err = s.do("PowerOnVM_Task", vm.Self, &types.PowerOnVM_Task{This: vm.Self})
	} else {
		_, err = s.do("PowerOffVM_Task", vm.Self, &types.PowerOffVM_Task{This: vm.Self})
	}
	return control.Reply{MoRef: vm.Self.Value}, err
}

func (s *Simulator) opRename(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	_, err = s.do("Rename_Task", vm.Self, &types.Rename_Task{This: vm.Self, NewName: r.Name})
	return control.Reply{MoRef: vm.Self.Value}, err
}

func (s *Simulator) opMove(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	folder, err := s.findFolder(r.Folder)
	if err != nil {
		return nil, err
	}
	body := types.MoveIntoFolder_Task{This: folder.Self, List: []types.ManagedObjectReference{vm.Self}}
	_, err = s.do("MoveIntoFolder_Task", folder.Self, &body)
	return control.Reply{MoRef: vm.Self.Value}, err
}

func (s *Simulator) opAddVM(r control.Request) (any, error) {
	ref, err := s.addVM(r.Folder, r.Name)
	return control.Reply{MoRef: ref.Value}, err
}

func (s *Simulator) opAddTemplate(r control.Request) (any, error) {
	ref, err := s.addTemplate(r.Folder, r.Name)
	return control.Reply{MoRef: ref.Value}, err
}

func (s *Simulator) opCloneVM(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	body := types.CloneVM_Task{This: vm.Self, Folder: *vm.Parent, Name: r.Name}
	if body.Spec.Location.Pool = vm.ResourcePool; body.Spec.Location.Pool == nil { // a template
		pool := s.rootPoolOf(*vm.Runtime.Host)
		body.Spec.Location.Pool = &pool
	}
	result, err := s.do("CloneVM_Task", vm.Self, &body)
	if err != nil {
		return nil, err
	}
	return control.Reply{MoRef: result.(types.ManagedObjectReference).Value}, nil
}

func (s *Simulator) opMarkTemplate(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	if r.On {
		_, err = s.call("MarkAsTemplate", vm.Self, &types.MarkAsTemplate{This: vm.Self})
	} else {
		pool := s.rootPoolOf(*vm.Runtime.Host)
		_, err = s.call("MarkAsVirtualMachine", vm.Self, &types.MarkAsVirtualMachine{This: vm.Self, Pool: pool})
	}
	return control.Reply{MoRef: vm.Self.Value}, err
}

func (s *Simulator) opReconfigure(r control.Request) (any, error) {
	return s.reconfigure(r.VM, types.VirtualMachineConfigSpec{NumCPUs: r.CPU, MemoryMB: r.MemoryMB})
}

func (s *Simulator) opSetStamp(r control.Request) (any, error) {
	return s.reconfigure(r.VM, types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: stampKey, Value: r.Stamp}},
	})
}

func (s *Simulator) opSetInstance(r control.Request) (any, error) {
	return s.reconfigure(r.VM, types.VirtualMachineConfigSpec{InstanceUuid: r.Name})
}

func (s *Simulator) reconfigure(key string, spec types.VirtualMachineConfigSpec) (any, error) {
	vm, err := s.findVM(key)
	if err != nil {
		return nil, err
	}
	if _, err := s.do("ReconfigVM_Task", vm.Self, &types.ReconfigVM_Task{This: vm.Self, Spec: spec}); err != nil {
		return nil, err
	}
	return control.Reply{MoRef: vm.Self.Value}, nil
}

func (s *Simulator) opConnection(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	state := types.VirtualMachineConnectionStateDisconnected
	if r.On {
		state = types.VirtualMachineConnectionStateConnected
	}
	s.registry.AtomicUpdate(s.background(), vm, []types.PropertyChange{
		{Name: "runtime.connectionState", Val: state},
		{Name: "summary.runtime.connectionState", Val: state},
	})
	return control.Reply{MoRef: vm.Self.Value}, nil
}

// opAddDisk adds a disk as an administrator would: with a key that is not the template's; on
// request, as a first-class disk.
func (s *Simulator) opAddDisk(r control.Request) (any, error) {
	vm, devices, controller, err := s.diskController(r.VM)
	if err != nil {
		return nil, err
	}
	disk := devices.CreateDisk(controller, vm.Datastore[0], "")
	disk.CapacityInKB = 1 << 20
	if r.On {
		disk.VDiskId = &types.ID{Id: newUUID()}
	}
	spec := types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
		Operation:     types.VirtualDeviceConfigSpecOperationAdd,
		FileOperation: types.VirtualDeviceConfigSpecFileOperationCreate,
		Device:        disk,
	}}}
	if _, err := s.do("ReconfigVM_Task", vm.Self, &types.ReconfigVM_Task{This: vm.Self, Spec: spec}); err != nil {
		return nil, err
	}
	before := devices.SelectByType((*types.VirtualDisk)(nil))
	for _, key := range describe(s.registry, &vm.VirtualMachine, "").Disks {
		if before.FindByKey(key) == nil {
			return control.Reply{MoRef: vm.Self.Value, Key: key}, nil
		}
	}
	return nil, fmt.Errorf("the disk did not appear")
}

package sim

import (
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// diskOf finds a disk of a virtual machine, the first if no key is given. It returns a copy.
func (s *Simulator) diskOf(vmKey string, key int32) (*simulator.VirtualMachine, *types.VirtualDisk, error) {
	vm, err := s.findVM(vmKey)
	if err != nil {
		return nil, nil, err
	}
	var config types.VirtualMachineConfigInfo
	s.background().WithLock(vm, func() { config = copyOf(*vm.Config) })
	for _, disk := range disksOf(config.Hardware.Device) {
		if key == 0 || disk.Key == key {
			return vm, disk, nil
		}
	}
	return nil, nil, &lookupError{"disk", fmt.Sprintf("%d of %s", key, vm.Name), 0}
}

// diskController finds the controller of a virtual machine's disks, among a copy of its devices.
func (s *Simulator) diskController(vmKey string) (
	vm *simulator.VirtualMachine, devices object.VirtualDeviceList, controller types.BaseVirtualController, err error,
) {
	if vm, err = s.findVM(vmKey); err != nil {
		return nil, nil, nil, err
	}
	s.background().WithLock(vm, func() { devices = copyOf(*vm.Config).Hardware.Device })
	controller, err = devices.FindDiskController("")
	return vm, devices, controller, err
}

// reconfigureDisks carries out changes of disks.
func (s *Simulator) reconfigureDisks(vm *simulator.VirtualMachine, changes ...types.VirtualDeviceConfigSpec) error {
	var spec types.VirtualMachineConfigSpec
	for i := range changes {
		spec.DeviceChange = append(spec.DeviceChange, &changes[i])
	}
	_, err := s.do("ReconfigVM_Task", vm.Self, &types.ReconfigVM_Task{This: vm.Self, Spec: spec})
	return err
}

// without takes a disk away and leaves its files.
func without(disk *types.VirtualDisk) types.VirtualDeviceConfigSpec {
	return types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: disk}
}

// with adds a disk, whose file is there unless op says that it is to be made.
func with(disk *types.VirtualDisk, op types.VirtualDeviceConfigSpecFileOperation) types.VirtualDeviceConfigSpec {
	return types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: disk, FileOperation: op}
}

// opDetachDisk detaches a disk as an administrator does who wants to keep it.
func (s *Simulator) opDetachDisk(r control.Request) (any, error) {
	vm, disk, err := s.diskOf(r.VM, r.Key)
	if err != nil {
		return nil, err
	}
	return control.Reply{MoRef: vm.Self.Value, Key: disk.Key}, s.reconfigureDisks(vm, without(disk))
}

// opAttachDisk attaches a disk of another virtual machine, which keeps it, at the first unit that is free. A key is used
// again: it is that of a disk which was there before.
func (s *Simulator) opAttachDisk(r control.Request) (any, error) {
	_, disk, err := s.diskOf(r.From, r.Key)
	if err != nil {
		return nil, err
	}
	vm, devices, controller, err := s.diskController(r.VM)
	if err != nil {
		return nil, err
	}
	disk.Key, disk.DeviceInfo, disk.UnitNumber = 0, nil, nil
	devices.AssignController(disk, controller)
	file := chain(disk)[0]
	if err := s.reconfigureDisks(vm, with(disk, "")); err != nil {
		return nil, err
	}
	reply := control.Reply{MoRef: vm.Self.Value}
	s.background().WithLock(vm, func() {
		for _, disk := range disksOf(vm.Config.Hardware.Device) {
			if chain(disk)[0] == file {
				reply.Key = disk.Key
			}
		}
	})
	return reply, nil
}

// opMoveDisk moves a disk to another directory of its datastore. It belongs to whom it did.
func (s *Simulator) opMoveDisk(r control.Request) (any, error) {
	vm, disk, err := s.diskOf(r.VM, r.Key)
	if err != nil {
		return nil, err
	}
	dc := datacenterOf(s.registry, vm)
	moved := copyOf(*disk)
	backing := moved.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	var at object.DatastorePath
	at.FromString(backing.FileName)
	at.Path = r.Folder
	files := s.registry.FileManager().Self
	if _, err := s.call("MakeDirectory", files, &types.MakeDirectory{This: files, Name: at.String(), Datacenter: &dc.Self}); err != nil {
		return nil, err
	}
	at.Path = path.Join(r.Folder, newUUID()+".vmdk")
	if maker, ok := s.disks.maker(backing.FileName); ok {
		s.disks.made(maker, at.String())
	}
	backing.FileName, backing.Uuid = at.String(), ""
	return control.Reply{MoRef: vm.Self.Value, Key: disk.Key},
		s.reconfigureDisks(vm, without(disk), with(&moved, types.VirtualDeviceConfigSpecFileOperationCreate))
}

// opRegisterDisk makes a disk of a virtual machine a first-class disk, which gives it a life of its own.
func (s *Simulator) opRegisterDisk(r control.Request) (any, error) {
	vm, disk, err := s.diskOf(r.VM, r.Key)
	if err != nil {
		return nil, err
	}
	registered := copyOf(*disk)
	registered.VDiskId = &types.ID{Id: newUUID()}
	return control.Reply{MoRef: vm.Self.Value, Key: disk.Key}, s.reconfigureDisks(vm, without(disk), with(&registered, ""))
}

// opGrowDisk gives a disk another size.
func (s *Simulator) opGrowDisk(r control.Request) (any, error) {
	vm, disk, err := s.diskOf(r.VM, r.Key)
	if err != nil {
		return nil, err
	}
	disk.CapacityInBytes = int64(r.DiskGiB) << 30
	disk.CapacityInKB = disk.CapacityInBytes >> 10
	edit := types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: disk}
	return control.Reply{MoRef: vm.Self.Value, Key: disk.Key}, s.reconfigureDisks(vm, edit)
}

// withheld is the virtual machines whose devices are shown to nobody.
type withheld struct {
	mu  sync.Mutex
	vms map[types.ManagedObjectReference]bool
}

func (w *withheld) set(vm types.ManagedObjectReference, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.vms == nil {
		w.vms = map[types.ManagedObjectReference]bool{}
	}
	w.vms[vm] = on
}

// from takes the devices out of what was read of a virtual machine, and says that they are withheld.
func (w *withheld) from(o *types.ObjectContent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.vms[o.Obj] {
		return
	}
	o.PropSet = slices.DeleteFunc(o.PropSet, func(p types.DynamicProperty) bool {
		hide := p.Name == "config.hardware.device"
		if hide {
			fault := types.LocalizedMethodFault{Fault: &types.NoPermission{Object: &o.Obj, PrivilegeId: "System.Read"}}
			o.MissingSet = append(o.MissingSet, types.MissingProperty{Path: p.Name, Fault: fault})
		}
		return hide
	})
}

func (s *Simulator) opHideDevices(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	s.withheld.set(vm.Self, r.On)
	return control.Reply{MoRef: vm.Self.Value}, nil
}

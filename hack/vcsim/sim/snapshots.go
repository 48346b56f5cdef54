package sim

import (
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// opTakeSnapshot takes a snapshot. A template is made a virtual machine for it, as people do: vCenter takes none of templates.
func (s *Simulator) opTakeSnapshot(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	name := r.Name
	if name == "" {
		name = "snapshot"
	}
	var ref types.ManagedObjectReference
	err = s.asVM(vm, func() (err error) {
		ref, err = s.takeSnapshot(r.VM, name)
		return err
	})
	return control.Reply{MoRef: ref.Value}, err
}

// asVM does something to a virtual machine, or to a template that is a virtual machine meanwhile.
func (s *Simulator) asVM(vm *simulator.VirtualMachine, do func() error) error {
	template := false
	s.background().WithLock(vm, func() { template = vm.Config.Template })
	if !template {
		return do()
	}
	pool := s.rootPoolOf(*vm.Runtime.Host)
	if _, err := s.call("MarkAsVirtualMachine", vm.Self, &types.MarkAsVirtualMachine{This: vm.Self, Pool: pool}); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	_, err := s.call("MarkAsTemplate", vm.Self, &types.MarkAsTemplate{This: vm.Self})
	return err
}

// rootPoolOf is the root pool of a host's cluster.
func (s *Simulator) rootPoolOf(host types.ManagedObjectReference) types.ManagedObjectReference {
	parent := s.registry.Get(host).(*simulator.HostSystem).Parent
	return *computeResource(s.background(), *parent).ResourcePool
}

// takeSnapshot takes a snapshot. The stock simulator leaves the disks alone; vCenter puts a file on top of each, in the
// directory of the virtual machine.
func (s *Simulator) takeSnapshot(vmKey, name string) (types.ManagedObjectReference, error) {
	none := types.ManagedObjectReference{}
	vm, err := s.findVM(vmKey)
	if err != nil {
		return none, err
	}
	var config types.VirtualMachineConfigInfo
	s.background().WithLock(vm, func() { config = copyOf(*vm.Config) })
	result, err := s.do("CreateSnapshot_Task", vm.Self, &types.CreateSnapshot_Task{This: vm.Self, Name: name})
	if err != nil {
		return none, err
	}
	var changes []types.VirtualDeviceConfigSpec
	for _, disk := range disksOf(config.Hardware.Device) {
		top := copyOf(*disk)
		backing := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		above := *backing
		above.FileName, above.Uuid, above.Parent = path.Dir(config.Files.VmPathName)+"/"+newUUID()+".vmdk", "", backing
		top.Backing = &above
		s.disks.made(vm.Self, above.FileName)
		changes = append(changes, without(disk), with(&top, types.VirtualDeviceConfigSpecFileOperationCreate))
	}
	return result.(types.ManagedObjectReference), s.reconfigureDisks(vm, changes...)
}

// opRemoveSnapshot removes the snapshots of a name. Their disk files stay: vCenter cannot merge a file into one that linked
// clones read from, and keeps the chain.
func (s *Simulator) opRemoveSnapshot(r control.Request) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	var refs []types.ManagedObjectReference
	s.background().WithLock(vm, func() {
		if vm.Snapshot != nil {
			walkSnapshots(vm.Snapshot.RootSnapshotList, func(t types.VirtualMachineSnapshotTree) {
				if t.Name == r.Name {
					refs = append(refs, t.Snapshot)
				}
			})
		}
	})
	if len(refs) != 1 {
		return nil, &lookupError{"snapshot", r.Name, len(refs)}
	}
	if _, err := s.do("RemoveSnapshot_Task", refs[0], &types.RemoveSnapshot_Task{This: refs[0]}); err != nil {
		return nil, err
	}
	return control.Reply{MoRef: refs[0].Value}, nil
}

// walkSnapshots visits all snapshots of trees.
func walkSnapshots(trees []types.VirtualMachineSnapshotTree, visit func(types.VirtualMachineSnapshotTree)) {
	for _, tree := range trees {
		visit(tree)
		walkSnapshots(tree.ChildSnapshotList, visit)
	}
}

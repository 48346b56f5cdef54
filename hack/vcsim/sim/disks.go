package sim

import (
	"fmt"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// diskFiles is which virtual machine each file of a disk was made for: the truth about disks, kept from what the simulator
// does. It knows nothing of device keys, directories and stamps. What it does not know was made by hand.
type diskFiles struct {
	mu      sync.Mutex
	madeFor map[string]types.ManagedObjectReference
	links   map[string]bool // files that linked clones were made with: what they hang on is somebody else's, and stays
}

// made notes files that were made for a virtual machine. Whose a file is never changes.
func (d *diskFiles) made(vm types.ManagedObjectReference, files ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.madeFor == nil {
		d.madeFor = make(map[string]types.ManagedObjectReference)
	}
	for _, file := range files {
		if _, known := d.madeFor[file]; !known {
			d.madeFor[file] = vm
		}
	}
}

// renamed lets the files of a datastore follow its name.
func (d *diskFiles) renamed(old, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for file, vm := range d.madeFor {
		if moved := onDatastore(file, old, name); moved != file {
			delete(d.madeFor, file)
			d.madeFor[moved] = vm
		}
	}
	for file := range d.links {
		if moved := onDatastore(file, old, name); moved != file {
			delete(d.links, file)
			d.links[moved] = true
		}
	}
}

// born notes the files that a virtual machine is born with, be it made or cloned.
func (d *diskFiles) born(obj mo.Reference) {
	vm, ok := obj.(*mo.VirtualMachine)
	if !ok || vm.Config == nil {
		return
	}
	for _, disk := range disksOf(vm.Config.Hardware.Device) {
		files := chain(disk)
		d.made(vm.Self, files...)
		if len(files) > 1 { // only linked clones are born with a parent
			d.link(files[0])
		}
	}
}

func (d *diskFiles) link(file string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links == nil {
		d.links = make(map[string]bool)
	}
	d.links[file] = true
}

func (d *diskFiles) linked(file string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.links[file]
}

func (d *diskFiles) maker(file string) (types.ManagedObjectReference, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	vm, ok := d.madeFor[file]
	return vm, ok
}

// foreignDisk says which disk of a virtual machine must not be destroyed with it, or returns "". vCenter deletes every file
// of every chain, of the virtual machine and of its snapshots, but for those that the disk of a linked clone hangs on.
func (s *Simulator) foreignDisk(vm *simulator.VirtualMachine) string {
	disks := disksOf(vm.Config.Hardware.Device)
	if vm.Snapshot != nil {
		disks = append(disks, s.heldDisks(vm.Snapshot.RootSnapshotList)...)
	}
	for _, disk := range disks {
		if disk.VDiskId != nil {
			return fmt.Sprintf("its disk %d is a first-class disk", disk.Key)
		}
		for _, file := range chain(disk) {
			switch maker, ok := s.disks.maker(file); {
			case !ok:
				return fmt.Sprintf("its disk %d did not come from the template: %s was made by hand", disk.Key, file)
			case maker != vm.Self:
				return fmt.Sprintf("its disk %d did not come from the template: %s was made for %s", disk.Key, file, maker.Value)
			}
			if s.disks.linked(file) {
				break
			}
		}
	}
	return ""
}

// heldDisks is the disks of snapshots and of those that were taken after them.
func (s *Simulator) heldDisks(trees []types.VirtualMachineSnapshotTree) []*types.VirtualDisk {
	var disks []*types.VirtualDisk
	for _, tree := range trees {
		if snapshot, ok := s.registry.Get(tree.Snapshot).(*simulator.VirtualMachineSnapshot); ok {
			disks = append(disks, disksOf(snapshot.Config.Hardware.Device)...)
		}
		disks = append(disks, s.heldDisks(tree.ChildSnapshotList)...)
	}
	return disks
}

func disksOf(devices object.VirtualDeviceList) []*types.VirtualDisk {
	var disks []*types.VirtualDisk
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}

// chain is the files of a disk, the top first. The simulator has no other kind of backing with parents.
func chain(disk *types.VirtualDisk) []string {
	var files []string
	backing, _ := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	for ; backing != nil; backing = backing.Parent {
		files = append(files, backing.FileName)
	}
	return files
}

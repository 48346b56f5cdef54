package sim

import (
	"cmp"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// machine describes a virtual machine that is made from nothing.
type machine struct {
	name, folder string
	cluster      *simulator.ClusterComputeResource
	datastore    string      // name, as it is kept
	networks     []mo.Entity // of its network cards
	diskGiB      int64       // default 10
}

// makeVM makes a virtual machine with one disk, switched off, in a folder that is made on demand.
func (s *Simulator) makeVM(m machine) (types.ManagedObjectReference, error) {
	none := types.ManagedObjectReference{}
	folder, err := s.makeFolder(m.folder)
	if err != nil {
		return none, err
	}
	if other := child(s.background(), folder, kept(m.name)); other != nil {
		return none, fmt.Errorf("%q is there already: %s", m.name, other.Reference().Value)
	}
	config, err := s.newConfig(m)
	if err != nil {
		return none, err
	}
	body := types.CreateVM_Task{This: folder.Self, Config: config, Pool: *m.cluster.ResourcePool}
	disguise(config.DeviceChange)
	result, err := s.do("CreateVM_Task", folder.Self, &body)
	if err != nil {
		return none, err
	}
	ref := result.(types.ManagedObjectReference)
	if config.Name != m.name {
		_, err = s.do("Rename_Task", ref, &types.Rename_Task{This: ref, NewName: m.name})
	}
	return ref, err
}

func (s *Simulator) newConfig(m machine) (types.VirtualMachineConfigSpec, error) {
	name := makeable(m.name)
	config := types.VirtualMachineConfigSpec{
		Name:         name,
		GuestId:      string(types.VirtualMachineGuestOsIdentifierOtherGuest),
		Uuid:         newUUID(),
		InstanceUuid: newUUID(),
		Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s] %s", m.datastore, directory(name))},

		CpuHotAddEnabled:    types.NewBool(false), // vCenter's default
		CpuHotRemoveEnabled: types.NewBool(false),
		MemoryHotAddEnabled: types.NewBool(false),
	}
	store := s.registry.FindByName(m.datastore, m.cluster.Datastore)
	if store == nil {
		return config, fmt.Errorf("cluster %q has no datastore %q", m.cluster.Name, m.datastore)
	}
	var devices object.VirtualDeviceList
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return config, err
	}
	disk := devices.CreateDisk(scsi.(types.BaseVirtualController), store.Reference(), "")
	disk.CapacityInKB = cmp.Or(m.diskGiB, 10) << 20
	devices = append(devices, scsi, disk)
	for i, network := range m.networks {
		devices = append(devices, s.newCard(int32(i), network))
	}
	config.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	return config, err
}

// newCard is the network card of a number, on a network.
func (s *Simulator) newCard(number int32, network mo.Entity) types.BaseVirtualDevice {
	card := copyOf(esx.EthernetCard)
	unit := *card.UnitNumber + number
	card.Key, card.UnitNumber, card.Backing = card.Key+number, &unit, s.backingOn(network)
	if slot, ok := card.SlotInfo.(*types.VirtualDevicePciBusSlotInfo); ok {
		slot.PciSlotNumber += number
	}
	return &card
}

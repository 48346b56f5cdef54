package sim

import (
	"fmt"
	"path"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/units"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// createModel builds the datacenters, without virtual machines.
func (s *Simulator) createModel() error {
	model := simulator.VPX()
	model.Autostart = false
	model.Datacenter = len(s.options.Datacenters)
	model.Cluster, model.ClusterHost = s.options.Clusters, s.options.Hosts
	model.Pool, model.Datastore = s.options.Pools, s.options.Datastores
	model.Portgroup, model.Host, model.Machine = 0, 0, 0
	if err := model.Create(); err != nil {
		return err
	}
	s.model, s.registry = model, model.Map()
	for i := range s.options.Datacenters {
		dc := s.datacenter(fmt.Sprintf("DC%d", i))
		if dc == nil {
			return fmt.Errorf("no datacenter DC%d", i)
		}
		s.datacenters = append(s.datacenters, dc)
	}
	for _, e := range s.registry.All("ClusterComputeResource") {
		s.clusters = append(s.clusters, e.(*simulator.ClusterComputeResource))
	}
	return nil
}

// placeDatacenters gives the datacenters their names, and moves those into folders whose option is a path.
func (s *Simulator) placeDatacenters() error {
	for i, at := range s.options.Datacenters {
		folder := s.registry.Get(rootFolder(s.registry)).(*simulator.Folder)
		dc := s.datacenters[i]
		names := strings.Split(at, "/")
		s.background().Update(dc, []types.PropertyChange{{Name: "name", Val: kept(names[len(names)-1])}})
		if len(names) == 1 {
			continue
		}
		folder, err := s.makeFolders(folder, names[:len(names)-1])
		if err != nil {
			return err
		}
		into := types.MoveIntoFolder_Task{This: folder.Self, List: []types.ManagedObjectReference{dc.Self}}
		if _, err := s.do("MoveIntoFolder_Task", folder.Self, &into); err != nil {
			return err
		}
	}
	return nil
}

func (s *Simulator) datacenter(name string) *simulator.Datacenter {
	for _, e := range s.registry.All("Datacenter") {
		if e.Entity().Name == name {
			return e.(*simulator.Datacenter)
		}
	}
	return nil
}

// vmFolder is the first datacenter's folder of virtual machines.
func (s *Simulator) vmFolder() *simulator.Folder {
	return s.registry.Get(s.datacenters[0].VmFolder).(*simulator.Folder)
}

func (s *Simulator) createTemplates() error {
	for _, name := range s.options.Templates {
		if _, err := s.addTemplate(s.options.TemplateFolder, name); err != nil {
			return fmt.Errorf("template %q: %w", name, err)
		}
	}
	return nil
}

// addTemplate makes a template in a folder, which is made on demand.
func (s *Simulator) addTemplate(folder, name string) (types.ManagedObjectReference, error) {
	ref, err := s.addVM(folder, name)
	if err != nil {
		return ref, err
	}
	_, err = s.call("MarkAsTemplate", ref, &types.MarkAsTemplate{This: ref})
	return ref, err
}

// addVM makes a virtual machine with one disk and one network card, switched off.
func (s *Simulator) addVM(folderPath, name string) (types.ManagedObjectReference, error) {
	none := types.ManagedObjectReference{}
	folder, err := s.makeFolder(folderPath)
	if err != nil {
		return none, err
	}
	ctx := s.background()
	if other := child(ctx, folder, kept(name)); other != nil {
		return none, fmt.Errorf("%q is there already: %s", name, other.Reference().Value)
	}
	dc := datacenterOf(s.registry, folder)
	config, err := machine(makeable(name), entityName(s.registry, dc.Datastore[0]), dc.Datastore[0])
	if err != nil {
		return none, err
	}
	pool := s.poolOf(dc)
	if pool == nil {
		return none, fmt.Errorf("no resource pool in datacenter %q", dc.Name)
	}
	body := types.CreateVM_Task{This: folder.Self, Config: config, Pool: pool.Self}
	result, err := s.do("CreateVM_Task", folder.Self, &body)
	if err != nil {
		return none, err
	}
	ref := result.(types.ManagedObjectReference)
	if config.Name != name {
		_, err = s.do("Rename_Task", ref, &types.Rename_Task{This: ref, NewName: name})
	}
	return ref, err
}

// poolOf is the root resource pool of a datacenter's first cluster, by name.
func (s *Simulator) poolOf(dc *simulator.Datacenter) *simulator.ResourcePool {
	first := s.clusterOf(dc)
	if first == nil {
		return nil
	}
	return s.registry.Get(*first.ResourcePool).(*simulator.ResourcePool)
}

// clusterOf is a datacenter's first cluster, by name.
func (s *Simulator) clusterOf(dc *simulator.Datacenter) *simulator.ClusterComputeResource {
	var first *simulator.ClusterComputeResource
	for _, cluster := range s.clusters {
		if datacenterOf(s.registry, cluster) == dc && (first == nil || cluster.Name < first.Name) {
			first = cluster
		}
	}
	return first
}

// makePool makes resource pools, one in the other, below the root pool of the first datacenter's first cluster, as far as
// they are missing.
func (s *Simulator) makePool(poolPath string) (types.ManagedObjectReference, error) {
	pool := s.poolOf(s.datacenters[0])
	for _, name := range strings.Split(poolPath, "/") {
		name = kept(name)
		next := s.registry.FindByName(name, pool.ResourcePool.ResourcePool)
		if next == nil {
			body := types.CreateResourcePool{This: pool.Self, Name: name, Spec: types.DefaultResourceConfigSpec()}
			res, err := s.call("CreateResourcePool", pool.Self, &body)
			if err != nil {
				return types.ManagedObjectReference{}, err
			}
			next = s.registry.Get(res.(*methods.CreateResourcePoolBody).Res.Returnval).(mo.Entity)
		}
		pool = next.(*simulator.ResourcePool)
	}
	return pool.Self, nil
}

func machine(name, datastore string, ref types.ManagedObjectReference) (types.VirtualMachineConfigSpec, error) {
	config := types.VirtualMachineConfigSpec{
		Name:         name,
		GuestId:      string(types.VirtualMachineGuestOsIdentifierOtherGuest),
		Uuid:         newUUID(),
		InstanceUuid: newUUID(),
		Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s] %s", datastore, directory(name))},

		CpuHotAddEnabled:    types.NewBool(false), // vCenter's default
		CpuHotRemoveEnabled: types.NewBool(false),
		MemoryHotAddEnabled: types.NewBool(false),
	}
	var devices object.VirtualDeviceList
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return config, err
	}
	disk := devices.CreateDisk(scsi.(types.BaseVirtualController), ref, "")
	disk.CapacityInKB = int64(units.GB*10) / units.KB
	nic := esx.EthernetCard
	devices = append(devices, scsi, disk, &nic)
	config.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	return config, err
}

// makeFolder returns the folder at a path below the first datacenter's VM folder, and makes what is missing of it.
func (s *Simulator) makeFolder(folderPath string) (*simulator.Folder, error) {
	return s.makeFolders(s.vmFolder(), strings.FieldsFunc(path.Clean("/"+folderPath), func(r rune) bool { return r == '/' }))
}

// makeFolders returns the folder that the names lead to from another one, and makes what is missing.
func (s *Simulator) makeFolders(folder *simulator.Folder, names []string) (*simulator.Folder, error) {
	for _, name := range names {
		next := child(s.background(), folder, kept(name))
		if next == nil {
			res, err := s.call("CreateFolder", folder.Self, &types.CreateFolder{This: folder.Self, Name: name})
			if err != nil {
				return nil, err
			}
			next = s.registry.Get(res.(*methods.CreateFolderBody).Res.Returnval).(mo.Entity)
		}
		var ok bool
		if folder, ok = next.(*simulator.Folder); !ok {
			return nil, fmt.Errorf("%q is not a folder", name)
		}
	}
	return folder, nil
}

package sim

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// config works out the virtual machine to make from the source as it is when the clone is submitted; vCenter locks the
// source meanwhile. What is wrong with the request becomes the task's error.
func (c *clone) config(ctx *simulator.Context) {
	var source types.VirtualMachineConfigInfo
	ctx.WithLock(c.source, func() {
		source = copyOf(*c.source.Config)
		c.pool, c.host = c.source.ResourcePool, c.source.Runtime.Host
		var taken *types.VirtualMachineConfigInfo
		if taken, c.bad = c.snapshotConfig(ctx); taken != nil {
			source = *taken
		}
	})
	if c.bad != nil {
		return
	}
	path, fault := c.locate(ctx, &source)
	if fault != nil {
		c.bad = fault
		return
	}
	c.spec = types.VirtualMachineConfigSpec{
		Name:              makeable(c.req.Name),
		Version:           source.Version,
		GuestId:           source.GuestId,
		Annotation:        source.Annotation,
		Uuid:              newUUID(),
		InstanceUuid:      newUUID(),
		Files:             &types.VirtualMachineFileInfo{VmPathName: path.String()},
		NumCPUs:           source.Hardware.NumCPU,
		MemoryMB:          int64(source.Hardware.MemoryMB),
		NumCoresPerSocket: source.Hardware.NumCoresPerSocket,
		DeviceChange:      devices(source.Hardware.Device, c.linked()),
		ExtraConfig:       source.ExtraConfig,

		CpuHotAddEnabled:    source.CpuHotAddEnabled,
		CpuHotRemoveEnabled: source.CpuHotRemoveEnabled,
		MemoryHotAddEnabled: source.MemoryHotAddEnabled,
	}
	if config := c.req.Spec.Config; config == nil || !isTrue(config.VAppConfigRemoved) {
		c.vapp = source.VAppConfig
	}
	c.changes = deviceChanges(c.req)
	c.sim.macs.clone(c.spec.DeviceChange, c.changes, source.Hardware.Device)
	if c.bad = c.changeDevices(ctx, source.Hardware.Device); c.bad != nil {
		return
	}
	c.override()
}

// locate finds out where a clone goes, and returns the path of its files.
func (c *clone) locate(
	ctx *simulator.Context, source *types.VirtualMachineConfigInfo,
) (path object.DatastorePath, fault types.BaseMethodFault) {
	location := c.req.Spec.Location
	if location.Pool != nil {
		c.pool = location.Pool
	}
	if c.pool == nil {
		return path, &types.InvalidArgument{InvalidProperty: "spec.location.pool"} // a template has none
	}
	path.FromString(source.Files.VmPathName)
	if location.Datastore != nil {
		path.Datastore = entityName(ctx.Map, *location.Datastore)
	}
	if location.Host != nil {
		c.host = location.Host
	}
	if fault := c.place(ctx, path.Datastore); fault != nil {
		return path, fault
	}
	path.Path = directory(c.req.Name)
	if fault := c.choosePolicies(); fault != nil {
		return path, fault
	}
	return path, c.reachParents(ctx, source.Hardware.Device)
}

// changeDevices carries out the changes of network cards and of the sizes of disks that the request asks for: the virtual
// machine is born with them, and nobody sees it as the source is. What is refused is refused before anything is made. Other
// changes are made once the virtual machine is there.
func (c *clone) changeDevices(ctx *simulator.Context, source object.VirtualDeviceList) types.BaseMethodFault {
	if fault := c.changeCards(ctx); fault != nil {
		return fault
	}
	if fault := c.resizeDisks(c.diskBases(source)); fault != nil {
		return fault
	}
	c.changes = slices.DeleteFunc(c.changes, func(base types.BaseVirtualDeviceConfigSpec) bool {
		change := base.GetVirtualDeviceConfigSpec()
		old, _ := editedDisk(source, change)
		return old != nil || ethernetCard(change.Device) != nil
	})
	return nil
}

// changeCards carries out the changes of network cards. Those that are left as they are need their networks at the
// destination, too.
func (c *clone) changeCards(ctx *simulator.Context) types.BaseMethodFault {
	host := ctx.Map.Get(*c.host).(*simulator.HostSystem) // place has found it
	cards := c.cardsOn(ctx, &host.HostSystem)
	if fault := cards.apply(c.changes); fault != nil {
		return fault
	}
	if fault := cards.keep(); fault != nil {
		return fault
	}
	changes := slices.DeleteFunc(c.spec.DeviceChange, func(base types.BaseVirtualDeviceConfigSpec) bool {
		return ethernetCard(base.GetVirtualDeviceConfigSpec().Device) != nil
	})
	for _, device := range cards.devices {
		if ethernetCard(device) != nil {
			changes = append(changes, &types.VirtualDeviceConfigSpec{
				Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device,
			})
		}
	}
	c.spec.DeviceChange = changes
	disguise(changes)
	return nil
}

// deviceChanges is the device changes that a request asks for.
func deviceChanges(req *types.CloneVM_Task) []types.BaseVirtualDeviceConfigSpec {
	changes := slices.Clone(req.Spec.Location.DeviceChange)
	if config := req.Spec.Config; config != nil {
		changes = append(changes, config.DeviceChange...)
	}
	return changes
}

// resizeDisks makes the disks as large as the request asks for. Nothing else of a disk can be edited: the files of those that
// are edited are the source's, and a virtual machine that took them over would share them.
func (c *clone) resizeDisks(source object.VirtualDeviceList) types.BaseMethodFault {
	resizes, fault := resizesOf(source, c.changes)
	if fault != nil {
		return fault
	}
	for _, r := range resizes {
		for _, base := range c.spec.DeviceChange {
			change := base.GetVirtualDeviceConfigSpec()
			if change.Device.GetVirtualDevice().Key == r.disk.Key {
				r.disk.Backing = change.Device.GetVirtualDevice().Backing // the file is its own
				change.Device = r.disk
			}
		}
	}
	return nil
}

// directory is a directory for the files of a virtual machine that no other ever had. The stock simulator names it after
// the virtual machine and deletes it after the destroy task has ended: a virtual machine that is made meanwhile under the
// same name loses its files, and the simulator panics.
func directory(name string) string { return makeable(name) + "_" + newUUID() }

// override applies the request's own config to what comes from the source.
func (c *clone) override() {
	config := c.req.Spec.Config
	if config == nil {
		return
	}
	set(&c.spec.Annotation, config.Annotation)
	set(&c.spec.Uuid, config.Uuid)
	set(&c.spec.InstanceUuid, config.InstanceUuid)
	set(&c.spec.NumCPUs, config.NumCPUs)
	set(&c.spec.MemoryMB, config.MemoryMB)
	set(&c.spec.NumCoresPerSocket, config.NumCoresPerSocket)
	set(&c.spec.ManagedBy, config.ManagedBy)
	set(&c.spec.CpuHotAddEnabled, config.CpuHotAddEnabled)
	set(&c.spec.CpuHotRemoveEnabled, config.CpuHotRemoveEnabled)
	set(&c.spec.MemoryHotAddEnabled, config.MemoryHotAddEnabled)
	for _, option := range config.ExtraConfig {
		key := option.GetOptionValue().Key
		c.spec.ExtraConfig = slices.DeleteFunc(c.spec.ExtraConfig, func(o types.BaseOptionValue) bool {
			return o.GetOptionValue().Key == key
		})
	}
	c.spec.ExtraConfig = append(c.spec.ExtraConfig, config.ExtraConfig...)
}

func set[T comparable](dst *T, src T) {
	var zero T
	if src != zero {
		*dst = src
	}
}

// place makes sure that there is a host that has both the pool's compute resource and the datastore, and that the
// folder is in the same datacenter. The stock simulator looks all of that up as it goes, and panics when it is not so. A
// client has to name the host where nothing in the cluster chooses one, and it must be one that can take a virtual machine.
func (c *clone) place(ctx *simulator.Context, datastore string) types.BaseMethodFault {
	pool, ok := ctx.Map.Get(*c.pool).(*simulator.ResourcePool)
	if !ok {
		return &types.InvalidArgument{InvalidProperty: "spec.location.pool"}
	}
	owner := computeResource(ctx, pool.Owner)
	if owner == nil || len(owner.Host) == 0 {
		return &types.NoCompatibleHost{}
	}
	if fault := c.placeOn(ctx, owner); fault != nil {
		return fault
	}
	dc := datacenterOf(ctx.Map, c.folder)
	host, _ := ctx.Map.Get(*c.host).(*simulator.HostSystem)
	if dc == nil || host == nil || datacenterOf(ctx.Map, host) != dc {
		return &types.InvalidArgument{InvalidProperty: "spec.location.folder"}
	}
	for _, ref := range host.Datastore {
		if entityName(ctx.Map, ref) == datastore && slices.Contains(dc.Datastore, ref) {
			c.store = ref
			return nil
		}
	}
	return &types.InvalidDatastore{Name: datastore}
}

// placeOn checks the host that the request names, or chooses one in the place of DRS: the source's, or the first that can
// take a virtual machine.
func (c *clone) placeOn(ctx *simulator.Context, owner *mo.ComputeResource) types.BaseMethodFault {
	if named := c.req.Spec.Location.Host; named != nil {
		if !slices.Contains(owner.Host, *named) {
			return &types.InvalidArgument{InvalidProperty: "spec.location.host"}
		}
		return hostTrouble(ctx, *named)
	}
	if !placesByItself(owner) && !c.sim.byHand(ctx) {
		return &types.InvalidArgument{InvalidProperty: "spec.location.host"}
	}
	hosts := owner.Host
	if slices.Contains(hosts, *c.host) {
		hosts = append([]types.ManagedObjectReference{*c.host}, hosts...)
	}
	for _, host := range hosts {
		if hostTrouble(ctx, host) == nil {
			c.host = &host
			return nil
		}
	}
	return &types.NoCompatibleHost{}
}

// placesByItself tells whether vCenter chooses the host of a clone: on a standalone host, and in a cluster whose DRS does
// more than recommend.
func placesByItself(owner *mo.ComputeResource) bool {
	config, ok := owner.ConfigurationEx.(*types.ClusterConfigInfoEx)
	if !ok {
		return true
	}
	drs := config.DrsConfig
	return drs.Enabled != nil && *drs.Enabled && drs.DefaultVmBehavior != types.DrsBehaviorManual
}

// hostTrouble is the fault that a host in its present state answers a new virtual machine with.
func hostTrouble(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	host, ok := ctx.Map.Get(ref).(*simulator.HostSystem)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	var fault types.BaseMethodFault
	ctx.WithLock(host, func() {
		switch {
		case host.Runtime.ConnectionState != types.HostSystemConnectionStateConnected:
			fault = &types.HostNotConnected{}
		case host.Runtime.InMaintenanceMode:
			fault = &types.InvalidState{}
		}
	})
	return fault
}

func computeResource(ctx *simulator.Context, ref types.ManagedObjectReference) *mo.ComputeResource {
	switch c := ctx.Map.Get(ref).(type) {
	case *simulator.ClusterComputeResource:
		return &c.ComputeResource
	case *mo.ComputeResource:
		return c
	}
	return nil
}

// devices is the device changes that give a new virtual machine the source's devices, keys included, but for those that
// every virtual machine has anyway. Disks get files of their own, which hang on the source's if the clone is linked.
func devices(source object.VirtualDeviceList, linked bool) []types.BaseVirtualDeviceConfigSpec {
	var changes []types.BaseVirtualDeviceConfigSpec
	defaults := object.VirtualDeviceList(esx.VirtualDevice)
	for _, device := range source {
		if defaults.Find(source.Name(device)) != nil {
			continue
		}
		change := types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device}
		if disk, ok := device.(*types.VirtualDisk); ok {
			change.Device, change.FileOperation = born(disk, linked), types.VirtualDeviceConfigSpecFileOperationCreate
		}
		changes = append(changes, &change)
	}
	return changes
}

// born is the disk that a clone has for one of its source.
func born(source *types.VirtualDisk, linked bool) *types.VirtualDisk {
	disk := *source
	if parent, ok := source.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		backing := *parent
		backing.FileName, backing.Uuid, backing.Parent = "", "", nil // the file is made in the virtual machine's directory
		if linked {
			backing.ContentId, backing.Datastore, backing.Parent = "", nil, parent
		}
		disk.Backing = &backing
	}
	return &disk
}

// copyOf makes a deep copy by way of XML, as the stock simulator does. It panics on what is no vim type: only a mistake in
// the simulator can pass one.
func copyOf[T any](src T) T {
	var dst T
	data, err := xml.Marshal(&src)
	if err != nil {
		panic(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.TypeFunc = types.TypeFunc()
	if err := decoder.Decode(&dst); err != nil {
		panic(err)
	}
	return dst
}

// newUUID is a random UUID. The stock simulator derives one from the path of the virtual machine, so that one made after
// another of its name has gone would pass for it.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

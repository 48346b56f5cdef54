package sim

import (
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// linked reports whether a clone's disks are to hang on its source's. The stock simulator ignores that, and snapshots too.
func (c *clone) linked() bool {
	return c.req.Spec.Location.DiskMoveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
}

// snapshotConfig returns the configuration at the snapshot that a clone is made from, or nil if it is made from the source as
// it is. A linked clone needs a snapshot, whose files nobody writes to any more (API reference, RelocateSpec.diskMoveType).
// The caller holds the source's lock.
func (c *clone) snapshotConfig(ctx *simulator.Context) (*types.VirtualMachineConfigInfo, types.BaseMethodFault) {
	ref := c.req.Spec.Snapshot
	if ref == nil && !c.linked() {
		return nil, nil
	}
	bad := &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
	if ref == nil || c.source.Snapshot == nil {
		return nil, bad
	}
	own := false
	walkSnapshots(c.source.Snapshot.RootSnapshotList, func(t types.VirtualMachineSnapshotTree) {
		own = own || t.Snapshot == *ref
	})
	snapshot, ok := ctx.Map.Get(*ref).(*simulator.VirtualMachineSnapshot)
	if !own || !ok {
		return nil, bad
	}
	config := copyOf(snapshot.Config)
	return &config, nil
}

// reachParents refuses a linked clone whose host cannot read the files that its disks would hang on.
func (c *clone) reachParents(ctx *simulator.Context, source object.VirtualDeviceList) types.BaseMethodFault {
	if !c.linked() {
		return nil
	}
	host := ctx.Map.Get(*c.host).(*simulator.HostSystem) // place has found it
	for _, disk := range disksOf(source) {
		for _, file := range chain(disk) {
			var path object.DatastorePath
			path.FromString(file)
			if ctx.Map.FindByName(path.Datastore, host.Datastore) != nil {
				continue
			}
			fault := &types.CannotAccessVmDisk{Fault: types.LocalizedMethodFault{Fault: &types.InvalidDatastore{Name: path.Datastore}}}
			fault.Device, fault.Backing = source.Name(disk), file
			return fault
		}
	}
	return nil
}

// diskBases is the disks that a clone's own grow from. A disk that hangs on another cannot grow. So it is with a full clone of a
// source with snapshots, whose chains vCenter moves as they are, unless it is told to consolidate them
// (cluster-api-provider-vsphere#1189).
func (c *clone) diskBases(source object.VirtualDeviceList) object.VirtualDeviceList {
	consolidate := string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate)
	if !c.linked() && c.req.Spec.Location.DiskMoveType != consolidate {
		return source
	}
	var born object.VirtualDeviceList
	for _, change := range c.spec.DeviceChange {
		born = append(born, change.GetVirtualDeviceConfigSpec().Device)
	}
	return born
}

// hosted says why the host of a clone lacks, by now, what the clone needs, or returns nil. A datastore may have another name
// than when the clone was submitted.
func (c *clone) hosted(ctx *simulator.Context) types.BaseMethodFault {
	host, ok := ctx.Map.Get(*c.host).(*simulator.HostSystem)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: *c.host}
	}
	if !slices.Contains(host.Datastore, c.store) {
		return &types.ManagedObjectNotFound{Obj: c.store}
	}
	if !inService(summaryOf(ctx, c.store)) {
		return &types.InvalidState{}
	}
	if !c.hasRoom(ctx) {
		return &types.NoDiskSpace{FileFault: types.FileFault{File: c.spec.Files.VmPathName}, Datastore: entityName(ctx.Map, c.store)}
	}
	var path object.DatastorePath
	path.FromString(c.spec.Files.VmPathName)
	path.Datastore = entityName(ctx.Map, c.store)
	c.spec.Files = &types.VirtualMachineFileInfo{VmPathName: path.String()}
	cards := c.cardsOn(ctx, &host.HostSystem)
	return cards.keep()
}

// cardsOn is the network cards of the virtual machine to be, on a host.
func (c *clone) cardsOn(ctx *simulator.Context, host *mo.HostSystem) cardChanges {
	cards := cardChanges{registry: ctx.Map, dc: datacenterOf(ctx.Map, c.folder), host: host}
	for _, base := range c.spec.DeviceChange {
		cards.devices = append(cards.devices, base.GetVirtualDeviceConfigSpec().Device)
	}
	return cards
}

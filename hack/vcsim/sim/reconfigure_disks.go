package sim

import (
	"slices"
	"strconv"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vmdk"
)

// resize is the change of a spec that gives a disk another size. The stock simulator can do that too, but it takes the size
// for 0 if only one of the two fields is given, moves the disk behind all other devices, and lets the journal see a virtual
// machine without the disk.
type resize struct {
	change int                // index among the spec's device changes
	disk   *types.VirtualDisk // as it is to be
	from   int64              // bytes
}

// resizesOf finds the disks that a spec gives another size, or returns the fault that refuses it: rule 5.
func resizesOf(
	devices object.VirtualDeviceList, changes []types.BaseVirtualDeviceConfigSpec,
) ([]resize, types.BaseMethodFault) {
	var resizes []resize
	for i, base := range changes {
		old, edit := editedDisk(devices, base.GetVirtualDeviceConfigSpec())
		if old == nil {
			continue // the stock simulator's business, also if there is no such disk
		}
		size, ok := sizeOf(old, edit)
		switch {
		case !ok, size < old.CapacityInBytes, size > old.CapacityInBytes && len(chain(old)) > 1:
			fault := &types.InvalidDeviceOperation{BadOp: types.VirtualDeviceConfigSpecOperationEdit}
			fault.Property, fault.DeviceIndex = "virtualDeviceSpec.device", int32(i)
			return nil, fault
		case size > old.CapacityInBytes:
			resizes = append(resizes, resize{change: i, disk: resized(old, edit, size), from: old.CapacityInBytes})
		default:
			complete(edit, old)
		}
	}
	return resizes, nil
}

// complete gives the edit of a disk that keeps its size what is left out. The stock simulator makes 0 of a size, and panics
// without a backing.
func complete(edit, old *types.VirtualDisk) {
	edit.CapacityInBytes, edit.CapacityInKB = old.CapacityInBytes, old.CapacityInKB
	if edit.Backing == nil {
		edit.Backing = old.Backing
	}
}

// editedDisk returns the disk that a change is about, and what the change makes of it; nil if it edits no disk that is there.
func editedDisk(devices object.VirtualDeviceList, change *types.VirtualDeviceConfigSpec) (old, edit *types.VirtualDisk) {
	edit, ok := change.Device.(*types.VirtualDisk)
	if !ok || change.Operation != types.VirtualDeviceConfigSpecOperationEdit {
		return nil, nil
	}
	old, ok = devices.FindByKey(edit.Key).(*types.VirtualDisk)
	if !ok {
		return nil, nil
	}
	return old, edit
}

// sizeOf is the size in bytes that an edit asks for. There are two fields for it: one that is left out, or is as it was,
// counts for nothing, and two that change must agree.
func sizeOf(old, edit *types.VirtualDisk) (size int64, ok bool) {
	inBytes, inKB := edit.CapacityInBytes, edit.CapacityInKB
	if inBytes == 0 {
		inBytes = old.CapacityInBytes
	}
	switch {
	case inKB == 0 || inKB == old.CapacityInKB:
		return inBytes, true
	case inBytes == old.CapacityInBytes:
		return inKB * 1024, true
	default:
		return inBytes, inBytes/1024 == inKB
	}
}

// resized is a disk with another size. Which files it has no edit changes.
func resized(old, edit *types.VirtualDisk, size int64) *types.VirtualDisk {
	disk := *edit
	disk.CapacityInBytes, disk.CapacityInKB = size, size/1024
	disk.Backing, disk.VDiskId = old.Backing, old.VDiskId
	disk.ControllerKey, disk.UnitNumber = old.ControllerKey, old.UnitNumber
	info := types.Description{Summary: thousands(disk.CapacityInKB) + " KB"}
	if old.DeviceInfo != nil {
		info.Label = old.DeviceInfo.GetDescription().Label
	}
	disk.DeviceInfo = &info
	return &disk
}

// thousands is a number as vCenter writes it for people.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// withoutResizes returns a call without the changes that ours carries out.
func withoutResizes(m *simulator.Method, resizes []resize) *simulator.Method {
	if len(resizes) == 0 {
		return m
	}
	call := *m
	body := *m.Body.(*types.ReconfigVM_Task)
	body.Spec.DeviceChange = slices.Clone(body.Spec.DeviceChange)
	for _, r := range slices.Backward(resizes) {
		body.Spec.DeviceChange = slices.Delete(body.Spec.DeviceChange, r.change, r.change+1)
	}
	call.Body = &body
	return &call
}

// apply gives the disk its size, and tells nobody: the stock simulator does, once it has changed the rest.
func (r *resize) apply(vm *simulator.VirtualMachine) {
	devices := slices.Clone(vm.Config.Hardware.Device) // watchers may still have the old ones
	for i, device := range devices {
		if device.GetVirtualDevice().Key == r.disk.Key {
			devices[i] = r.disk
		}
	}
	vm.Config.Hardware.Device = devices
}

// settle lets the disk's file know its size, from which disks on top of it take theirs, and takes the space.
func (r *resize) settle(ctx *simulator.Context, vm *simulator.VirtualMachine) types.BaseMethodFault {
	backing, ok := r.disk.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	dc := datacenterOf(ctx.Map, vm)
	if !ok || dc == nil {
		return &types.NotFound{}
	}
	file := backing.GetVirtualDeviceFileBackingInfo()
	manager := ctx.Map.FileManager()
	desc, path, fault := manager.DiskDescriptor(ctx, &dc.Self, file.FileName)
	if fault != nil {
		return fault
	}
	desc.Extent[0].Size = r.disk.CapacityInBytes / vmdk.SectorSize
	if file.Datastore != nil {
		if store, ok := ctx.Map.Get(*file.Datastore).(*simulator.Datastore); ok {
			ctx.WithLock(store, func() {
				store.Summary.FreeSpace -= r.disk.CapacityInBytes - r.from
				store.Info.GetDatastoreInfo().FreeSpace = store.Summary.FreeSpace
			})
		}
	}
	return manager.SaveDiskDescriptor(ctx, desc, path)
}

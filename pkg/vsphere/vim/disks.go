package vim

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	paths "github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// propHeld is where the devices of a VM's snapshots are noted, beside what vCenter has answered of the VM itself.
const propHeld = "the devices of its snapshots"

// readWithDisks reads VMs with all disks that vCenter would delete with them: those of a VM's snapshots too, which the VM
// itself may have no more.
func (c *connection) readWithDisks(
	ctx context.Context, vms []types.ManagedObjectReference,
) (map[types.ManagedObjectReference]reading, error) {
	readings, err := c.readEach(ctx, vms, append(c.vmProps(), propDevices, propVMFile, propSnapshot)...)
	if err != nil {
		return nil, err
	}
	var snapshots []types.ManagedObjectReference
	for _, r := range readings {
		snapshots = append(snapshots, r.props.snapshots()...)
	}
	if len(snapshots) == 0 {
		return readings, nil
	}
	held, err := c.readEach(ctx, snapshots, propDevices)
	if err != nil {
		return nil, err
	}
	for _, r := range readings {
		var devices []properties
		for _, snapshot := range r.props.snapshots() {
			if !held[snapshot].gone {
				devices = append(devices, held[snapshot].props)
			}
		}
		if len(devices) > 0 {
			r.props[propHeld] = devices
		}
	}
	return readings, nil
}

// snapshots returns the snapshots of a VM.
func (p properties) snapshots() []types.ManagedObjectReference {
	info, _ := p[propSnapshot].(types.VirtualMachineSnapshotInfo)
	var refs []types.ManagedObjectReference
	for _, tree := range snapshotTrees(info) {
		refs = append(refs, tree.Snapshot)
	}
	return refs
}

// refuseDisks says why a VM must not be destroyed for the sake of its disks, or is nil.
func refuseDisks(what string, vm vsphere.VM, props properties) *vsphere.Error {
	vmFile, _ := datastorePath(props.text(propVMFile))
	disks, hidden := props.portDisks(), !props.showsDisks()
	held, _ := props[propHeld].([]properties)
	for _, snapshot := range held {
		disks = append(disks, snapshot.portDisks()...)
		hidden = hidden || !snapshot.showsDisks()
	}
	foreign, unclear := vsphere.ForeignDisks(*vm.Stamp, vmFile, disks)
	switch {
	case len(foreign) > 0:
		var names []string
		for _, disk := range foreign {
			if name := disk.String(); !slices.Contains(names, name) { // one that snapshots hold too
				names = append(names, name)
			}
		}
		return &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonForeignDisk,
			Message: fmt.Sprintf("%s: it has a disk that is not its own and would be deleted with it (%s). Detach the disk in vCenter, without deleting its files; if a snapshot holds it too, save it elsewhere and delete the snapshot. The VM is destroyed then.",
				what, strings.Join(names, "; ")),
		}
	case hidden || unclear:
		return &vsphere.Error{
			Class: errDisksHidden.Class, Reason: errDisksHidden.Reason, Message: what + ": " + errDisksHidden.Message, Err: errDisksHidden,
		}
	}
	return nil
}

// portDisks returns the VM's virtual disks, as the port judges them.
func (p properties) portDisks() []vsphere.Disk {
	var disks []vsphere.Disk
	for _, d := range p.disks() {
		disk := vsphere.Disk{Key: d.Key, Files: chainOf(d.Backing), FirstClass: d.VDiskId != nil}
		if d.DeviceInfo != nil {
			disk.Label = d.DeviceInfo.GetDescription().Label
		}
		disks = append(disks, disk)
	}
	return disks
}

// chainOf returns the files of a disk's backing, the top first, or nil if one of them is not shown. Every kind of backing that
// snapshots can be taken of has its next file in a field of the same name.
func chainOf(backing types.BaseVirtualDeviceBackingInfo) []vsphere.DatastorePath {
	var files []vsphere.DatastorePath
	for v := reflect.ValueOf(backing); v.Kind() == reflect.Pointer && !v.IsNil(); v = v.Elem().FieldByName("Parent") {
		file, ok := v.Interface().(types.BaseVirtualDeviceFileBackingInfo)
		if !ok {
			return nil
		}
		path, ok := datastorePath(file.GetVirtualDeviceFileBackingInfo().FileName)
		if !ok {
			return nil
		}
		files = append(files, path)
	}
	return files
}

// datastorePath reads what vCenter writes as "[datastore] path". govmomi trims what stands behind the bracket, but " web" and
// "web" are two directories: the one blank goes that vCenter puts there, and no other.
func datastorePath(text string) (vsphere.DatastorePath, bool) {
	var p paths.DatastorePath
	if !strings.HasPrefix(text, "[") || !p.FromString(text) || p.Path == "" {
		return vsphere.DatastorePath{}, false
	}
	_, path, _ := strings.Cut(text, "]")
	return vsphere.DatastorePath{Datastore: p.Datastore, Path: strings.TrimPrefix(path, " ")}, true
}

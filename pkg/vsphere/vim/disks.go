package vim

import (
	"fmt"
	"reflect"
	"strings"

	paths "github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// refuseDisks says why a VM must not be destroyed for the sake of its disks, or is nil.
func refuseDisks(what string, vm vsphere.VM, props properties) *vsphere.Error {
	vmFile, _ := datastorePath(props.text(propVMFile))
	foreign, hidden := vsphere.ForeignDisks(*vm.Stamp, vmFile, props.portDisks())
	switch {
	case len(foreign) > 0:
		names := make([]string, len(foreign))
		for i, disk := range foreign {
			names[i] = disk.String()
		}
		return &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: reasonForeignDisk,
			Message: fmt.Sprintf("%s: it has a disk that is not its own and would be deleted with it (%s). Detach the disk in vCenter, without deleting its files; the VM is destroyed then.",
				what, strings.Join(names, "; ")),
		}
	case hidden || !props.showsDisks():
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

package fake

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// originOf returns what VMs are made from: a template as it is, or, if they are linked, the one snapshot that fits.
func originOf(template *machine, spec vsphere.VMSpec) (snapshot, *vsphere.Error) {
	all := template.snapshots
	switch {
	case !spec.Linked:
		return snapshot{disks: template.disks, diskBytes: template.DiskBytes}, nil
	case spec.Snapshot == "" && len(all) > 0:
		return all[len(all)-1], nil
	}
	named := slices.DeleteFunc(slices.Clone(all), func(s snapshot) bool { return s.name != spec.Snapshot })
	if len(named) != 1 {
		return snapshot{}, newError(vsphere.ClassInvalid, v1alpha1.ReasonSnapshotNotFound, "%s has %d snapshots, %d of them named %q",
			template.Name, len(all), len(named), spec.Snapshot)
	}
	return named[0], nil
}

// base is the files that linked clones of a snapshot hang on.
func (s snapshot) base() []string {
	var files []string
	for _, d := range s.disks {
		files = append(files, d.Files[0].String())
	}
	return files
}

// addLinked is addMachineOn for a VM whose disks hang on others.
func (v *VCenter) addLinked(store string, vm vsphere.VM, on []vsphere.Disk) *machine {
	m := v.addMachineOn(store, vm, on)
	for i, d := range on {
		own := m.disks[i].Files[0]
		v.links[own] = true
		m.disks[i].Files = append([]vsphere.DatastorePath{own}, d.Files...)
	}
	return m
}

package fake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// AddDisk makes a disk by hand and attaches it to a VM. It lies in the VM's directory, where vCenter puts it.
func (v *VCenter) AddDisk(ref vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	key := slices.Max(append(keysOf(m.disks), TemplateDisk)) + 1
	m.disks = append(m.disks, vsphere.Disk{Key: key, Files: []vsphere.DatastorePath{v.newDiskFile(m)}})
}

// RegisterDisk makes a VM's first disk a first-class disk.
func (v *VCenter) RegisterDisk(ref vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	v.machine(ref).disks[0].FirstClass = true
}

// ReplaceDisk detaches a VM's first disk, and attaches the first disk of another VM in its place: it has the same key then.
// The other VM keeps it too.
func (v *VCenter) ReplaceDisk(ref, other vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	m.disks[0] = vsphere.Disk{Key: m.disks[0].Key, Files: slices.Clone(v.machine(other).disks[0].Files)}
	m.DiskBytes = v.machine(other).DiskBytes
}

// snapshot is a VM or a template as it was.
type snapshot struct {
	name      string
	disks     []vsphere.Disk
	diskBytes int64
}

// TakeSnapshot takes a snapshot of a VM: each disk gets a new file in the VM's directory, on top of those that it has.
func (v *VCenter) TakeSnapshot(ref vsphere.Ref) { v.TakeNamedSnapshot(ref, "snapshot") }

// TakeNamedSnapshot is TakeSnapshot for a VM or a template, with a name.
func (v *VCenter) TakeNamedSnapshot(ref vsphere.Ref, name string) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	m.snapshots = append(m.snapshots, snapshot{name, slices.Clone(m.disks), m.DiskBytes})
	for i := range m.disks {
		top := v.newDiskFile(m)
		v.madeFor[top] = m.Ref
		m.disks[i].Files = append([]vsphere.DatastorePath{top}, m.disks[i].Files...)
	}
}

// RemoveSnapshot removes the snapshots of a name. The files of disks stay as they are: linked clones may hang on them.
func (v *VCenter) RemoveSnapshot(ref vsphere.Ref, name string) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	m.snapshots = slices.DeleteFunc(m.snapshots, func(s snapshot) bool { return s.name == name })
}

// DiskParent is the file that the first disk of a VM or a template hangs on, empty if there is none.
func (v *VCenter) DiskParent(ref vsphere.Ref) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	disks := v.machine(ref).disks
	if len(disks) == 0 || len(disks[0].Files) < 2 {
		return ""
	}
	return disks[0].Files[1].String()
}

// MoveDisk moves a VM's first disk to another directory of the datastore. It is the VM's own as before.
func (v *VCenter) MoveDisk(ref vsphere.Ref, directory string) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	file := v.newFile(m.file.Datastore, directory)
	v.madeFor[file] = v.madeFor[m.disks[0].Files[0]]
	m.disks[0].Files[0] = file
}

// DetachDisks detaches all disks of a VM. Their files stay.
func (v *VCenter) DetachDisks(ref vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	v.machine(ref).disks, v.machine(ref).DiskBytes = nil, 0
}

// RemoveDisks detaches the disks of a VM that are not its own.
func (v *VCenter) RemoveDisks(ref vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	m.disks = slices.DeleteFunc(m.disks, func(d vsphere.Disk) bool { return len(v.strangers(m, d)) > 0 })
}

// Violations tells which destructions of clients have deleted a file that was not made for the VM.
func (v *VCenter) Violations() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.violations)
}

// deleteFiles deletes the files of all disks of a VM and of its snapshots, as vCenter does with the VM, whoever they are, but for
// those that the disk of a linked clone hangs on.
func (v *VCenter) deleteFiles(m *machine) {
	for _, d := range m.allDisks() {
		for _, file := range v.strangers(m, d) {
			v.violations = append(v.violations, fmt.Sprintf("the destruction of %s deleted %s, which was not made for it", m.Name, file))
		}
	}
}

// strangers returns the files of a disk that would be deleted with the VM that it is attached to, and were not made for it.
func (v *VCenter) strangers(m *machine, d vsphere.Disk) []vsphere.DatastorePath {
	files := d.Files
	if i := slices.IndexFunc(files, func(f vsphere.DatastorePath) bool { return v.links[f] }); i >= 0 {
		files = files[:i+1]
	}
	return slices.DeleteFunc(slices.Clone(files), func(f vsphere.DatastorePath) bool { return v.madeFor[f] == m.Ref })
}

// allDisks returns the disks of a VM and of its snapshots.
func (m *machine) allDisks() []vsphere.Disk {
	disks := slices.Clone(m.disks)
	for _, s := range m.snapshots {
		disks = append(disks, s.disks...)
	}
	return disks
}

// refuseDisks says why a VM must not be destroyed for the sake of its disks, or is nil.
func refuseDisks(m *machine) *vsphere.Error {
	foreign, hidden := vsphere.ForeignDisks(*m.Stamp, m.file, m.allDisks())
	switch {
	case len(foreign) > 0:
		return newError(vsphere.ClassInvalid, v1alpha1.ReasonForeignDisk, "%s has a disk that is not its own (%s)", m.Name, foreign[0])
	case hidden:
		return newError(vsphere.ClassTransient, v1alpha1.ReasonRetrying, "the disks of %s cannot be seen", m.Name)
	}
	return nil
}

// newDiskFile returns a name that no file has, in the directory of a VM.
func (v *VCenter) newDiskFile(m *machine) vsphere.DatastorePath {
	return v.newFile(m.file.Datastore, m.file.Dir().Path)
}

func (v *VCenter) newFile(store, directory string) vsphere.DatastorePath {
	v.lastFile++
	return vsphere.DatastorePath{Datastore: store, Path: fmt.Sprintf("%s/disk-%d.vmdk", directory, v.lastFile)}
}

// directoryOf is the directory that vCenter makes for a new VM: no other has it.
func directoryOf(vm vsphere.VM) string {
	return fmt.Sprintf("%s_%s", strings.ReplaceAll(vm.Name, "/", "%2f"), vm.Ref)
}

func keysOf(disks []vsphere.Disk) []int32 {
	keys := []int32{}
	for _, d := range disks {
		keys = append(keys, d.Key)
	}
	return keys
}

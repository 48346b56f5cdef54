package fake

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The methods below change the world behind the controller's back, as other people do. Paths are relative to VMFolder.
// They panic when asked for what does not exist: a test that does so is wrong.

// TemplateDisk is the device key of the one disk that templates, and so their clones, have.
const TemplateDisk int32 = 2000

// VMs returns every VM and template, by name.
func (v *VCenter) VMs() []vsphere.VM {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []vsphere.VM
	for _, m := range v.machines {
		out = append(out, v.view(m))
	}
	slices.SortFunc(out, func(a, b vsphere.VM) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
	})
	return out
}

// Folders returns the paths of all folders below VMFolder, relative to it.
func (v *VCenter) Folders() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for ref, f := range v.folders {
		if f.parent != "" {
			out = append(out, trim(v.path(ref)))
		}
	}
	slices.Sort(out)
	return out
}

// AddTemplate makes a template in a folder, which is made on demand.
func (v *VCenter) AddTemplate(folder, name string) vsphere.Ref {
	return v.AddVM(folder, vsphere.VM{Name: name, Configured: true, Template: true})
}

// AddForeignVM makes a VM without a stamp in a folder, which is made on demand.
func (v *VCenter) AddForeignVM(folder, name string) vsphere.Ref {
	return v.AddVM(folder, vsphere.VM{Name: name, Configured: true})
}

// AddVM makes a VM just so in a folder, which is made on demand. Where the VM does not say otherwise, it has a fresh
// instance, is switched off, and is connected. Its Ref and Parent are not looked at.
func (v *VCenter) AddVM(folder string, vm vsphere.VM) vsphere.Ref {
	v.mu.Lock()
	defer v.unlock()
	vm.Parent = v.makeFolders(VMFolder + "/" + folder).ref
	vm.InstanceUUID = cmp.Or(vm.InstanceUUID, v.newInstance())
	vm.Power = cmp.Or(vm.Power, vsphere.PoweredOff)
	vm.Connection = cmp.Or(vm.Connection, vsphere.Connected)
	vm.DiskBytes = cmp.Or(vm.DiskBytes, vsphere.GiB(TemplateDiskGiB))
	m := v.addMachine(vm, []vsphere.Disk{{Key: TemplateDisk}})
	v.changed(m)
	v.templatesChanged()
	return m.Ref
}

// CopyVM clones a VM by hand into the folder that it is in: the stamp is copied, the instance is new.
func (v *VCenter) CopyVM(ref vsphere.Ref, name string) vsphere.Ref {
	v.mu.Lock()
	defer v.unlock()
	vm := v.machine(ref).VM
	vm.Name, vm.InstanceUUID = name, v.newInstance()
	setPower(&vm, vsphere.PoweredOff)
	m := v.addMachine(vm, v.machine(ref).disks)
	v.changed(m)
	return m.Ref
}

// Update changes a VM in any way, but for its Ref. Set Unreadable to take away the permission to read it.
func (v *VCenter) Update(ref vsphere.Ref, change func(vm *vsphere.VM)) {
	v.mu.Lock()
	defer v.unlock()
	m := v.machine(ref)
	for _, c := range v.clients {
		if c.known[ref] {
			c.notify(m) // whose it was
		}
	}
	change(&m.VM)
	m.Ref = ref
	v.changed(m)
	v.templatesChanged()
}

// Destroy deletes a VM or template.
func (v *VCenter) Destroy(ref vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	v.remove(v.machine(ref))
}

// PowerOff switches a VM off.
func (v *VCenter) PowerOff(ref vsphere.Ref) {
	v.Update(ref, func(vm *vsphere.VM) { setPower(vm, vsphere.PoweredOff) })
}

// Rename gives a VM another name.
func (v *VCenter) Rename(ref vsphere.Ref, name string) {
	v.Update(ref, func(vm *vsphere.VM) { vm.Name = vsphere.UnescapeName(name) })
}

// Move puts a VM into a folder, which is made on demand.
func (v *VCenter) Move(ref vsphere.Ref, folder string) {
	parent := v.AddFolder(folder)
	v.Update(ref, func(vm *vsphere.VM) { vm.Parent = parent })
}

// MarkAsTemplate makes a VM a template, or a template a VM.
func (v *VCenter) MarkAsTemplate(ref vsphere.Ref, template bool) {
	v.Update(ref, func(vm *vsphere.VM) { vm.Template = template })
}

// Disconnect disconnects the host of a VM, or connects it again.
func (v *VCenter) Disconnect(ref vsphere.Ref, disconnected bool) {
	v.Update(ref, func(vm *vsphere.VM) {
		vm.Connection = vsphere.Connected
		if disconnected {
			vm.Connection = "disconnected"
		}
	})
}

// AddFolder makes a folder and those above it, where they are missing.
func (v *VCenter) AddFolder(folder string) vsphere.Ref {
	v.mu.Lock()
	defer v.unlock()
	return v.makeFolders(VMFolder + "/" + folder).ref
}

// RenameFolder gives a folder another name, and wakes every group.
func (v *VCenter) RenameFolder(folder, name string) {
	v.mu.Lock()
	defer v.unlock()
	v.folder(folder).name = vsphere.UnescapeName(name)
	v.notifyAll()
}

// MoveFolder puts a folder, with all that is in it, into another, which is made on demand, and wakes every group.
func (v *VCenter) MoveFolder(folder, into string) {
	v.mu.Lock()
	defer v.unlock()
	v.folder(folder).parent = v.makeFolders(VMFolder + "/" + into).ref
	for _, m := range v.machines {
		v.changed(m)
	}
	v.notifyAll()
}

// RemoveFolder removes a folder with everything below it, VMs included, as a vCenter does. Of the root folder, it is how
// the root gets lost.
func (v *VCenter) RemoveFolder(folder string) {
	v.mu.Lock()
	defer v.unlock()
	path := v.path(v.folder(folder).ref)
	for _, m := range v.machines {
		if v.below(m.Parent, path) {
			v.remove(m)
		}
	}
	var gone []vsphere.Ref
	for ref := range v.folders {
		if v.below(ref, path) {
			gone = append(gone, ref)
		}
	}
	for _, ref := range gone {
		delete(v.folders, ref)
	}
	v.notifyAll()
}

// SetOutage starts an outage, or ends it. Tasks go on meanwhile.
func (v *VCenter) SetOutage(on bool) {
	v.mu.Lock()
	defer v.unlock()
	v.outage = on
	v.settle()
	for _, c := range v.clients {
		c.disconnect()
		c.answerAll()
	}
	v.notifyAll()
}

// SetUUID makes it another vCenter behind the same address.
func (v *VCenter) SetUUID(uuid string) {
	v.mu.Lock()
	defer v.unlock()
	v.uuid = uuid
	v.notifyAll()
}

func (v *VCenter) notifyAll() {
	for _, c := range v.clients {
		c.outbox.NotifyAll()
	}
}

func (v *VCenter) machine(ref vsphere.Ref) *machine {
	m := v.machines[ref]
	if m == nil {
		panic(fmt.Sprintf("fake: no VM %s", ref))
	}
	return m
}

func (v *VCenter) folder(path string) *folder {
	f := v.find(VMFolder + "/" + path)
	if f == nil {
		panic(fmt.Sprintf("fake: no folder %s", path))
	}
	return f
}

package plan

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// view is the snapshot of one group, with indexes for the questions that are asked about each VM. The snapshot is shared:
// nobody writes to it.
type view struct {
	in    Input
	slots slotNames
	// vms and operations point into the snapshot.
	vms        []*vsphere.VM
	operations []*vsphere.Operation
	// folder is the group's, nil if there is none. folders are those of the snapshot.
	folder  *vsphere.Folder
	folders map[vsphere.Ref]*vsphere.Folder
	// recorded holds the names of the VMs that the status lists, if it speaks of this vCenter.
	recorded map[vsphere.Ref]string
	// cloning holds the slots of the clones in flight.
	cloning map[int]bool
}

func newView(in Input) *view {
	s := &in.Snapshot
	v := &view{
		in: in, slots: slotNamesOf(in.Group), vms: s.VMs, operations: pointers(s.Operations),
		folders: map[vsphere.Ref]*vsphere.Folder{}, recorded: recordedNames(in), cloning: map[int]bool{},
	}
	for i := range s.Folders {
		v.folders[s.Folders[i].Ref] = &s.Folders[i]
	}
	for _, op := range v.operations {
		if slot, ok := v.slots.slot(op.Name); op.Kind.Makes() && ok {
			v.cloning[slot] = true
		}
	}
	v.folder = v.chooseFolder()
	return v
}

// pointers returns a pointer to each element of a list.
func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

func recordedNames(in Input) map[vsphere.Ref]string {
	names := map[vsphere.Ref]string{}
	if f := in.Group.Status.Folder; f == nil || f.VCenter != in.Snapshot.VCenter {
		return names
	}
	for _, vm := range in.Group.Status.VMs {
		if _, ok := names[vsphere.Ref(vm.MoRef)]; !ok {
			names[vsphere.Ref(vm.MoRef)] = vm.Name
		}
	}
	return names
}

// chooseFolder returns the group's folder. In order:
//
//  1. the one that the status records, if it still lies under the root and holds a VM of ours (an admin may have renamed it),
//     or one that the status lists and that shows no configuration
//  2. the one with the group's path
func (v *view) chooseFolder() *vsphere.Folder {
	var byPath *vsphere.Folder
	status := v.in.Group.Status.Folder
	for i := range v.in.Snapshot.Folders {
		f := &v.in.Snapshot.Folders[i]
		if f.Path == v.in.Snapshot.Path {
			byPath = f
		}
		if status != nil && status.MoRef == string(f.Ref) && f.UnderRoot && v.holdsOurs(f.Ref) {
			return f
		}
	}
	return byPath
}

func (v *view) holdsOurs(folder vsphere.Ref) bool {
	for _, vm := range v.vms {
		if vm.Parent != folder {
			continue
		}
		switch v.identify(vm) {
		case vsphere.Ours:
			return true
		case vsphere.Incomplete:
			if v.isRecorded(vm) {
				return true
			}
		case vsphere.Foreign, vsphere.Copy, vsphere.ConvertedToTemplate:
		}
	}
	return false
}

func (v *view) identify(vm *vsphere.VM) vsphere.Identity {
	return vsphere.Identify(v.in.Snapshot.Owner, string(v.in.Group.UID), *vm)
}

// slotHeld returns the slot whose name a VM holds: vCenter allows no second VM of that name in the group's folder.
func (v *view) slotHeld(vm *vsphere.VM) (int, bool) {
	if !v.inFolder(vm) {
		return 0, false
	}
	return v.slots.slot(vm.Name)
}

func (v *view) inFolder(vm *vsphere.VM) bool { return v.folder != nil && vm.Parent == v.folder.Ref }

// inGroupFolder reports whether a VM lies where the group's clones go, or went. The snapshot also has folders that matter
// only because somebody moved a VM of the group there.
func (v *view) inGroupFolder(vm *vsphere.VM) bool {
	f := v.folders[vm.Parent]
	return f != nil && (f.Path == v.in.Snapshot.Path || v.inFolder(vm))
}

// stamped reports whether a VM carries the group's stamp, whatever else it shows.
func (v *view) stamped(vm *vsphere.VM) bool {
	return vm.Stamp != nil && vm.Stamp.Owner == v.in.Snapshot.Owner && vm.Stamp.UID == string(v.in.Group.UID)
}

func (v *view) isRecorded(vm *vsphere.VM) bool {
	_, ok := v.recorded[vm.Ref]
	return ok
}

// remembered reports whether a VM is in the snapshot only because the group remembers it: it shows neither a stamp nor a
// folder, and is not proven gone.
func (v *view) remembered(vm *vsphere.VM) bool {
	return vm.Unreadable && vm.Stamp == nil && v.folders[vm.Parent] == nil
}

// isOrphan reports whether a VM belonged to a VmGroup of the same name that no longer exists: one that was deleted without
// its VMs, or restored from a backup, which gives it another UID.
func (v *view) isOrphan(vm *vsphere.VM) bool {
	s, owner, g := vm.Stamp, v.in.Snapshot.Owner, v.in.Group
	if s == nil || s.Owner != owner || s.Name != g.Name || s.UID == string(g.UID) || v.in.Living[s.UID] {
		return false
	}
	identity := vsphere.Identify(owner, s.UID, *vm)
	return identity == vsphere.Ours || identity == vsphere.ConvertedToTemplate
}

// mayBeOurs reports whether a VM without name or configuration can be one of the group's.
func (v *view) mayBeOurs(vm *vsphere.VM) bool {
	return v.stamped(vm) || v.isRecorded(vm) || v.inGroupFolder(vm) || v.remembered(vm)
}

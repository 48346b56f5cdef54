package inventory

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Snapshot returns the part of the snapshot of a class's group that the inventory knows. What it shares with the inventory never changes.
func (inv *Inventory) Snapshot(g vsphere.GroupID, class string) vsphere.Snapshot {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	s := vsphere.Snapshot{
		Zones:         inv.zones(class),
		Networks:      inv.classes[class].Networks,
		RootExists:    inv.root != "",
		Disappearance: inv.absences.Current(),
		Path:          vsphere.Path(slices.Concat(inv.layout.VMFolderPath, inv.layout.Root, []string{g.Namespace, g.Name})...),
	}
	folders := map[vsphere.Ref]bool{}
	if inv.root != "" {
		if ref := inv.descend(inv.root, g.Namespace, g.Name); ref != "" {
			folders[ref] = true
		}
	}
	for folder := range inv.foldersOf[g.UID] {
		if inv.underRoot(folder) {
			folders[folder] = true
		}
	}
	s.VMs = inv.byUID[g.UID].All()
	for folder := range folders {
		s.Folders = append(s.Folders, inv.folder(folder))
		s.VMs = union(s.VMs, inv.byParent[folder].All())
	}
	slices.SortFunc(s.Folders, func(a, b vsphere.Folder) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Ref, b.Ref)) })
	return s
}

// union merges two lists of VMs. Mostly they are the same.
func union(a, b []*vsphere.VM) []*vsphere.VM {
	if len(b) == 0 || slices.Equal(a, b) {
		return a
	}
	out := make([]*vsphere.VM, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		case compareVMs(a[0], b[0]) < 0:
			out, a = append(out, a[0]), a[1:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return slices.Clip(append(append(out, a...), b...))
}

// folder describes a folder of the tree. inv.mu is held.
func (inv *Inventory) folder(ref vsphere.Ref) vsphere.Folder {
	f := inv.folders[ref]
	return vsphere.Folder{
		Ref: ref, Name: f.name, Parent: f.parent,
		Path:      inv.locate(ref).path,
		UnderRoot: inv.underRoot(ref),
		Children:  len(inv.children[ref]) + inv.byParent[ref].Len(),
	}
}

// Stamped returns all VMs that are ours, of whatever group, by name and reference.
func (inv *Inventory) Stamped() []vsphere.VM {
	var vms []*vsphere.VM
	inv.mu.Lock()
	for uid, list := range inv.byUID {
		for _, vm := range list.All() {
			if is := vsphere.Identify(inv.owner, uid, *vm); is == vsphere.Ours || is == vsphere.ConvertedToTemplate {
				vms = append(vms, vm)
			}
		}
	}
	inv.mu.Unlock()
	slices.SortFunc(vms, compareVMs)
	out := make([]vsphere.VM, 0, len(vms))
	for _, vm := range vms {
		out = append(out, *vm)
	}
	return out
}

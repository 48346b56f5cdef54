package inventory

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// UpdateFolder takes over what is known of a folder.
func (inv *Inventory) UpdateFolder(ref vsphere.Ref, u FolderUpdate, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.updateFolder(ref, u, ch)
}

// updateFolder is UpdateFolder with inv.mu held.
func (inv *Inventory) updateFolder(ref vsphere.Ref, u FolderUpdate, ch *Changes) {
	old := inv.folders[ref]
	f := old
	if u.Name != "" {
		f.name = u.Name
	}
	if u.Parent != "" {
		f.parent, f.vApp = u.Parent, u.VApp
	}
	if f == old && f.name != "" {
		return
	}
	inv.treeVersion++
	clear(inv.locations)
	inv.addGroupsOfFolder(ref, ch)
	since, unconfirmed := inv.unconfirmed[ref]
	inv.unindexFolder(ref)
	if unconfirmed {
		inv.unconfirmed[ref] = since
	}
	inv.folders[ref] = f
	inv.byName[childKey{f.parent, f.name}] = ref
	if inv.children[f.parent] == nil {
		inv.children[f.parent] = map[vsphere.Ref]bool{}
	}
	inv.children[f.parent][ref] = true
	inv.findRoot(ch)
	inv.addGroupsOfFolder(ref, ch)
	inv.relocateBelow(ref, ch)
}

// AddFolder adds a folder that we have made, so that the next snapshot has it. A filter will report it; unless it is gone by
// then, for what comes and goes between two looks is never reported.
func (inv *Inventory) AddFolder(ref, parent vsphere.Ref, name string, now time.Time, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if _, known := inv.folders[ref]; !known {
		inv.unconfirmed[ref] = now
	}
	inv.updateFolder(ref, FolderUpdate{Name: name, Parent: parent}, ch)
}

// ConfirmFolder notes that a folder was reported, or read.
func (inv *Inventory) ConfirmFolder(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	delete(inv.unconfirmed, ref)
}

// UnconfirmedFolders returns the folders that were added by then and not confirmed since, and reports whether there are
// others.
func (inv *Inventory) UnconfirmedFolders(by time.Time) (overdue []vsphere.Ref, others bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return overdueBy(inv.unconfirmed, by)
}

// overdueBy returns what is as old as that or older, and reports whether there is anything else.
func overdueBy(since map[vsphere.Ref]time.Time, by time.Time) (overdue []vsphere.Ref, others bool) {
	for ref, at := range since {
		if !at.After(by) {
			overdue = append(overdue, ref)
		}
	}
	return overdue, len(since) > len(overdue)
}

// DeleteFolder takes out a folder. VMs that were in it keep it as their parent until they are reported elsewhere.
func (inv *Inventory) DeleteFolder(ref vsphere.Ref, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.deleteFolder(ref, ch)
}

// deleteFolder is DeleteFolder with inv.mu held.
func (inv *Inventory) deleteFolder(ref vsphere.Ref, ch *Changes) {
	inv.treeVersion++
	clear(inv.locations)
	inv.addGroupsOfFolder(ref, ch)
	inv.unindexFolder(ref)
	inv.findRoot(ch)
	inv.relocateBelow(ref, ch)
}

// unindexFolder takes a folder out of the tree. inv.mu is held.
func (inv *Inventory) unindexFolder(ref vsphere.Ref) {
	f, ok := inv.folders[ref]
	if !ok {
		return
	}
	delete(inv.folders, ref)
	delete(inv.unconfirmed, ref)
	key := childKey{f.parent, f.name}
	if inv.byName[key] == ref {
		delete(inv.byName, key)
	}
	if delete(inv.children[f.parent], ref); len(inv.children[f.parent]) == 0 {
		delete(inv.children, f.parent)
	}
}

// findRoot looks the root folder up by its names. With another root, every VM may lie on the other side of it. inv.mu is
// held.
func (inv *Inventory) findRoot(ch *Changes) {
	old := inv.root
	if inv.root = inv.descend(inv.layout.VMFolder, inv.layout.Root...); inv.root == old {
		return
	}
	clear(inv.locations)
	for _, r := range inv.vms {
		inv.replace(r, *r.vm, r.host, ch)
	}
}

// Root returns the root folder, or nothing while it does not exist.
func (inv *Inventory) Root() vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.root
}

// FolderAt returns the folder that names lead to from the datacenter's VM folder, or nothing while it does not exist.
func (inv *Inventory) FolderAt(names ...string) vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.descend(inv.layout.VMFolder, names...)
}

// HasFolder reports whether a folder is in the tree.
func (inv *Inventory) HasFolder(ref vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	_, ok := inv.folders[ref]
	return ok
}

// Child returns the folder of a name in another.
func (inv *Inventory) Child(parent vsphere.Ref, name string) (vsphere.Ref, bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	ref, ok := inv.byName[childKey{parent, name}]
	return ref, ok
}

// ChildNames returns the names of the folders in a folder, in no order.
func (inv *Inventory) ChildNames(parent vsphere.Ref) []string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	names := make([]string, 0, len(inv.children[parent]))
	for child := range inv.children[parent] {
		names = append(names, inv.folders[child].name)
	}
	return names
}

package inventory

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// relocateBelow replaces the VMs in a folder, and in those below it: they lie elsewhere now, and perhaps on the other side
// of the root folder. inv.mu is held.
func (inv *Inventory) relocateBelow(folder vsphere.Ref, ch *Changes) {
	seen := map[vsphere.Ref]bool{folder: true} // there may be a cycle between two updates of one move
	for todo := []vsphere.Ref{folder}; len(todo) > 0; todo = todo[1:] {
		inv.relocate(todo[0], ch)
		for ref := range inv.children[todo[0]] {
			if !seen[ref] {
				seen[ref] = true
				todo = append(todo, ref)
			}
		}
	}
}

// relocate is relocateBelow for one folder alone.
func (inv *Inventory) relocate(folder vsphere.Ref, ch *Changes) {
	for _, vm := range inv.byParent[folder].All() {
		r := inv.vms[vm.Ref]
		inv.replace(r, *vm, r.host, ch)
	}
}

// FoldersOutsideTree returns the folders outside the tree that hold VMs of ours, and drops the paths of all others.
func (inv *Inventory) FoldersOutsideTree() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	needed := map[vsphere.Ref]bool{}
	for folder, list := range inv.byParent {
		if inv.isOutsideTree(folder) && slices.ContainsFunc(list.All(), func(vm *vsphere.VM) bool { return inv.vms[vm.Ref].uid(inv.owner) != "" }) {
			needed[folder] = true
		}
	}
	var refs []vsphere.Ref
	for ref := range needed {
		refs = append(refs, ref)
	}
	for ref := range inv.pathsOutside {
		if !needed[ref] {
			delete(inv.pathsOutside, ref)
			delete(inv.locations, ref)
			inv.relocate(ref, &Changes{})
		}
	}
	slices.Sort(refs)
	return refs
}

// SetPathOutside notes the inventory path of a folder outside the tree, empty if it cannot be read.
func (inv *Inventory) SetPathOutside(folder vsphere.Ref, path string, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	old, known := inv.pathsOutside[folder]
	inv.pathsOutside[folder] = path
	if known && old == path {
		return
	}
	delete(inv.locations, folder)
	inv.relocate(folder, ch)
}

// isOutsideTree reports whether a folder is none of the tree's: it lies in another datacenter, or may not be seen. inv.mu is
// held.
func (inv *Inventory) isOutsideTree(folder vsphere.Ref) bool {
	_, known := inv.folders[folder]
	return folder != "" && !known && folder != inv.layout.VMFolder
}

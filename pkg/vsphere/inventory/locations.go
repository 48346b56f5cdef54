package inventory

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxDepth ends the way up where two updates of one move have made a circle.
const maxDepth = 100

// Hidden stands in a path for what the controller's account cannot read.
const Hidden = "…"

// location is where a folder is.
type location struct {
	path      string // see pathOf
	underRoot bool   // see holdsUnderRoot
}

// Locate returns the inventory path of a folder, for people, and whether what lies in it lies below the root folder, by the
// folder tree as last seen. The path is empty if it is not known.
func (inv *Inventory) Locate(folder vsphere.Ref) (path string, underRoot bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.pathOf(folder), inv.holdsUnderRoot(folder)
}

// UnderRoot reports whether a folder lies below the root folder, at any depth. The root folder itself does not.
func (inv *Inventory) UnderRoot(folder vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.underRoot(folder)
}

// Within reports whether a folder is another one, or lies below it.
func (inv *Inventory) Within(folder, top vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for hops := 0; hops <= len(inv.folders); hops++ {
		if folder == top {
			return true
		}
		f, ok := inv.folders[folder]
		if !ok {
			return false
		}
		folder = f.parent
	}
	return false
}

// locate returns where a folder is. inv.mu is held.
func (inv *Inventory) locate(folder vsphere.Ref) location {
	at, ok := inv.locations[folder]
	if !ok {
		at = location{inv.pathOf(folder), inv.holdsUnderRoot(folder)}
		inv.locations[folder] = at
	}
	return at
}

// holdsUnderRoot reports whether what lies in a folder lies below the root folder: in it, or at any depth. It is false for a
// folder outside the tree. inv.mu is held.
func (inv *Inventory) holdsUnderRoot(folder vsphere.Ref) bool {
	return inv.root != "" && folder == inv.root || inv.underRoot(folder)
}

// underRoot reports whether a folder lies below the root folder. inv.mu is held.
func (inv *Inventory) underRoot(folder vsphere.Ref) bool {
	for hops := 0; inv.root != "" && hops <= len(inv.folders); hops++ {
		f, ok := inv.folders[folder]
		if !ok {
			return false
		}
		if f.parent == inv.root {
			return true
		}
		folder = f.parent
	}
	return false
}

// namesOf returns the names from the datacenter's VM folder down to a folder. complete is false if a folder in between
// is not visible to us. inv.mu is held.
func (inv *Inventory) namesOf(folder vsphere.Ref) (names []string, complete bool) {
	for folder != inv.layout.VMFolder {
		if len(names) == maxDepth {
			return nil, false
		}
		f, ok := inv.folders[folder]
		if !ok {
			slices.Reverse(names)
			return names, false
		}
		names = append(names, f.name)
		folder = f.parent
	}
	slices.Reverse(names)
	return names, true
}

// pathOf returns the inventory path of a folder, for people; nothing if it is not known. inv.mu is held.
func (inv *Inventory) pathOf(folder vsphere.Ref) string {
	if folder == "" {
		return ""
	}
	names, complete := inv.namesOf(folder)
	switch {
	case complete:
	case len(names) == 0:
		return inv.pathsOutside[folder]
	default:
		return Hidden + vsphere.Path(names...)
	}
	return vsphere.Path(slices.Concat(inv.layout.VMFolderPath, names)...)
}

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

// isOutsideTree reports whether a folder is none of the tree's: it lies in another datacenter, or may not be seen. inv.mu is
// held.
func (inv *Inventory) isOutsideTree(folder vsphere.Ref) bool {
	_, known := inv.folders[folder]
	return folder != "" && !known && folder != inv.layout.VMFolder
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

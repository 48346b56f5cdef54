package inventory

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxDepth ends the way up where two updates of one move have made a circle.
const maxDepth = 100

// Hidden stands in a path for what the controller's account cannot read.
const Hidden = "…"

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

// descend follows names from a folder down. inv.mu is held.
func (inv *Inventory) descend(from vsphere.Ref, names ...string) vsphere.Ref {
	for _, name := range names {
		next, ok := inv.byName[childKey{from, name}]
		if !ok {
			return ""
		}
		from = next
	}
	return from
}

// groupOf returns the group whose folder this is, by its place: <root>/<namespace>/<name>. inv.mu is held.
func (inv *Inventory) groupOf(folder vsphere.Ref) (vsphere.GroupID, bool) {
	f, ok := inv.folders[folder]
	if !ok || inv.root == "" {
		return vsphere.GroupID{}, false
	}
	namespace, ok := inv.folders[f.parent]
	if !ok || namespace.parent != inv.root {
		return vsphere.GroupID{}, false
	}
	return vsphere.GroupID{Namespace: namespace.name, Name: f.name}, true
}

package vim

import (
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// updateFolder notes what is known of a folder.
func (inv *inventory) updateFolder(ref vsphere.Ref, changes []types.PropertyChange, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.noteFolder(ref, changes, t)
}

// noteFolder is updateFolder with inv.mu held.
func (inv *inventory) noteFolder(ref vsphere.Ref, changes []types.PropertyChange, t *touched) {
	old := inv.folders[ref]
	f := old
	for _, c := range changes {
		switch val := c.Val.(type) {
		case string:
			if c.Name == propName {
				f.name = vsphere.UnescapeName(val)
			}
		case types.ManagedObjectReference:
			if c.Name == propParent || c.Name == propParentFolder {
				f.parent = vsphere.Ref(val.Value)
				f.vApp = c.Name == propParentFolder
			}
		}
	}
	if f == old && f.name != "" {
		return
	}
	inv.newsAround++
	clear(inv.locations)
	inv.touchFolder(ref, t)
	since, unconfirmed := inv.unconfirmed[ref]
	inv.removeFolderIndex(ref)
	if unconfirmed {
		inv.unconfirmed[ref] = since
	}
	inv.folders[ref] = f
	inv.byName[childKey{f.parent, f.name}] = ref
	if inv.children[f.parent] == nil {
		inv.children[f.parent] = map[vsphere.Ref]bool{}
	}
	inv.children[f.parent][ref] = true
	inv.findRoot(t)
	inv.touchFolder(ref, t)
	inv.relocateBelow(ref, t)
}

// made notes a folder that we have made, so that the next snapshot has it. The watch will report it; unless it is gone by
// then, for what comes and goes between two looks is never reported.
func (inv *inventory) made(ref, parent vsphere.Ref, name string, now time.Time, t *touched) {
	inv.mu.Lock()
	if _, known := inv.folders[ref]; !known {
		inv.unconfirmed[ref] = now
	}
	inv.mu.Unlock()
	inv.updateFolder(ref, []types.PropertyChange{{Name: propName, Val: vsphere.EscapeName(name)}, {Name: propParent, Val: folderRef(parent)}}, t)
}

// confirm notes that the watch has reported a folder.
func (inv *inventory) confirm(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	delete(inv.unconfirmed, ref)
}

// overdueFolders returns the folders that the watch should have reported by now, and tells whether others are left.
func (inv *inventory) overdueFolders(now time.Time) (overdue []vsphere.Ref, left bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for ref, since := range inv.unconfirmed {
		if now.Sub(since) >= reportedWithin {
			overdue = append(overdue, ref)
		}
	}
	return overdue, len(inv.unconfirmed) > len(overdue)
}

// removeFolder forgets a folder. VMs that were in it keep it as their parent until they are reported elsewhere.
func (inv *inventory) removeFolder(ref vsphere.Ref, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.dropFolder(ref, t)
}

// dropFolder is removeFolder with inv.mu held.
func (inv *inventory) dropFolder(ref vsphere.Ref, t *touched) {
	inv.newsAround++
	clear(inv.locations)
	inv.touchFolder(ref, t)
	inv.removeFolderIndex(ref)
	inv.findRoot(t)
	inv.relocateBelow(ref, t)
}

func (inv *inventory) removeFolderIndex(ref vsphere.Ref) {
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

// touchFolder notes whom a folder concerns: the group whose folder it is or lies in, the groups of a namespace, or, if
// it is the root, all.
func (inv *inventory) touchFolder(ref vsphere.Ref, t *touched) {
	f, ok := inv.folders[ref]
	if !ok {
		return
	}
	if g, ok := inv.groupOf(ref); ok {
		t.group(g)
		for _, vm := range inv.byParent[ref].All() {
			inv.touch(*vm, t)
		}
		return
	}
	if g, ok := inv.groupOf(f.parent); ok {
		t.group(g)
	}
	if inv.root != "" && f.parent == inv.root {
		for child := range inv.children[ref] {
			t.group(vsphere.GroupID{Namespace: f.name, Name: inv.folders[child].name})
		}
	}
	t.all = t.all || ref == inv.root
}

// findRoot looks the root folder up by its names. With another root, every VM may lie on the other side of it. inv.mu is
// held.
func (inv *inventory) findRoot(t *touched) {
	old := inv.root
	if inv.root = inv.descend(inv.top, inv.rootNames...); inv.root == old {
		return
	}
	clear(inv.locations)
	for _, r := range inv.vms {
		inv.replace(r, *r.vm, r.host, t)
	}
}

// descend follows names from a folder down. inv.mu is held.
func (inv *inventory) descend(from vsphere.Ref, names ...string) vsphere.Ref {
	for _, name := range names {
		next, ok := inv.byName[childKey{from, name}]
		if !ok {
			return ""
		}
		from = next
	}
	return from
}

// namesToRoot returns the names that lead from the datacenter's VM folder to the root folder.
func (inv *inventory) namesToRoot() []string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.rootNames
}

// rootRef returns the root folder, or nothing while it does not exist.
func (inv *inventory) rootRef() vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.root
}

// templateFolder returns the template folder, or nothing while it does not exist. One has to be set.
func (inv *inventory) templateFolder() vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.descend(inv.top, inv.templateNames...)
}

// groupOf returns the group whose folder this is, by its place: <root>/<namespace>/<name>. inv.mu is held.
func (inv *inventory) groupOf(folder vsphere.Ref) (vsphere.GroupID, bool) {
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

// namesOf returns the names from the datacenter's VM folder down to a folder. complete is false if a folder in between
// is not visible to us. inv.mu is held.
func (inv *inventory) namesOf(folder vsphere.Ref) (names []string, complete bool) {
	for folder != inv.top {
		if len(names) == maxDepth { // a cycle, which can appear only between two updates of one move
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
func (inv *inventory) pathOf(folder vsphere.Ref) string {
	if folder == "" {
		return ""
	}
	names, complete := inv.namesOf(folder)
	switch {
	case complete:
	case len(names) == 0:
		return inv.distant[folder]
	default:
		return unreadable + vsphere.Path(names...)
	}
	return vsphere.Path(slices.Concat(inv.topPath, names)...)
}

// underRoot tells whether a folder lies below the root folder. inv.mu is held.
func (inv *inventory) underRoot(folder vsphere.Ref) bool {
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

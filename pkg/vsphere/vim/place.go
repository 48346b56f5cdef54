package vim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// inside tells whether what lies in a folder lies below the root folder: in it, or at any depth. It is false for a folder
// that is not in the tree. inv.mu is held.
func (inv *inventory) inside(folder vsphere.Ref) bool {
	return inv.root != "" && folder == inv.root || inv.underRoot(folder)
}

// place says where what lies in a folder is, and whether that is below the root folder, by the folder tree as last seen.
func (inv *inventory) place(folder vsphere.Ref) (path string, inside bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.pathOf(folder), inv.inside(folder)
}

// rootPath is the inventory path that the root folder has, or would have.
func (inv *inventory) rootPath() string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return vsphere.Path(slices.Concat(inv.topPath, inv.rootNames)...)
}

// outsideRoot refuses what is to be done to a VM, unless it lies below the root folder.
func outsideRoot(what string, vm vsphere.VM) *vsphere.Error {
	if vm.UnderRoot {
		return nil
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: reasonVMOutsideRoot,
		Message: fmt.Sprintf("%s: it lies in %s, outside the root folder, and is left alone. Move it back below the root folder.",
			what, cmp.Or(vm.ParentPath, "a place that cannot be read")),
	}
}

// location is where a folder is.
type location struct {
	path   string // see pathOf
	inside bool
}

// locate returns where a folder is. inv.mu is held.
func (inv *inventory) locate(folder vsphere.Ref) location {
	at, ok := inv.locations[folder]
	if !ok {
		at = location{inv.pathOf(folder), inv.inside(folder)}
		inv.locations[folder] = at
	}
	return at
}

// relocateBelow brings the VMs in a folder, and in those below it, up to date: they lie elsewhere now, and perhaps on the
// other side of the root folder. inv.mu is held.
func (inv *inventory) relocateBelow(folder vsphere.Ref, t *touched) {
	seen := map[vsphere.Ref]bool{folder: true} // there may be a cycle between two updates of one move
	for todo := []vsphere.Ref{folder}; len(todo) > 0; todo = todo[1:] {
		inv.relocate(todo[0], t)
		for ref := range inv.children[todo[0]] {
			if !seen[ref] {
				seen[ref] = true
				todo = append(todo, ref)
			}
		}
	}
}

// relocate is relocateBelow for one folder alone.
func (inv *inventory) relocate(folder vsphere.Ref, t *touched) {
	for _, vm := range inv.byParent[folder].All() {
		r := inv.vms[vm.Ref]
		inv.replace(r, *vm, r.host, t)
	}
}

// isDistant tells whether a folder is none of the tree's: it lies in another datacenter, or may not be seen. inv.mu is held.
func (inv *inventory) isDistant(folder vsphere.Ref) bool {
	_, known := inv.folders[folder]
	return folder != "" && !known && folder != inv.top
}

// distantFolders returns the folders outside the tree that hold VMs of ours, and forgets the places of all others.
func (inv *inventory) distantFolders() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	needed := map[vsphere.Ref]bool{}
	for folder, list := range inv.byParent {
		if inv.isDistant(folder) && slices.ContainsFunc(list.All(), func(vm *vsphere.VM) bool { return inv.vms[vm.Ref].uid(inv.owner) != "" }) {
			needed[folder] = true
		}
	}
	var refs []vsphere.Ref
	for ref := range needed {
		refs = append(refs, ref)
	}
	for ref := range inv.distant {
		if !needed[ref] {
			delete(inv.distant, ref)
			delete(inv.locations, ref)
			inv.relocate(ref, &touched{})
		}
	}
	slices.Sort(refs)
	return refs
}

// setPlace notes the inventory path of a folder that is not in the tree, empty if it cannot be read.
func (inv *inventory) setPlace(folder vsphere.Ref, path string, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	old, known := inv.distant[folder]
	inv.distant[folder] = path
	if known && old == path {
		return
	}
	delete(inv.locations, folder)
	inv.relocate(folder, t)
}

// readPlaces reads the paths of folders that are not in the tree, so that people find the VMs of ours in them.
func (c *connection) readPlaces(ctx context.Context) error {
	refs := c.chores.take(c.chores.places)
	var t touched
	defer c.v.settle(&t)
	lie := newAncestry(c)
	for i, ref := range refs {
		names, err := lie.pathOf(ctx, folderRef(ref))
		if err != nil && !errors.Is(err, errMovedMeanwhile) {
			c.chores.want(c.chores.places, refs[i:])
			return err
		}
		c.v.inv.setPlace(ref, placePath(names), &t)
	}
	return nil
}

// placePath is the path that people are shown of a folder outside the tree: empty if nothing of it can be read.
func placePath(names []string) string {
	switch {
	case len(names) == 0 || names[0] != unreadable:
		return vsphere.Path(names...)
	case len(names) == 1:
		return ""
	default:
		return unreadable + vsphere.Path(names[1:]...)
	}
}

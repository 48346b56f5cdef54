package sim

import (
	"maps"
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// nameIndex finds virtual machines and folders by name. To walk the registry instead, once for each call of the control port,
// takes longer than all that a controller does.
type nameIndex struct {
	mu     sync.RWMutex
	of     map[types.ManagedObjectReference]string
	byName map[string]map[types.ManagedObjectReference]struct{}
}

func newNameIndex() *nameIndex {
	return &nameIndex{
		of:     make(map[types.ManagedObjectReference]string),
		byName: make(map[string]map[types.ManagedObjectReference]struct{}),
	}
}

// note takes the name that an object has now.
func (n *nameIndex) note(obj mo.Reference) {
	ref := obj.Reference()
	e, ok := obj.(mo.Entity)
	if !ok || ref.Type != "VirtualMachine" && ref.Type != "Folder" {
		return
	}
	name := nameOf(e)
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, known := n.of[ref]; known && old == name {
		return
	}
	n.drop(ref)
	n.of[ref] = name
	if n.byName[name] == nil {
		n.byName[name] = make(map[types.ManagedObjectReference]struct{})
	}
	n.byName[name][ref] = struct{}{}
}

// forget is for an object that is gone.
func (n *nameIndex) forget(ref types.ManagedObjectReference) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(ref)
}

func (n *nameIndex) drop(ref types.ManagedObjectReference) {
	name, known := n.of[ref]
	if !known {
		return
	}
	delete(n.of, ref)
	delete(n.byName[name], ref)
	if len(n.byName[name]) == 0 {
		delete(n.byName, name)
	}
}

// find returns all of some kind that have a name.
func (n *nameIndex) find(kind, name string) []types.ManagedObjectReference {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.DeleteFunc(slices.Collect(maps.Keys(n.byName[name])), func(ref types.ManagedObjectReference) bool {
		return ref.Type != kind
	})
}

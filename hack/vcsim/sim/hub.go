package sim

import (
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// hub hears of every change in the registry and marks it in the filters it may concern. It is called under locks that
// belong to others, at any time and from any goroutine: it marks and records, and reads nothing but what it is given.
type hub struct {
	self   types.ManagedObjectReference
	record recorder
	files  *diskFiles
	names  *nameIndex
	guests guestWatch
	// policies forgets virtual machines that have gone.
	policies *policies

	mu      sync.RWMutex
	filters map[*filter]struct{}
	// unborn is virtual machines that are still being made. The stock simulator publishes them first, writes them
	// without a lock, and gives them their name last. Filters hear of them when they are born.
	unborn map[types.ManagedObjectReference]struct{}
	// embryos is virtual machines that are visible while their clone runs; see embryo.go.
	embryos map[types.ManagedObjectReference]struct{}
	// hidden is virtual machines that views must not show.
	hidden map[types.ManagedObjectReference]struct{}
}

func newHub(record recorder) *hub {
	return &hub{
		record:  record,
		names:   newNameIndex(),
		self:    types.ManagedObjectReference{Type: "Hub", Value: "Hub"},
		filters: make(map[*filter]struct{}),
		unborn:  make(map[types.ManagedObjectReference]struct{}),
		embryos: make(map[types.ManagedObjectReference]struct{}),
		hidden:  make(map[types.ManagedObjectReference]struct{}),
	}
}

// Reference implements mo.Reference.
func (h *hub) Reference() types.ManagedObjectReference { return h.self }

func (h *hub) add(f *filter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.filters[f] = struct{}{}
}

func (h *hub) remove(f *filter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.filters, f)
}

func (h *hub) isUnborn(ref types.ManagedObjectReference) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.unborn[ref]
	return ok
}

func (h *hub) each(mark func(*filter)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for f := range h.filters {
		mark(f)
	}
}

// recordFolders puts the folders that are there from the start into the journal.
func (h *hub) recordFolders() {
	for _, e := range h.record.registry.All("Folder") {
		h.names.note(e)
		h.record.put(e, false)
	}
}

// PutObject implements simulator.RegisterObject: an object is new, or has moved.
func (h *hub) PutObject(_ *simulator.Context, obj mo.Reference) {
	ref := obj.Reference()
	if vm, ok := obj.(*simulator.VirtualMachine); ok && vm.Name == "" {
		h.mu.Lock()
		h.unborn[ref] = struct{}{}
		h.mu.Unlock()
		h.record.put(obj, true)
		return
	}
	h.names.note(obj)
	h.record.put(obj, h.isEmbryo(ref))
	h.each(func(f *filter) { f.put(obj, ref) })
}

// UpdateObject implements simulator.RegisterObject.
func (h *hub) UpdateObject(ctx *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	ref := obj.Reference()
	h.names.note(obj) // at any change: some change the name and do not say so
	if ref.Type == "VirtualMachine" && h.isUnborn(ref) {
		born := names(changes)
		h.record.updated(obj, !born || h.embryonic(obj))
		if born {
			h.files.born(obj) // before anybody can see it, and destroy it
			if vm, ok := obj.(*mo.VirtualMachine); ok && vm.Config != nil {
				mo.ApplyPropertyChange(vm, connect(h.record.registry, vm))
			}
			h.mu.Lock()
			delete(h.unborn, ref)
			h.mu.Unlock()
			h.each(func(f *filter) { f.put(obj, ref) })
		}
		return
	}
	h.record.updated(obj, h.isEmbryo(ref))
	if reconfigured(changes) {
		changes = append(slices.Clip(changes), types.PropertyChange{Name: "config"}, types.PropertyChange{Name: "summary.config"})
	}
	h.each(func(f *filter) { f.changed(obj, ref, changes) })
	h.guests.updated(ctx, ref, changes)
}

// reconfigured reports whether a VM was reconfigured. The stock simulator then tells its version, but not what changed.
func reconfigured(changes []types.PropertyChange) bool {
	return slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == "config.changeVersion" })
}

// RemoveObject implements simulator.RegisterObject. The object is still in the registry, but gone for good.
func (h *hub) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	h.record.journal.gone(ref)
	h.names.forget(ref)
	h.guests.forget(ref)
	h.policies.forget(ref)
	h.mu.Lock()
	delete(h.unborn, ref)
	delete(h.embryos, ref)
	delete(h.hidden, ref)
	h.mu.Unlock()
	obj := ctx.Map.Get(ref)
	h.each(func(f *filter) { f.removed(obj, ref) })
}

func names(changes []types.PropertyChange) bool {
	return slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == "name" })
}

// overlap reports whether one property path is the other or a part of it.
func overlap(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '.' || b[len(a)] == '[')
}

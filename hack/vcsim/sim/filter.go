package sim

import (
	"reflect"
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// filter is a PropertyFilter that knows what it sent last. Changes are only marked when they happen; update reads the
// marked objects, and the difference to what was sent is the update.
type filter struct {
	mo.PropertyFilter
	collector  *collector
	selections []selection

	marks marks
	sent  map[types.ManagedObjectReference]map[string]types.AnyType // guarded by collector.mu
}

// marks is what changed since the last update.
type marks struct {
	mu    sync.Mutex
	full  bool // look at everything
	lists bool // a list view has changed
	dirty []types.ManagedObjectReference
	set   map[types.ManagedObjectReference]struct{} // of dirty
	gone  map[types.ManagedObjectReference]struct{}
}

func newFilter(ctx *simulator.Context, c *collector, req *types.CreateFilter) *filter {
	f := &filter{collector: c}
	f.Self.Type = "PropertyFilter"
	f.Spec, f.PartialUpdates = req.Spec, req.PartialUpdates
	f.Spec.ReportMissingObjectsInResults = types.NewBool(true) // what goes between two looks is a leave, not a fault
	for _, set := range req.Spec.ObjectSet {
		f.selections = append(f.selections, newSelection(ctx, set))
	}
	f.reset()
	return f
}

// reset makes the next update start from nothing. The caller holds collector.mu, if others know the filter.
func (f *filter) reset() {
	f.sent = make(map[types.ManagedObjectReference]map[string]types.AnyType)
	f.marks.mu.Lock()
	defer f.marks.mu.Unlock()
	f.marks.full = true
}

func (m *marks) mark(ref types.ManagedObjectReference) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.set == nil {
		m.set = make(map[types.ManagedObjectReference]struct{})
	}
	if _, ok := m.set[ref]; !ok {
		m.set[ref] = struct{}{}
		m.dirty = append(m.dirty, ref)
	}
}

func (m *marks) markGone(ref types.ManagedObjectReference) {
	m.mark(ref)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone == nil {
		m.gone = make(map[types.ManagedObjectReference]struct{})
	}
	m.gone[ref] = struct{}{}
}

func (m *marks) markAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = true
}

func (m *marks) markLists() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists = true
}

// take returns the marks and clears them.
func (m *marks) take() (dirty []types.ManagedObjectReference, gone map[types.ManagedObjectReference]struct{}, full, lists bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dirty, gone, full, lists = m.dirty, m.gone, m.full, m.lists
	m.dirty, m.gone, m.set, m.full, m.lists = nil, nil, nil, false, false
	return dirty, gone, full, lists
}

// put marks an object that is new or has moved.
func (f *filter) put(obj mo.Reference, ref types.ManagedObjectReference) {
	for i := range f.selections {
		f.selections[i].put(&f.marks, obj, ref)
	}
	if f.listed() && f.concerns(obj) { // what a list holds may have another parent now
		f.marks.mark(ref)
	}
}

// listed reports whether the filter selects what a list view holds.
func (f *filter) listed() bool {
	return slices.ContainsFunc(f.selections, func(s selection) bool { return s.list })
}

// concerns reports whether the filter is about objects of this kind.
func (f *filter) concerns(obj mo.Reference) bool {
	return slices.ContainsFunc(f.Spec.PropSet, func(p types.PropertySpec) bool { return isA(obj, p.Type) })
}

// changed marks an object if the change concerns a property that the filter is about.
func (f *filter) changed(obj mo.Reference, ref types.ManagedObjectReference, changes []types.PropertyChange) {
	for i := range f.selections {
		f.selections[i].changed(&f.marks, obj, ref, changes)
	}
	if f.about(obj, changes) {
		f.marks.mark(ref)
	}
}

// removed marks an object as gone.
func (f *filter) removed(obj mo.Reference, ref types.ManagedObjectReference) {
	f.marks.markGone(ref)
	for i := range f.selections {
		f.selections[i].removed(&f.marks, obj)
	}
}

func (f *filter) about(obj mo.Reference, changes []types.PropertyChange) bool {
	for _, p := range f.Spec.PropSet {
		if !isA(obj, p.Type) {
			continue
		}
		if p.All != nil && *p.All {
			return true
		}
		for _, path := range p.PathSet {
			if slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return overlap(path, c.Name) }) {
				return true
			}
		}
	}
	return false
}

// update returns the changes since the last update. The caller holds collector.mu.
func (f *filter) update(ctx *simulator.Context) ([]types.ObjectUpdate, types.BaseMethodFault) {
	dirty, gone, full, lists := f.marks.take()
	if lists || full {
		for i := range f.selections {
			dirty = append(dirty, f.selections[i].refresh(ctx)...)
		}
	}
	switch {
	case full:
		return f.updateAll(ctx, gone)
	case len(dirty) > 0:
		return f.updateDirty(ctx, dirty, gone)
	}
	return nil, nil
}

// updateAll reads everything the filter selects.
func (f *filter) updateAll(ctx *simulator.Context, gone map[types.ManagedObjectReference]struct{}) ([]types.ObjectUpdate, types.BaseMethodFault) {
	contents, fault := f.retrieve(ctx, f.Spec)
	if fault != nil {
		f.marks.markAll()
		return nil, fault
	}
	var updates []types.ObjectUpdate
	seen := make(map[types.ManagedObjectReference]struct{})
	for _, content := range contents {
		if _, ok := gone[content.Obj]; ok || f.collector.sim.hub.isUnborn(content.Obj) {
			continue
		}
		seen[content.Obj] = struct{}{}
		updates = f.diff(updates, content)
	}
	for ref := range f.sent {
		if _, ok := seen[ref]; !ok {
			updates = f.leave(updates, ref)
		}
	}
	return updates, nil
}

// updateDirty reads the marked objects that the filter selects.
func (f *filter) updateDirty(ctx *simulator.Context, dirty []types.ManagedObjectReference, gone map[types.ManagedObjectReference]struct{}) ([]types.ObjectUpdate, types.BaseMethodFault) {
	spec := types.PropertyFilterSpec{PropSet: f.Spec.PropSet, ReportMissingObjectsInResults: types.NewBool(true)}
	var updates []types.ObjectUpdate
	missing := make(map[types.ManagedObjectReference]struct{})
	for _, ref := range dirty {
		if _, ok := gone[ref]; ok || !f.selects(ctx, ref) {
			updates = f.leave(updates, ref)
			continue
		}
		missing[ref] = struct{}{}
		spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: ref})
	}
	if len(spec.ObjectSet) > 0 {
		contents, fault := f.retrieve(ctx, spec)
		if fault != nil {
			f.marks.markAll()
			return nil, fault
		}
		for _, content := range contents {
			delete(missing, content.Obj)
			updates = f.diff(updates, content)
		}
	}
	for ref := range missing {
		updates = f.leave(updates, ref)
	}
	return updates, nil
}

func (f *filter) selects(ctx *simulator.Context, ref types.ManagedObjectReference) bool {
	obj := ctx.Session.Get(ref)
	if obj == nil {
		return false
	}
	_, sent := f.sent[ref]
	return slices.ContainsFunc(f.selections, func(s selection) bool { return s.selects(obj, ref, sent) })
}

func (f *filter) retrieve(ctx *simulator.Context, spec types.PropertyFilterSpec) ([]types.ObjectContent, types.BaseMethodFault) {
	req := types.RetrievePropertiesEx{This: f.collector.Self, SpecSet: []types.PropertyFilterSpec{spec}}
	res := f.collector.read(ctx, &req).(*methods.RetrievePropertiesExBody)
	if res.Fault_ != nil {
		return nil, res.Fault_.VimFault().(types.BaseMethodFault)
	}
	return res.Res.Returnval.Objects, nil
}

func (f *filter) leave(updates []types.ObjectUpdate, ref types.ManagedObjectReference) []types.ObjectUpdate {
	if _, ok := f.sent[ref]; !ok {
		return updates
	}
	delete(f.sent, ref)
	return append(updates, types.ObjectUpdate{Kind: types.ObjectUpdateKindLeave, Obj: ref})
}

// diff appends what is new in content, and takes it as sent.
func (f *filter) diff(updates []types.ObjectUpdate, content types.ObjectContent) []types.ObjectUpdate {
	old, known := f.sent[content.Obj]
	now := make(map[string]types.AnyType, len(content.PropSet))
	update := types.ObjectUpdate{Kind: types.ObjectUpdateKindModify, Obj: content.Obj}
	for _, p := range content.PropSet {
		now[p.Name] = p.Val
		if before, ok := old[p.Name]; !ok || !reflect.DeepEqual(before, p.Val) {
			update.ChangeSet = append(update.ChangeSet, types.PropertyChange{Name: p.Name, Op: types.PropertyChangeOpAssign, Val: p.Val})
		}
	}
	for name := range old {
		if _, ok := now[name]; !ok {
			update.ChangeSet = append(update.ChangeSet, unset(name))
		}
	}
	f.sent[content.Obj] = now
	if !known {
		update.Kind, update.MissingSet = types.ObjectUpdateKindEnter, content.MissingSet
	} else if len(update.ChangeSet) == 0 {
		return updates
	}
	return append(updates, update)
}

// unset is the change of a property that has no value any more; of an element of a list, its removal.
func unset(name string) types.PropertyChange {
	var field mo.Field
	if field.FromString(name) && field.Key != nil {
		return types.PropertyChange{Name: name, Op: types.PropertyChangeOpRemove}
	}
	return types.PropertyChange{Name: name, Op: types.PropertyChangeOpAssign}
}

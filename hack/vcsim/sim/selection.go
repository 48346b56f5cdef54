package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// selection is one ObjectSpec of a filter: which objects it stands for, and how to tell when that changes.
type selection struct {
	obj       types.ManagedObjectReference
	self      bool           // the object itself is selected
	container *containerView // its view is selected
	list      bool           // obj is a list view whose view is selected
	members   map[types.ManagedObjectReference]struct{}
	// traversal is set for every other kind of path: it cannot be told what a change means, and all is collected again.
	traversal []types.BaseSelectionSpec
}

func newSelection(ctx *simulator.Context, spec types.ObjectSpec) selection {
	s := selection{obj: spec.Obj, self: len(spec.SelectSet) == 0 || spec.Skip == nil || !*spec.Skip}
	if len(spec.SelectSet) == 0 {
		return s
	}
	if viewOnly(spec.SelectSet) {
		switch view := ctx.Session.Get(spec.Obj).(type) {
		case *containerView:
			s.container = view
			return s
		case *simulator.ListView:
			s.list = true
			return s
		}
	}
	s.traversal = spec.SelectSet
	return s
}

// viewOnly reports whether a select set leads to the members of a view and no further.
func viewOnly(set []types.BaseSelectionSpec) bool {
	if len(set) != 1 {
		return false
	}
	t, ok := set[0].(*types.TraversalSpec)
	return ok && t.Path == "view" && len(t.SelectSet) == 0 && (t.Skip == nil || !*t.Skip)
}

// put notes a new or moved object: it may have come in or gone out, and what is below a moved folder with it.
func (s *selection) put(m *marks, obj mo.Reference, ref types.ManagedObjectReference) {
	switch {
	case s.traversal != nil:
		m.markAll()
	case s.container == nil:
		if ref == s.obj {
			m.mark(ref)
		}
	case hasChildren(obj):
		m.markAll()
	case s.container.selects(obj):
		m.mark(ref)
	}
}

// changed notes a change of what leads to the selected objects.
func (s *selection) changed(m *marks, obj mo.Reference, ref types.ManagedObjectReference, changes []types.PropertyChange) {
	switch {
	case s.list && ref == s.obj:
		m.markLists()
	case s.traversal != nil && traverses(s.traversal, obj, changes):
		m.markAll()
	}
}

// removed notes that what was below an object is an orphan now.
func (s *selection) removed(m *marks, obj mo.Reference) {
	if s.traversal != nil || s.container != nil && hasChildren(obj) {
		m.markAll()
	}
}

// refresh reads a list view again and returns what came and went.
func (s *selection) refresh(ctx *simulator.Context) []types.ManagedObjectReference {
	if !s.list {
		return nil
	}
	members := make(map[types.ManagedObjectReference]struct{})
	if view, ok := ctx.Session.Get(s.obj).(*simulator.ListView); ok {
		ctx.WithLock(view, func() {
			for _, ref := range view.View {
				members[ref] = struct{}{}
			}
		})
	}
	var changed []types.ManagedObjectReference
	for ref := range members {
		if _, ok := s.members[ref]; !ok {
			changed = append(changed, ref)
		}
	}
	for ref := range s.members {
		if _, ok := members[ref]; !ok {
			changed = append(changed, ref)
		}
	}
	s.members = members
	return changed
}

// selects reports whether an object belongs to the selection.
func (s *selection) selects(obj mo.Reference, ref types.ManagedObjectReference, sent bool) bool {
	switch {
	case s.self && ref == s.obj:
		return true
	case s.list:
		_, ok := s.members[ref]
		return ok
	case s.container != nil:
		e, ok := obj.(mo.Entity)
		return ok && s.container.contains(e)
	case s.traversal != nil:
		return sent // until the next full look
	}
	return false
}

func hasChildren(obj mo.Reference) bool {
	switch o := obj.(type) {
	case *simulator.Folder:
		return len(o.ChildEntity) > 0
	case *simulator.Datacenter:
		return true
	}
	return false
}

func traverses(set []types.BaseSelectionSpec, obj mo.Reference, changes []types.PropertyChange) bool {
	for _, spec := range set {
		t, ok := spec.(*types.TraversalSpec)
		if !ok {
			continue
		}
		if isA(obj, t.Type) && slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return overlap(t.Path, c.Name) }) {
			return true
		}
		if traverses(t.SelectSet, obj, changes) {
			return true
		}
	}
	return false
}

package sim

import (
	"reflect"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// isA reports whether an object is of a managed object type or of one derived from it.
func isA(obj mo.Reference, kind string) bool {
	if obj.Reference().Type == kind {
		return true
	}
	field, ok := reflect.TypeOf(obj).Elem().FieldByName(kind)
	return ok && field.Anonymous
}

// entityName is the name of an inventory object, or "".
func entityName(registry *simulator.Registry, ref types.ManagedObjectReference) string {
	if e, ok := registry.Get(ref).(mo.Entity); ok {
		return nameOf(e)
	}
	return ""
}

// nameOf is Entity().Name, except for networks, which have a name of their own that hides it.
func nameOf(e mo.Entity) string {
	switch n := e.(type) {
	case *mo.Network:
		return n.Name
	case *mo.OpaqueNetwork:
		return n.Network.Name
	}
	return e.Entity().Name
}

// below reports whether an object is below a container, and whether directly. Walking up is always right; the lists of
// children that the stock simulator walks down are not, for a while, when something moves.
func below(registry *simulator.Registry, e mo.Entity, container types.ManagedObjectReference) (below, child bool) {
	for child = true; ; child = false {
		parent := e.Entity().Parent
		if parent == nil {
			return false, false
		}
		if *parent == container {
			return true, child
		}
		next, ok := registry.Get(*parent).(mo.Entity)
		if !ok {
			return false, false // an orphan
		}
		e = next
	}
}

// rooted reports whether an object and everything above it is still there.
func rooted(registry *simulator.Registry, ref types.ManagedObjectReference) bool {
	e, ok := registry.Get(ref).(mo.Entity)
	if !ok {
		return false
	}
	ok, _ = below(registry, e, rootFolder(registry))
	return ok
}

var serviceInstance = types.ManagedObjectReference{Type: "ServiceInstance", Value: "ServiceInstance"}

func rootFolder(registry *simulator.Registry) types.ManagedObjectReference {
	return registry.Get(serviceInstance).(*simulator.ServiceInstance).Content.RootFolder
}

// datacenterOf returns the datacenter above an object, or nil.
func datacenterOf(registry *simulator.Registry, e mo.Entity) *simulator.Datacenter {
	for {
		parent := e.Entity().Parent
		if parent == nil {
			return nil
		}
		switch p := registry.Get(*parent).(type) {
		case *simulator.Datacenter:
			return p
		case mo.Entity:
			e = p
		default:
			return nil
		}
	}
}

// child returns the child of that name, or nil. Registry.FindByName panics when a child has no name yet.
func child(ctx *simulator.Context, folder *simulator.Folder, name string) mo.Entity {
	for _, ref := range children(ctx, folder) {
		if e, ok := ctx.Map.Get(ref).(mo.Entity); ok && nameOf(e) == name {
			return e
		}
	}
	return nil
}

// children is a copy of a folder's list of children.
func children(ctx *simulator.Context, folder *simulator.Folder) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	ctx.WithLock(folder, func() { refs = slices.Clone(folder.ChildEntity) })
	return refs
}

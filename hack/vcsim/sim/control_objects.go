package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// objectKinds are the types of what control.Request.Object can name.
var objectKinds = []string{
	"ResourcePool", "Datastore", "StoragePod", "Network", "DistributedVirtualPortgroup", "OpaqueNetwork",
	"ClusterComputeResource", "Folder", "VirtualMachine",
}

// named reports whether a key names an object: by its MoRef value, or by the end of its inventory path.
func (s *Simulator) named(e mo.Entity, key string) bool {
	return e.Reference().Value == key || strings.HasSuffix(s.path(e), "/"+strings.TrimPrefix(key, "/"))
}

// findObject finds the only object that a key names.
func (s *Simulator) findObject(key string) (mo.Entity, error) {
	found := map[types.ManagedObjectReference]mo.Entity{}
	for _, kind := range objectKinds {
		for _, e := range s.registry.All(kind) {
			if key != "" && s.named(e, key) {
				found[e.Reference()] = e
			}
		}
	}
	if len(found) != 1 {
		return nil, &lookupError{"object", key, len(found)}
	}
	for _, e := range found {
		return e, nil
	}
	return nil, nil
}

// opRemoveObject removes a resource pool, a datastore or a network. As in vCenter, the virtual machines of a pool go to the
// one above it, and a datastore or a network that is in use stays.
func (s *Simulator) opRemoveObject(r control.Request) (any, error) {
	e, err := s.findObject(r.Object)
	if err != nil {
		return nil, err
	}
	s.shape.Lock() // no virtual machine is being made meanwhile
	defer s.shape.Unlock()
	switch pool, ok := e.(*simulator.ResourcePool); {
	case ok:
		err = s.removePool(pool)
	case isA(e, "Network"), e.Reference().Type == "Datastore":
		if vm := s.userOf(e.Reference()); vm != nil {
			return nil, fmt.Errorf("ResourceInUse: %s is used by %s", r.Object, vm.Name)
		}
		s.forget(e)
	default:
		err = fmt.Errorf("a %s cannot be removed", e.Reference().Type)
	}
	return control.Reply{MoRef: e.Reference().Value}, err
}

// removePool destroys a resource pool. The stock simulator moves its virtual machines, and tells nobody.
func (s *Simulator) removePool(pool *simulator.ResourcePool) error {
	ctx := s.background()
	parent, ok := ctx.Map.Get(*pool.Parent).(*simulator.ResourcePool)
	if !ok {
		return fmt.Errorf("it is a root pool")
	}
	vms := slices.Clone(pool.Vm)
	ctx.Map.AtomicUpdate(ctx, parent, []types.PropertyChange{{Name: "vm", Val: append(slices.Clone(parent.Vm), vms...)}})
	ctx.Map.AtomicUpdate(ctx, pool, []types.PropertyChange{{Name: "vm", Val: []types.ManagedObjectReference{}}})
	for _, ref := range vms {
		if vm := ctx.Map.Get(ref); vm != nil {
			ctx.Map.AtomicUpdate(ctx, vm, []types.PropertyChange{{Name: "resourcePool", Val: parent.Self}})
		}
	}
	_, err := s.do("Destroy_Task", pool.Self, &types.Destroy_Task{This: pool.Self})
	return err
}

// userOf returns a virtual machine that uses a datastore or a network, or nil.
func (s *Simulator) userOf(ref types.ManagedObjectReference) *simulator.VirtualMachine {
	for _, vm := range s.machines() {
		used := false
		s.background().WithLock(vm, func() {
			used = slices.Contains(vm.Network, ref) || slices.Contains(vm.Datastore, ref)
		})
		if used {
			return vm
		}
	}
	return nil
}

// machines lists the virtual machines that are whole objects of the stock simulator.
func (s *Simulator) machines() []*simulator.VirtualMachine {
	var vms []*simulator.VirtualMachine
	for _, e := range s.registry.All("VirtualMachine") {
		if vm, ok := e.(*simulator.VirtualMachine); ok {
			vms = append(vms, vm)
		}
	}
	return vms
}

// forget takes a datastore or a network out of the inventory, and out of the lists of those who have it. The stock simulator
// leaves it in some of them, and panics when the datastore is in a datastore cluster.
func (s *Simulator) forget(e mo.Entity) {
	ctx, ref := s.background(), e.Reference()
	without := func(holder mo.Reference, property string, refs []types.ManagedObjectReference) {
		if i := slices.Index(refs, ref); i >= 0 {
			rest := slices.Delete(slices.Clone(refs), i, i+1)
			ctx.Map.AtomicUpdate(ctx, holder, []types.PropertyChange{{Name: property, Val: rest}})
		}
	}
	for _, holder := range s.registry.All("HostSystem") {
		host := holder.(*simulator.HostSystem)
		without(host, "network", host.Network)
		without(host, "datastore", host.Datastore)
	}
	for _, cluster := range s.clusters {
		without(cluster, "network", cluster.Network)
		without(cluster, "datastore", cluster.Datastore)
	}
	if dc := datacenterOf(s.registry, e); dc != nil {
		without(dc, "network", dc.Network)
		without(dc, "datastore", dc.Datastore)
	}
	switch parent := s.registry.Get(*e.Entity().Parent).(type) {
	case *simulator.Folder:
		without(parent, "childEntity", parent.ChildEntity)
	case *simulator.StoragePod:
		without(parent, "childEntity", parent.ChildEntity)
	}
	if group, ok := e.(*simulator.DistributedVirtualPortgroup); ok {
		if dvs := switchOf(s.registry, group); dvs != nil {
			without(dvs, "portgroup", dvs.Portgroup)
		}
	}
	s.registry.Remove(ctx, ref)
}

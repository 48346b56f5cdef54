package sim

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// modules is all cluster modules. They have no names. Nobody takes a virtual machine out of its module that is destroyed, or
// that goes to another cluster.
type modules struct {
	mu  sync.Mutex
	all []control.Module
}

// create makes a module and returns its identifier.
func (b *modules) create(cluster string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := newUUID()
	b.all = append(b.all, control.Module{ID: id, Cluster: cluster})
	return id
}

// change does something to a module, and reports whether there is one.
func (b *modules) change(id string, do func(*control.Module)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(id)
	if i >= 0 {
		do(&b.all[i])
	}
	return i >= 0
}

// remove deletes a module, and reports whether there was one.
func (b *modules) remove(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(id)
	if i >= 0 {
		b.all = slices.Delete(b.all, i, i+1)
	}
	return i >= 0
}

// index finds a module. The caller holds the lock.
func (b *modules) index(id string) int {
	return slices.IndexFunc(b.all, func(m control.Module) bool { return m.ID == id })
}

func (b *modules) list() []control.Module {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []control.Module{}
	for _, m := range b.all {
		m.Members = slices.Sorted(slices.Values(m.Members))
		out = append(out, m)
	}
	return out
}

// get returns a module, or the zero value.
func (b *modules) get(id string) control.Module {
	var out control.Module
	for _, m := range b.list() {
		if m.ID == id {
			out = m
		}
	}
	return out
}

func (s *Simulator) opRemoveModule(r control.Request) (any, error) {
	if !s.modules.remove(r.Name) {
		return nil, &lookupError{"cluster module", r.Name, 0}
	}
	return control.Reply{ID: r.Name}, nil
}

func clusterRef(id string) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "ClusterComputeResource", Value: id}
}

// inCluster reports whether a virtual machine is on a host of a cluster.
func (s *Simulator) inCluster(id, cluster string) bool {
	vm, ok := s.registry.Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: id}).(*simulator.VirtualMachine)
	if !ok || s.hub.isUnborn(vm.Self) {
		return false
	}
	var on *types.ManagedObjectReference
	s.background().WithLock(vm, func() { on = vm.Runtime.Host })
	if on == nil {
		return false
	}
	host, ok := s.registry.Get(*on).(mo.Entity)
	return ok && *host.Entity().Parent == clusterRef(cluster)
}

package sim

import (
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// embryoPrefix begins the name that an embryo has in the stock simulator and for nobody else.
const embryoPrefix = "vcsim-embryo-"

// unsetInEmbryos is the properties that an embryo does not have yet.
var unsetInEmbryos = []string{"name", "config", "summary", "guest", "layout", "layoutEx", "storage"}

// An embryo is a virtual machine that everybody can see while its clone runs, but that has neither a name nor a config yet.
// The stock simulator can only make a whole one, so it makes that at once, under a name of nobody's, and what reads it
// leaves out what is not there yet. The hub knows which are embryos; an unborn one is none yet.

// runVisible is the task of a clone whose virtual machine is visible from the start. If it fails, that vanishes.
func (c *clone) runVisible(ctx *simulator.Context, wait func() bool, cancelled <-chan struct{}) (types.AnyType, types.BaseMethodFault) {
	c.spec.Name = embryoPrefix + newUUID()
	ref, fault := c.create(ctx, cancelled)
	if fault != nil {
		return nil, fault
	}
	c.sim.clones.assign(reservation{c.folder.Self, c.req.Name}, ref)
	if !wait() {
		fault = &types.RequestCanceled{}
	} else {
		fault = c.birth(ctx, ref, cancelled)
	}
	if fault != nil {
		c.sim.abandon(ctx, ref)
		return nil, fault
	}
	return ref, c.complete(ctx, ref)
}

// birth gives an embryo its name, unless it is taken by now.
func (c *clone) birth(ctx *simulator.Context, ref types.ManagedObjectReference, cancelled <-chan struct{}) types.BaseMethodFault {
	c.sim.shape.RLock()
	defer c.sim.shape.RUnlock()
	defer ctx.Map.AcquireLock(ctx, c.folder)()
	if fault := c.obstacle(ctx, cancelled); fault != nil {
		return fault
	}
	vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	ctx.WithLock(vm, func() {
		// First the name, then the end of the embryo: who sees that it is none any more must see its name.
		mo.ApplyPropertyChange(&vm.VirtualMachine, nameChanges(c.req.Name))
		c.sim.hub.born(vm)
	})
	return nil
}

// abandon removes the embryo of a clone that has failed.
func (s *Simulator) abandon(ctx *simulator.Context, ref types.ManagedObjectReference) {
	s.shape.RLock()
	defer s.shape.RUnlock()
	switch {
	case s.isClosed() || ctx.Map.Get(ref) == nil:
	case !rooted(ctx.Map, ref): // its folder has gone
		ctx.Map.Remove(ctx, ref)
	default:
		m := simulator.Method{Name: "Destroy_Task", This: ref, Body: &types.Destroy_Task{This: ref}}
		if body, ok := s.stock(ctx, &m).(*methods.Destroy_TaskBody); ok && body.Res != nil {
			waitTask(ctx, body.Res.Returnval)
		}
	}
}

// assign says which virtual machine a reserved name is for, once that is known.
func (c *clones) assign(r reservation, vm types.ManagedObjectReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.reserved[r]; ok {
		c.reserved[r] = vm
	}
}

// born turns an embryo into a virtual machine like any other. The caller holds its lock.
func (h *hub) born(vm *simulator.VirtualMachine) {
	h.mu.Lock()
	delete(h.embryos, vm.Self)
	h.mu.Unlock()
	h.names.note(vm)
	h.record.put(vm, false)
	h.each(func(f *filter) { f.put(vm, vm.Self) })
}

func (h *hub) isEmbryo(ref types.ManagedObjectReference) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.embryos[ref]
	return ok
}

func (h *hub) allEmbryos() map[types.ManagedObjectReference]struct{} {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return maps.Clone(h.embryos)
}

// embryonic reports whether a virtual machine that has just got a name is an embryo, and notes it.
func (h *hub) embryonic(obj mo.Reference) bool {
	vm, ok := obj.(*mo.VirtualMachine)
	if !ok || !strings.HasPrefix(vm.Name, embryoPrefix) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.embryos[vm.Self] = struct{}{}
	return true
}

// describeUnborn is what there is to say about a virtual machine that is still being made.
func describeUnborn(vm *mo.VirtualMachine, path string) control.VM {
	out := control.VM{
		MoRef: vm.Self.Value, Path: strings.TrimSuffix(path, vm.Name),
		PowerState: string(vm.Runtime.PowerState), ConnectionState: string(vm.Runtime.ConnectionState),
	}
	if vm.Parent != nil {
		out.Folder = vm.Parent.Value
	}
	return out
}

// read leaves out what embryos do not have yet, and what others do not say. One that is born between the read and the look at
// what it is, is read again: its filters hear of the birth. It reads all pages at once.
func (c *collector) read(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	before := c.sim.hub.allEmbryos()
	res := c.PropertyCollector.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{This: req.This, SpecSet: req.SpecSet})
	body, ok := res.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return res
	}
	for i := range body.Res.Returnval.Objects {
		o := &body.Res.Returnval.Objects[i]
		o.PropSet = withoutHotPlug(o.PropSet)
		c.sim.withheld.from(o)
		if _, ok := before[o.Obj]; !ok && !c.sim.hub.isEmbryo(o.Obj) {
			continue
		}
		o.PropSet = slices.DeleteFunc(o.PropSet, func(p types.DynamicProperty) bool {
			return slices.ContainsFunc(unsetInEmbryos, func(path string) bool { return overlap(path, p.Name) })
		})
	}
	return res
}

// RetrieveProperties is the older form.
func (c *collector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
	res := c.read(ctx, &types.RetrievePropertiesEx{This: req.This, SpecSet: req.SpecSet})
	body, ok := res.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil {
		return &methods.RetrievePropertiesBody{Fault_: res.Fault()}
	}
	out := new(types.RetrievePropertiesResponse)
	if body.Res.Returnval != nil {
		out.Returnval = body.Res.Returnval.Objects
	}
	return &methods.RetrievePropertiesBody{Res: out}
}

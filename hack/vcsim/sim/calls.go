package sim

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// calls counts calls per method and per client.
type calls struct {
	mu        sync.Mutex
	agents    map[string]map[string]int
	lastClone time.Time
	// datacenterReads is how often all virtual machines of a datacenter were read.
	datacenterReads int
}

func (c *calls) count(ctx *simulator.Context, m *simulator.Method) {
	whole := readsDatacenter(ctx, m)
	agent := ""
	if ctx.Session != nil {
		agent = ctx.Session.UserAgent
	}
	c.add(agent, m.Name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if whole {
		c.datacenterReads++
	}
	if m.Name == "CloneVM_Task" {
		c.lastClone = time.Now()
	}
}

func (c *calls) add(agent, method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agents == nil {
		c.agents = make(map[string]map[string]int)
	}
	if c.agents[agent] == nil {
		c.agents[agent] = make(map[string]int)
	}
	c.agents[agent][method]++
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agents, c.lastClone, c.datacenterReads = nil, time.Time{}, 0
}

func (c *calls) snapshot() control.Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := control.Calls{
		Methods: make(map[string]int), UserAgents: make(map[string]map[string]int), DatacenterReads: c.datacenterReads,
	}
	for agent, methods := range c.agents {
		out.UserAgents[agent] = maps.Clone(methods)
		for method, n := range methods {
			out.Methods[method] += n
		}
	}
	if !c.lastClone.IsZero() {
		out.LastClone = c.lastClone.UnixNano()
	}
	return out
}

// anyVM stands for virtual machines of every kind.
var anyVM = func() *mo.VirtualMachine {
	vm := &mo.VirtualMachine{}
	vm.Self.Type = "VirtualMachine"
	return vm
}()

// readsDatacenter reports whether a call begins to read virtual machines through a view of a whole datacenter, of its folder
// of virtual machines, or of everything.
func readsDatacenter(ctx *simulator.Context, m *simulator.Method) bool {
	req, ok := m.Body.(*types.RetrievePropertiesEx)
	if !ok || ctx.Session == nil {
		return false
	}
	for _, spec := range req.SpecSet {
		for _, set := range spec.ObjectSet {
			view, ok := ctx.Session.Get(set.Obj).(*containerView)
			if ok && view.Recursive && view.selects(anyVM) && isDatacenter(ctx.Map, view.Container) {
				return true
			}
		}
	}
	return false
}

// isDatacenter reports whether a container holds all virtual machines of a datacenter at least.
func isDatacenter(registry *simulator.Registry, container types.ManagedObjectReference) bool {
	switch o := registry.Get(container).(type) {
	case *simulator.Datacenter:
		return true
	case *simulator.Folder:
		if o.Parent == nil {
			return true
		}
		dc, ok := registry.Get(*o.Parent).(*simulator.Datacenter)
		return ok && dc.VmFolder == container || slices.Contains(o.ChildType, "Datacenter")
	}
	return false
}

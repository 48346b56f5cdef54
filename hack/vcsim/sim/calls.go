package sim

import (
	"maps"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// calls counts SOAP calls per method and per client.
type calls struct {
	mu        sync.Mutex
	agents    map[string]map[string]int
	lastClone time.Time
}

func (c *calls) count(ctx *simulator.Context, m *simulator.Method) {
	agent := ""
	if ctx.Session != nil {
		agent = ctx.Session.UserAgent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agents == nil {
		c.agents = make(map[string]map[string]int)
	}
	if c.agents[agent] == nil {
		c.agents[agent] = make(map[string]int)
	}
	c.agents[agent][m.Name]++
	if m.Name == "CloneVM_Task" {
		c.lastClone = time.Now()
	}
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agents, c.lastClone = nil, time.Time{}
}

func (c *calls) snapshot() control.Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := control.Calls{Methods: make(map[string]int), UserAgents: make(map[string]map[string]int)}
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

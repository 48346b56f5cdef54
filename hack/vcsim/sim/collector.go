package sim

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// tick is how often a long poll looks for changes, as in the stock simulator: changes accumulate meanwhile.
	tick = 20 * time.Millisecond
	// maxUpdates is vCenter's own limit to the object updates of one answer.
	maxUpdates = 100
)

// collector is a PropertyCollector that keeps up. The stock one collects everything again for every change of anything,
// does not resend what an aborted poll has taken, and accepts every version. Ours reads only what changed, at most once
// per tick, and keeps an answer until the next call acknowledges it by its version.
// The embedded one serves RetrievePropertiesEx and its kin.
type collector struct {
	simulator.PropertyCollector
	sim *Simulator

	pollMu sync.Mutex
	cancel context.CancelFunc // ends the long poll that is running

	mu          sync.Mutex
	filters     []*filter
	version     int              // of the last answer
	outstanding *types.UpdateSet // the last answer, until it is acknowledged
	queue       []filterUpdate   // computed, not yet sent
	late        []filterUpdate   // computed, and held back because updates are reordered
	looked      time.Time        // when the filters were last applied
	pages       pages
}

type filterUpdate struct {
	filter types.ManagedObjectReference
	update types.ObjectUpdate
}

func (s *Simulator) rootCollector() types.ManagedObjectReference {
	return s.registry.Get(serviceInstance).(*simulator.ServiceInstance).Content.PropertyCollector
}

// ensureRootCollector gives a session a root collector of our kind. The stock simulator makes one of its own per session
// when it is first asked for, and hands that out from then on.
func (s *Simulator) ensureRootCollector(ctx *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type != "PropertyCollector" || ref != s.rootCollector() {
		return
	}
	if _, ok := ctx.Session.Registry.Get(ref).(*collector); !ok {
		s.newCollector(ctx, ref)
	}
}

func (s *Simulator) newCollector(ctx *simulator.Context, self types.ManagedObjectReference) *collector {
	c := &collector{sim: s}
	c.Self = self
	ctx.Session.Put(c)
	return c
}

// CreatePropertyCollector makes another collector of ours.
func (c *collector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	made := c.sim.newCollector(ctx, types.ManagedObjectReference{Type: "PropertyCollector"})
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{Returnval: made.Self}}
}

// DestroyPropertyCollector ends the long poll and destroys the filters.
func (c *collector) DestroyPropertyCollector(ctx *simulator.Context, req *types.DestroyPropertyCollector) soap.HasFault {
	for _, f := range c.close() {
		ctx.Session.Remove(ctx, f.Self)
	}
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyCollectorBody{Res: new(types.DestroyPropertyCollectorResponse)}
}

// close ends the long poll, and forgets and returns the filters.
func (c *collector) close() []*filter {
	c.interrupt(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	filters := c.filters
	c.filters, c.Filter = nil, nil
	for _, f := range filters {
		c.sim.hub.remove(f)
	}
	return filters
}

func (c *collector) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.filters)
}

// CreateFilter adds a filter; its first updates come with the next poll.
func (c *collector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	for _, set := range req.Spec.ObjectSet {
		if ctx.Session.Get(set.Obj) == nil {
			return faultBody(&types.ManagedObjectNotFound{Obj: set.Obj})
		}
	}
	f := newFilter(ctx, c, req)
	ctx.Session.Put(f)
	c.sim.hub.add(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filters = append(c.filters, f)
	c.Filter = append(c.Filter, f.Self)
	return &methods.CreateFilterBody{Res: &types.CreateFilterResponse{Returnval: f.Self}}
}

// DestroyPropertyFilter removes the filter from its collector, with what was still to be sent for it.
func (f *filter) DestroyPropertyFilter(ctx *simulator.Context, req *types.DestroyPropertyFilter) soap.HasFault {
	c := f.collector
	c.sim.hub.remove(f)
	c.mu.Lock()
	c.filters = slices.DeleteFunc(c.filters, func(other *filter) bool { return other == f })
	its := func(u filterUpdate) bool { return u.filter == req.This }
	c.queue, c.late = slices.DeleteFunc(c.queue, its), slices.DeleteFunc(c.late, its)
	simulator.RemoveReference(&c.Filter, req.This)
	c.mu.Unlock()
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyFilterBody{Res: new(types.DestroyPropertyFilterResponse)}
}

// CancelWaitForUpdates ends the long poll that is running, if there is one.
func (c *collector) CancelWaitForUpdates(*types.CancelWaitForUpdates) soap.HasFault {
	c.interrupt(nil)
	return &methods.CancelWaitForUpdatesBody{Res: new(types.CancelWaitForUpdatesResponse)}
}

// interrupt ends the long poll that is running and puts the next one in its place.
func (c *collector) interrupt(next context.CancelFunc) {
	c.pollMu.Lock()
	defer c.pollMu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
	c.cancel = next
}

// WaitForUpdatesEx returns the changes since the given version, which it thereby acknowledges. A poll that is still
// running, because its client went away, ends.
func (c *collector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	poll, limit, once, cancel := options(req.Options)
	defer cancel()
	c.interrupt(cancel)
	if !c.acknowledge(req.Version) {
		return faultBody(&types.InvalidCollectorVersion{})
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		set, fault := c.next(ctx, limit, req.Version == "", once)
		switch {
		case fault != nil:
			return faultBody(fault)
		case set != nil, once:
			return waited(set)
		}
		select {
		case <-ticker.C:
			if !alive(ctx) {
				return notAuthenticated(req.This)
			}
		case <-poll.Done():
			switch {
			case !alive(ctx):
				return notAuthenticated(req.This)
			case poll.Err() == context.DeadlineExceeded:
				return waited(nil)
			}
			return faultBody(&types.RequestCanceled{})
		case <-c.sim.closed:
			return faultBody(&types.RequestCanceled{})
		}
	}
}

// WaitForUpdates is the older form, which waits for as long as it takes.
func (c *collector) WaitForUpdates(ctx *simulator.Context, req *types.WaitForUpdates) soap.HasFault {
	res := c.WaitForUpdatesEx(ctx, &types.WaitForUpdatesEx{This: req.This, Version: req.Version})
	body, ok := res.(*methods.WaitForUpdatesExBody)
	if !ok {
		return res
	}
	return &methods.WaitForUpdatesBody{Res: &types.WaitForUpdatesResponse{Returnval: *body.Res.Returnval}}
}

// options turns wait options into a context that ends with the wait, the limit of updates, and whether not to wait.
func options(o *types.WaitOptions) (poll context.Context, limit int, once bool, cancel context.CancelFunc) {
	poll, cancel = context.WithCancel(context.Background())
	limit = maxUpdates
	if o == nil {
		return poll, limit, false, cancel
	}
	if n := int(o.MaxObjectUpdates); n > 0 {
		limit = min(limit, n)
	}
	if o.MaxWaitSeconds != nil {
		once = *o.MaxWaitSeconds == 0
		if !once {
			poll, cancel = context.WithTimeout(poll, time.Duration(*o.MaxWaitSeconds)*time.Second)
		}
	}
	return poll, limit, once, cancel
}

func waited(set *types.UpdateSet) soap.HasFault {
	return &methods.WaitForUpdatesExBody{Res: &types.WaitForUpdatesExResponse{Returnval: set}}
}

func notAuthenticated(ref types.ManagedObjectReference) soap.HasFault {
	fault := new(types.NotAuthenticated)
	fault.Object, fault.PrivilegeId = &ref, "System.View"
	return faultBody(fault)
}

// acknowledge takes the version a client has. The last one acknowledges the last answer; the one before asks for that
// answer again; none starts over. It returns false for any other.
func (c *collector) acknowledge(version string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case version == "":
		c.outstanding, c.queue, c.late = nil, nil, nil
		for _, f := range c.filters {
			f.reset()
		}
	case c.version > 0 && version == strconv.Itoa(c.version):
		c.outstanding = nil
	case c.outstanding != nil && version == strconv.Itoa(c.version-1):
	default:
		return false
	}
	return true
}

// next returns the answer that is not yet acknowledged, or makes the next one; nil if there is nothing to say, unless
// the client must be told a first version. The filters are applied once per tick, or now if the client does not wait.
func (c *collector) next(ctx *simulator.Context, limit int, first, now bool) (*types.UpdateSet, types.BaseMethodFault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outstanding != nil {
		return c.outstanding, nil
	}
	if c.sim.stale.isFrozen() {
		return nil, nil
	}
	if len(c.queue) == 0 && (first || now || time.Since(c.looked) >= tick) {
		c.looked = time.Now()
		if fault := c.apply(ctx); fault != nil {
			return nil, fault
		}
	}
	if len(c.queue) == 0 && !first {
		return nil, nil
	}
	c.outstanding = c.page(limit)
	return c.outstanding, nil
}

// apply queues what the filters have to say.
func (c *collector) apply(ctx *simulator.Context) types.BaseMethodFault {
	var fresh []filterUpdate
	for _, f := range c.filters {
		updates, fault := f.update(ctx)
		if fault != nil {
			return fault
		}
		for _, u := range updates {
			if !c.sim.stale.swallows() {
				fresh = append(fresh, filterUpdate{f.Self, u})
			}
		}
	}
	c.queue = append(c.queue, c.sim.stale.order(&c.late, fresh)...)
	return nil
}

// page takes up to limit updates off the queue.
func (c *collector) page(limit int) *types.UpdateSet {
	n := min(limit, len(c.queue))
	c.version++
	set := &types.UpdateSet{Version: strconv.Itoa(c.version)}
	for _, u := range c.queue[:n] {
		last := len(set.FilterSet) - 1
		if last < 0 || set.FilterSet[last].Filter != u.filter {
			set.FilterSet = append(set.FilterSet, types.PropertyFilterUpdate{Filter: u.filter})
			last++
		}
		set.FilterSet[last].ObjectSet = append(set.FilterSet[last].ObjectSet, u.update)
	}
	if c.queue = slices.Clone(c.queue[n:]); len(c.queue) > 0 {
		set.Truncated = types.NewBool(true)
	}
	return set
}

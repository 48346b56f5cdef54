package vim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// connection is one stretch of time with a session, a placement, a collector and its views. It ends with the first error
// that speaks of the session or the path to vCenter, and another one takes its place.
type connection struct {
	v      *VCenter
	client *vim25.Client
	lost   context.CancelCauseFunc
	site   site
	// placement is where VMs are made, zero if what the flags name is not there.
	placement placement
	placedAt  time.Time // when that was looked up last

	collector types.ManagedObjectReference
	// views of this connection. allVMs holds every VM of the datacenter; it has no filter and is read by sweeps only.
	folderView, allVMs, outsideView, taskView, hostView, clusterView types.ManagedObjectReference

	mu      sync.Mutex
	owned   []types.ManagedObjectReference // collector and views, to be destroyed
	filters map[types.ManagedObjectReference]filterKind
	// watchedRoot is the folder that rootView, the view of VMs, hangs on; empty while there is none.
	watchedRoot vsphere.Ref
	rootView    types.ManagedObjectReference
	// watchedTemplates is the same for the templates, templateView the view that hangs on it.
	watchedTemplates vsphere.Ref
	templateView     types.ManagedObjectReference

	outside  outsideList
	tasks    taskList
	chores   chores
	requests *requests
}

func newConnection(v *VCenter, client *vim25.Client, lost context.CancelCauseFunc) *connection {
	return &connection{
		v: v, client: client, lost: lost,
		filters:  map[types.ManagedObjectReference]filterKind{},
		tasks:    taskList{listed: map[vsphere.Ref]bool{}, told: map[vsphere.Ref]properties{}, kick: make(chan struct{}, 1)},
		outside:  outsideList{listed: map[vsphere.Ref]bool{}},
		requests: newRequests(),
		chores:   chores{verify: map[vsphere.Ref]bool{}, hosts: map[vsphere.Ref]bool{}, places: map[vsphere.Ref]bool{}, kick: make(chan struct{}, 1)},
	}
}

func (c *connection) instanceUUID() string { return c.client.ServiceContent.About.InstanceUuid }

// run brings the inventory in step and keeps it there until the connection breaks.
func (c *connection) run(ctx context.Context) error {
	defer c.requests.end()
	c.destroyLeftovers(ctx)
	if err := c.settleIn(ctx); err != nil {
		return err
	}
	if err := c.createViews(ctx); err != nil {
		return err
	}
	if err := c.createFilters(ctx); err != nil {
		return err
	}
	version, err := c.firstSet(ctx)
	if err != nil {
		return err
	}
	if err := c.checkViews(ctx); err != nil {
		return err
	}
	if err := c.reconcile(ctx); err != nil {
		return err
	}
	c.v.setSynced(c)
	klog.FromContext(ctx).Info("In step with vCenter", "datacenter", c.site.datacenterPath, "folder", vsphere.Path(slices.Concat(c.site.vmFolderPath, c.site.root)...))

	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { c.doChores(ctx) })
	background.Go(func() { c.flushTasks(ctx) })
	background.Go(func() { c.resync(ctx) })
	return c.watch(ctx, version)
}

// settleIn finds the datacenter, and the place where VMs are made.
func (c *connection) settleIn(ctx context.Context) (err error) {
	lie := newAncestry(c)
	if c.site, err = c.resolveSite(ctx, lie); err != nil {
		return err
	}
	c.v.inv.restart(c.site)
	return c.place(ctx, lie)
}

// reconcile makes up for what has happened while nobody watched: VMs that no filter reports are verified, VMs and tasks
// of ours elsewhere are found, the tasks that were in flight are watched again, and the names of hosts and of distant folders are read.
func (c *connection) reconcile(ctx context.Context) error {
	if err := c.sweepNext(ctx); err != nil {
		return err
	}
	c.chores.wantVerified(c.v.inv.unreported()...)
	if err := c.verifyWanted(ctx); err != nil {
		return err
	}
	if err := c.listTasks(ctx); err != nil {
		return err
	}
	if err := c.resolveUnknowns(ctx); err != nil {
		return err
	}
	if err := c.readHosts(ctx); err != nil {
		return err
	}
	return c.readPlaces(ctx)
}

// own notes an object that this connection has made in vCenter.
func (c *connection) own(ref types.ManagedObjectReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owned = append(c.owned, ref)
}

// leave hands the collector and the views over to the next connection: it destroys them if the session still stands. To
// do it here would cost a deadline whenever vCenter is away.
func (c *connection) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v.mu.Lock()
	defer c.v.mu.Unlock()
	c.v.leftovers = append(c.v.leftovers, c.owned...)
}

// destroyLeftovers frees what earlier connections of this session have made. That something is gone already is no
// error, and neither is anything else: it is freed with the session at the latest.
func (c *connection) destroyLeftovers(ctx context.Context) {
	c.v.mu.Lock()
	refs := c.v.leftovers
	c.v.leftovers = nil
	c.v.mu.Unlock()
	for i, ref := range refs {
		if ctx.Err() != nil {
			c.mu.Lock()
			c.owned = append(c.owned, refs[i:]...)
			c.mu.Unlock()
			return
		}
		var err error
		if ref.Type == "PropertyCollector" {
			_, err = methods.DestroyPropertyCollector(ctx, c.client, &types.DestroyPropertyCollector{This: ref})
		} else {
			_, err = methods.DestroyView(ctx, c.client, &types.DestroyView{This: ref})
		}
		if err != nil {
			klog.FromContext(ctx).V(4).Info("Left over in vCenter's session", "object", ref.Value, "err", err)
		}
	}
}

// pause waits for d, or until ctx ends. It goes by the real clock, whatever Config.Clock is: it spaces calls, and how fast
// vCenter answers them is not ours to say.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

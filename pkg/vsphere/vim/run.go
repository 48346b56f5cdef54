package vim

import (
	"context"
	"slices"
	"sync"

	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// run brings the inventory in step, calls synced, and keeps it in step until the connection breaks.
func (c *connection) run(ctx context.Context, synced func()) error {
	defer c.requests.end()
	c.destroyLeftovers(ctx)
	if err := c.findSite(ctx); err != nil {
		return err
	}
	if err := c.createViews(ctx); err != nil {
		return err
	}
	if err := c.createFilters(ctx); err != nil {
		return err
	}
	version, sweep, err := c.readAll(ctx)
	if err != nil {
		return err
	}
	if err := c.checkViews(ctx); err != nil {
		return err
	}
	if err := c.reconcile(ctx, sweep); err != nil {
		return err
	}
	c.inStep.Store(true)
	synced()
	klog.FromContext(ctx).Info("In step with vCenter", "datacenter", c.site.datacenterPath, "folder", vsphere.Path(slices.Concat(c.site.vmFolderPath, c.site.root)...))

	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { c.processQueue(ctx) })
	background.Go(func() { c.flushTasks(ctx) })
	background.Go(func() { c.resync(ctx) })
	background.Go(func() { c.keepAssociations(ctx) })
	return c.watch(ctx, version)
}

// readAll takes over the first set of updates, and reads what a sweep reads meanwhile: each takes as long as there are VMs. What
// the filters have reported by then is newer than the sweep, see Inventory.Refresh.
func (c *connection) readAll(ctx context.Context) (version string, sweep begunSweep, err error) {
	sweepCtx, stop := context.WithCancel(ctx)
	defer stop()
	var reading sync.WaitGroup
	reading.Go(func() { sweep = c.beginSweep(sweepCtx) })
	if version, err = c.firstSet(ctx); err != nil {
		stop()
	}
	reading.Wait()
	return version, sweep, err
}

// findSite finds the datacenter, and the place where VMs are made.
func (c *connection) findSite(ctx context.Context) (err error) {
	anc := newAncestry(c)
	if c.site, err = c.resolveSite(ctx, anc); err != nil {
		return err
	}
	c.inv.Restart(c.site.layout())
	return c.place(ctx, anc)
}

// reconcile makes up for what has happened without a watch: VMs that no filter reports are verified, VMs and tasks
// of ours elsewhere are found, the tasks that were in flight are watched again, and the names of hosts and of distant folders are read.
func (c *connection) reconcile(ctx context.Context, sweep begunSweep) error {
	if err := c.endSweep(ctx, sweep); err != nil {
		return err
	}
	c.queue.addVMs(c.inv.Unreported()...)
	if err := c.verifyQueued(ctx); err != nil {
		return err
	}
	if err := c.listTasks(ctx); err != nil {
		return err
	}
	if err := c.resolveUnknowns(ctx); err != nil {
		return err
	}
	if err := c.readQueuedHosts(ctx); err != nil {
		return err
	}
	return c.readQueuedFolders(ctx)
}

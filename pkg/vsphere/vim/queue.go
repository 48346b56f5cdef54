package vim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	// overdueEvery is the time between two looks for clones that have passed their deadline. A look costs no call.
	overdueEvery = 5 * time.Second
	// A VM that was read, and that no filter holds all the same, is read again: after recheckFirst, then at twice the
	// interval each time, maxRechecks times. After that, each resync does it.
	recheckFirst = 50 * time.Millisecond
	maxRechecks  = 8
	// reportedWithin is how long the watch may take to report a folder that we have made, a power state, or another change.
	reportedWithin = time.Second
)

// processQueue reads what is queued until ctx ends. What fails is tried again.
func (c *connection) processQueue(ctx context.Context) {
	overdue := c.cfg.Clock.NewTicker(overdueEvery)
	defer overdue.Stop()
	var recheck <-chan time.Time
	for wait := readRetry; ; {
		var retry <-chan time.Time
		for _, read := range []func(context.Context) error{
			c.verifyQueued, c.resolveUnknowns, c.readQueuedHosts, c.readQueuedFolders, c.readQueuedDisks, c.placeAgain,
		} {
			if err := read(ctx); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).V(2).Info("Reading again", "err", err)
				retry = c.cfg.Clock.After(wait)
			}
		}
		wait = min(2*wait, readRetryMax)
		if retry == nil {
			wait = readRetry
		}
		if recheck == nil {
			recheck = c.nextRecheck()
		}
		select {
		case <-c.queue.kick:
		case <-retry:
		case <-recheck:
			recheck = nil
			c.recheck(ctx)
		case <-overdue.C():
			c.cancelOverdue(ctx)
			c.searchAgain(ctx)
			if err := c.rereadFound(ctx); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).V(2).Info("Reading clone tasks again", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// nextRecheck returns when the next recheck is due, or nil if there is nothing to check or it was checked often enough.
func (c *connection) nextRecheck() <-chan time.Time {
	now := c.cfg.Clock.Now()
	folders, more := c.inv.UnconfirmedFolders(now)
	assumed, others := c.inv.AssumedPower(now)
	doubted, doubts := c.inv.DoubtedTemplates(now)
	if len(folders)+len(assumed)+len(doubted)+len(c.tracker.Unshown()) > 0 || more || others || doubts {
		return c.cfg.Clock.After(reportedWithin)
	}
	if len(c.inv.Unheld()) == 0 && len(c.tracker.Awaited()) == 0 {
		return nil
	}
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	if c.queue.rechecks >= maxRechecks {
		return nil
	}
	d := recheckFirst << c.queue.rechecks
	c.queue.rechecks++
	return c.cfg.Clock.After(d)
}

// recheck reads what the watch should have reported by now and has not: the leave of a VM may come before it is really
// gone, a folder or the VM of a clone that comes and goes between two looks is never reported, and neither is a power state
// or a size that somebody has undone at once.
func (c *connection) recheck(ctx context.Context) {
	vms := slices.DeleteFunc(c.inv.Unheld(), c.pending.destroying)
	for _, p := range c.tracker.Awaited() {
		vms = append(vms, p.Operation.VM)
	}
	overdue := c.cfg.Clock.Now().Add(-reportedWithin)
	folders, _ := c.inv.UnconfirmedFolders(overdue)
	assumed, _ := c.inv.AssumedPower(overdue)
	for _, p := range c.tracker.Unshown() {
		if err := c.rereadVM(ctx, p.Operation.VM); err != nil {
			klog.FromContext(ctx).V(2).Info("Reading a VM again that was changed", "err", err)
		}
	}
	if len(assumed) > 0 {
		if err := c.verifyAssumptions(ctx, assumed); err != nil {
			klog.FromContext(ctx).V(2).Info("Reading power states again", "err", err)
		}
	}
	if len(vms) > 0 {
		if err := c.verify(ctx, vms); err != nil {
			klog.FromContext(ctx).V(2).Info("Reading VMs again", "err", err)
		}
	}
	if doubted, _ := c.inv.DoubtedTemplates(overdue); len(doubted) > 0 {
		if err := c.rereadTemplates(ctx, doubted); err != nil {
			klog.FromContext(ctx).V(2).Info("Reading templates again", "err", err)
		}
	}
	if len(folders) > 0 {
		if err := c.verifyFolders(ctx, folders); err != nil {
			klog.FromContext(ctx).V(2).Info("Reading folders again", "err", err)
		}
	}
}

// verifyQueued reads the VMs that have left all filters.
func (c *connection) verifyQueued(ctx context.Context) error {
	refs := c.queue.take(c.queue.vms)
	if len(refs) == 0 {
		return nil
	}
	if err := c.verify(ctx, refs); err != nil {
		c.queue.addVMs(refs...)
		return err
	}
	return nil
}

// readQueuedHosts reads the names of hosts that are not known yet.
func (c *connection) readQueuedHosts(ctx context.Context) error {
	refs := c.queue.take(c.queue.hosts)
	if len(refs) == 0 {
		return nil
	}
	var objects []types.ManagedObjectReference
	for _, ref := range refs {
		objects = append(objects, types.ManagedObjectReference{Type: "HostSystem", Value: string(ref)})
	}
	readings, err := c.readEach(ctx, objects, propName)
	if err != nil {
		c.queue.addHosts(refs...)
		return err
	}
	names := map[vsphere.Ref]string{}
	for obj, r := range readings {
		if name := r.props.name(); name != "" {
			names[vsphere.Ref(obj.Value)] = name
		}
	}
	var ch inventory.Changes
	c.inv.SetHostNames(names, &ch)
	c.publish(&ch)
	return nil
}

// readQueuedFolders reads the paths of folders outside the tree, so that people find the VMs of ours in them.
func (c *connection) readQueuedFolders(ctx context.Context) error {
	refs := c.queue.take(c.queue.folders)
	var ch inventory.Changes
	defer c.publish(&ch)
	anc := newAncestry(c)
	for i, ref := range refs {
		names, err := anc.pathOf(ctx, folderRef(ref))
		if err != nil && !errors.Is(err, errMovedMeanwhile) {
			c.queue.addFolders(refs[i:]...)
			return err
		}
		c.inv.SetPathOutside(ref, placePath(names), &ch)
	}
	return nil
}

// placePath is the path of a folder outside the tree, for people: empty if nothing of it can be read.
func placePath(names []string) string {
	switch {
	case len(names) == 0 || names[0] != inventory.Hidden:
		return vsphere.Path(names...)
	case len(names) == 1:
		return ""
	default:
		return inventory.Hidden + vsphere.Path(names[1:]...)
	}
}

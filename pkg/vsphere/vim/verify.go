package vim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// readQueue holds what is to be read because of an update set. It is read beside the watch, so that the watch goes on.
type readQueue struct {
	mu      sync.Mutex
	vms     map[vsphere.Ref]bool // VMs that have left all filters
	hosts   map[vsphere.Ref]bool // hosts whose name is not known
	folders map[vsphere.Ref]bool // folders with VMs of ours whose path is not known
	// rechecks counts the rechecks since something new came up.
	rechecks int
	kick     chan struct{}
}

const (
	// readRetry is how soon a read is tried again that vCenter did not answer; it doubles up to readRetryMax.
	readRetry    = time.Second
	readRetryMax = time.Minute
	// overdueEvery is how often it is looked for clones that have passed their deadline. It costs no call.
	overdueEvery = 5 * time.Second
	// A VM that was read, and that no filter holds all the same, is read again: after recheckFirst, then at twice the
	// interval each time, maxRechecks times. After that, each resync does it.
	recheckFirst = 50 * time.Millisecond
	maxRechecks  = 8
	// reportedWithin is how long the watch may take to report a folder that we have made, or a power state.
	reportedWithin = time.Second
)

func newReadQueue() *readQueue {
	return &readQueue{
		vms: map[vsphere.Ref]bool{}, hosts: map[vsphere.Ref]bool{}, folders: map[vsphere.Ref]bool{}, kick: make(chan struct{}, 1),
	}
}

func (q *readQueue) addVMs(refs ...vsphere.Ref) { q.add(q.vms, refs) }

func (q *readQueue) addHosts(refs ...vsphere.Ref) { q.add(q.hosts, refs) }

func (q *readQueue) addFolders(refs ...vsphere.Ref) { q.add(q.folders, refs) }

func (q *readQueue) add(set map[vsphere.Ref]bool, refs []vsphere.Ref) {
	if len(refs) == 0 {
		return
	}
	q.mu.Lock()
	for _, ref := range refs {
		set[ref] = true
	}
	q.rechecks = 0
	q.mu.Unlock()
	q.wake()
}

func (q *readQueue) wake() {
	select {
	case q.kick <- struct{}{}:
	default: // it is awake already
	}
}

// take empties one of the sets.
func (q *readQueue) take(set map[vsphere.Ref]bool) []vsphere.Ref {
	q.mu.Lock()
	defer q.mu.Unlock()
	refs := make([]vsphere.Ref, 0, len(set))
	for ref := range set {
		refs = append(refs, ref)
	}
	clear(set)
	slices.Sort(refs)
	return refs
}

// processQueue reads what is queued until ctx ends. What fails is tried again.
func (c *connection) processQueue(ctx context.Context) {
	overdue := c.cfg.Clock.NewTicker(overdueEvery)
	defer overdue.Stop()
	var recheck <-chan time.Time
	for wait := readRetry; ; {
		var retry <-chan time.Time
		for _, read := range []func(context.Context) error{c.verifyQueued, c.resolveUnknowns, c.readQueuedHosts, c.readQueuedFolders} {
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
			c.placeAgain(ctx)
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
	if len(folders)+len(assumed) > 0 || more || others {
		return c.cfg.Clock.After(reportedWithin)
	}
	if len(c.inv.Unheld()) == 0 && len(c.tracker.Landed()) == 0 {
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
// that somebody has undone at once.
func (c *connection) recheck(ctx context.Context) {
	vms := slices.DeleteFunc(c.inv.Unheld(), c.pending.destroying)
	for _, p := range c.tracker.Landed() {
		vms = append(vms, p.Operation.VM)
	}
	overdue := c.cfg.Clock.Now().Add(-reportedWithin)
	folders, _ := c.inv.UnconfirmedFolders(overdue)
	assumed, _ := c.inv.AssumedPower(overdue)
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
	if len(folders) > 0 {
		if err := c.verifyFolders(ctx, folders); err != nil {
			klog.FromContext(ctx).V(2).Info("Reading folders again", "err", err)
		}
	}
}

// verifyFolders reads folders and forgets those that are gone.
func (c *connection) verifyFolders(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = folderRef(ref)
	}
	readings, err := c.readEach(ctx, objects, propName, propParent)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		switch {
		case r.gone:
			c.inv.DeleteFolder(ref, &ch)
		case r.err != nil:
			c.inv.ConfirmFolder(ref) // it is there, and that is all that can be known
		default:
			c.inv.UpdateFolder(ref, folderUpdate(object{props: r.props}.changes()), &ch)
			c.inv.ConfirmFolder(ref)
		}
	}
	c.publish(&ch)
	return nil
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

// verify reads VMs by their reference and decides, for each:
//
//  1. ManagedObjectNotFound for that very object: it is gone
//  2. it can be read: it lies elsewhere, and is watched there if it is ours
//  3. anything else: it keeps its place, marked unreadable, and is verified again at each resync
func (c *connection) verify(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = vmRef(ref)
	}
	readings, err := c.readEach(ctx, objects, vmProps()...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		switch {
		case r.gone:
			c.vmGone(ref, &ch)
		case r.err != nil:
			c.inv.MarkUnreadable(ref, &ch)
		default:
			c.inv.Verified(ref, r.props.ofVM(), &ch)
		}
	}
	err = c.watchOutside(ctx)
	c.queue.addHosts(ch.Hosts...)
	c.queue.addFolders(ch.Folders...)
	c.publish(&ch)
	return err
}

// outsideList is the view of those VMs of ours that lie outside the root folder.
type outsideList struct {
	mu     sync.Mutex
	listed map[vsphere.Ref]bool
}

// watchOutside brings the view up to date: the VMs of ours that the root's view does not hold.
func (c *connection) watchOutside(ctx context.Context) error {
	o := &c.outside
	o.mu.Lock()
	defer o.mu.Unlock()
	want := c.inv.OutsideRoot()
	var add, remove []types.ManagedObjectReference
	for ref := range want {
		if !o.listed[ref] {
			add = append(add, vmRef(ref))
		}
	}
	for ref := range o.listed {
		if !want[ref] {
			remove = append(remove, vmRef(ref))
		}
	}
	if len(add)+len(remove) == 0 {
		return nil
	}
	res, err := methods.ModifyListView(ctx, c.client, &types.ModifyListView{This: c.outsideView, Add: add, Remove: remove})
	if err != nil {
		return err
	}
	for _, unresolved := range res.Returnval {
		delete(want, vsphere.Ref(unresolved.Value)) // it is verified at each resync, and then tried again
	}
	o.listed = want
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

// Verify reads VMs by MoRef that somebody remembers and the snapshot lacks. What cannot be read of them is remembered, unless
// nothing was learnt.
func (v *VCenter) Verify(ctx context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	return c.ask(ctx, askKey{g, fmt.Sprint("verify ", vms)}, func(ctx context.Context) error {
		v.inv.Claim(g.UID, vms)
		if err := c.verify(ctx, vms); err != nil {
			v.inv.Unclaim(vms)
			return v.fail("Verify VMs of "+g.Namespace+"/"+g.Name, err)
		}
		return nil
	})
}

// verifyAssumptions reads the power states that the watch has not confirmed.
func (c *connection) verifyAssumptions(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = vmRef(ref)
	}
	asked := c.inv.VMsVersion()
	readings, err := c.readEach(ctx, objects, sweptProps()...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		if !r.gone && r.err == nil {
			c.inv.Refresh(ref, object{ref: obj, props: r.props}.update(nil), asked, &ch)
		}
		c.inv.ConfirmPower(ref) // or it leaves, which the watch tells
	}
	c.publish(&ch)
	return nil
}

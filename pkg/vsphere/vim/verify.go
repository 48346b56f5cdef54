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
)

// chores are reads that an update set has made necessary. They are done beside the watch, so that it is never held up.
type chores struct {
	mu     sync.Mutex
	verify map[vsphere.Ref]bool // VMs that have left all filters
	hosts  map[vsphere.Ref]bool // hosts whose name is not known
	places map[vsphere.Ref]bool // folders with VMs of ours whose path is not known
	// rechecks counts the rechecks since something new came up.
	rechecks int
	kick     chan struct{}
}

const (
	// choreRetry is how soon a chore is tried again that vCenter did not answer; it doubles up to choreRetryMax.
	choreRetry    = time.Second
	choreRetryMax = time.Minute
	// overdueEvery is how often it is looked for clones that have passed their deadline. It costs no call.
	overdueEvery = 5 * time.Second
	// A VM that was read, and that no filter holds all the same, is read again: after recheckFirst, then at twice the
	// interval each time, maxRechecks times. After that, each resync does it.
	recheckFirst = 50 * time.Millisecond
	maxRechecks  = 8
	// reportedWithin is how long the watch may take to report a folder that we have made, or a power state.
	reportedWithin = time.Second
)

func (ch *chores) wantVerified(refs ...vsphere.Ref) { ch.want(ch.verify, refs) }

func (ch *chores) wantHosts(refs ...vsphere.Ref) { ch.want(ch.hosts, refs) }

func (ch *chores) wantPlaces(refs ...vsphere.Ref) { ch.want(ch.places, refs) }

func (ch *chores) want(set map[vsphere.Ref]bool, refs []vsphere.Ref) {
	if len(refs) == 0 {
		return
	}
	ch.mu.Lock()
	for _, ref := range refs {
		set[ref] = true
	}
	ch.rechecks = 0
	ch.mu.Unlock()
	ch.wake()
}

func (ch *chores) wake() {
	select {
	case ch.kick <- struct{}{}:
	default: // it is awake already
	}
}

// take empties one of the sets.
func (ch *chores) take(set map[vsphere.Ref]bool) []vsphere.Ref {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	refs := make([]vsphere.Ref, 0, len(set))
	for ref := range set {
		refs = append(refs, ref)
	}
	clear(set)
	slices.Sort(refs)
	return refs
}

// doChores works until ctx ends. A chore that fails is tried again.
func (c *connection) doChores(ctx context.Context) {
	overdue := c.v.cfg.Clock.NewTicker(overdueEvery)
	defer overdue.Stop()
	var recheck <-chan time.Time
	for wait := choreRetry; ; {
		var retry <-chan time.Time
		for _, chore := range []func(context.Context) error{c.verifyWanted, c.resolveUnknowns, c.readHosts, c.readPlaces} {
			if err := chore(ctx); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).V(2).Info("Reading again", "err", err)
				retry = c.v.cfg.Clock.After(wait)
			}
		}
		wait = min(2*wait, choreRetryMax)
		if retry == nil {
			wait = choreRetry
		}
		if recheck == nil {
			recheck = c.nextRecheck()
		}
		select {
		case <-c.chores.kick:
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
	folders, left := c.v.inv.overdueFolders(c.v.cfg.Clock.Now())
	assumed, more := c.v.inv.overdueAssumptions(c.v.cfg.Clock.Now())
	if len(folders) > 0 || left || len(assumed) > 0 || more {
		return c.v.cfg.Clock.After(reportedWithin)
	}
	if len(c.v.inv.unheld()) == 0 && len(c.v.tracker.Awaited()) == 0 {
		return nil
	}
	c.chores.mu.Lock()
	defer c.chores.mu.Unlock()
	if c.chores.rechecks >= maxRechecks {
		return nil
	}
	d := recheckFirst << c.chores.rechecks
	c.chores.rechecks++
	return c.v.cfg.Clock.After(d)
}

// recheck reads what the watch should have reported by now and has not: the leave of a VM may come before it is really
// gone, a folder or the VM of a clone that comes and goes between two looks is never reported, and neither is a power state
// that somebody has undone at once.
func (c *connection) recheck(ctx context.Context) {
	vms := slices.DeleteFunc(c.v.inv.unheld(), c.v.pending.destroying)
	for _, p := range c.v.tracker.Awaited() {
		vms = append(vms, p.Operation.VM)
	}
	folders, _ := c.v.inv.overdueFolders(c.v.cfg.Clock.Now())
	assumed, _ := c.v.inv.overdueAssumptions(c.v.cfg.Clock.Now())
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
	var t touched
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		switch {
		case r.gone:
			c.v.inv.removeFolder(ref, &t)
		case r.err != nil:
			c.v.inv.confirm(ref) // it is there, and that is all that can be known
		default:
			c.v.inv.updateFolder(ref, object{props: r.props}.changes(), &t)
			c.v.inv.confirm(ref)
		}
	}
	c.v.settle(&t)
	return nil
}

// verifyWanted reads the VMs that have left all filters.
func (c *connection) verifyWanted(ctx context.Context) error {
	refs := c.chores.take(c.chores.verify)
	if len(refs) == 0 {
		return nil
	}
	if err := c.verify(ctx, refs); err != nil {
		c.chores.wantVerified(refs...)
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
	var t touched
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		switch {
		case r.gone:
			c.v.gone(ref, &t)
		case r.err != nil:
			c.v.inv.unreadable(ref, &t)
		default:
			c.v.inv.found(ref, r.props, &t)
		}
	}
	err = c.watchOutside(ctx)
	c.chores.wantHosts(t.hosts...)
	c.chores.wantPlaces(t.places...)
	c.v.settle(&t)
	return err
}

// gone forgets a VM that is proven gone.
func (v *VCenter) gone(ref vsphere.Ref, t *touched) {
	v.inv.remove(ref, t)
	v.tracker.Gone(ref)
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
	want := c.v.inv.outside()
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

// readHosts reads the names of hosts that are not known yet.
func (c *connection) readHosts(ctx context.Context) error {
	refs := c.chores.take(c.chores.hosts)
	if len(refs) == 0 {
		return nil
	}
	var objects []types.ManagedObjectReference
	for _, ref := range refs {
		objects = append(objects, types.ManagedObjectReference{Type: "HostSystem", Value: string(ref)})
	}
	readings, err := c.readEach(ctx, objects, propName)
	if err != nil {
		c.chores.wantHosts(refs...)
		return err
	}
	names := map[vsphere.Ref]string{}
	for obj, r := range readings {
		if name := r.props.name(); name != "" {
			names[vsphere.Ref(obj.Value)] = name
		}
	}
	var t touched
	c.v.inv.setHosts(names, &t)
	c.v.settle(&t)
	return nil
}

// Verify reads VMs by MoRef that somebody remembers and the snapshot lacks. It remembers those that it cannot read, unless the
// read as a whole has failed.
func (v *VCenter) Verify(ctx context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	return c.request(ctx, requestKey{g, fmt.Sprint("verify ", vms)}, func(ctx context.Context) error {
		v.inv.remember(g.UID, vms)
		if err := c.verify(ctx, vms); err != nil {
			v.inv.forget(vms)
			return v.fail("Verify VMs of "+g.Namespace+"/"+g.Name, err)
		}
		return nil
	})
}

package vim

import (
	"context"
	"maps"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// sweep reads what tells whose each VM of the datacenter is, all pages. Those of ours that the inventory lacks are read
// whole. Of those that it has, parent and template are taken over: not every move and conversion is reported. So are power
// and connection: what a task of ours has brought about is noted when it ends, and may have been undone before the watch
// looked, which then has nothing to report.
func (c *connection) sweep(ctx context.Context) error {
	// The tasks come first: a clone that ends in between is found as a VM.
	if _, err := c.adoptStrays(ctx); err != nil {
		return err
	}
	asked := c.v.inv.instant()
	objects, err := c.retrieveView(ctx, c.allVMs, propSpec("VirtualMachine", sweptProps()...))
	if err != nil {
		return err
	}
	var missing []vsphere.Ref
	var t touched
	listed := map[vsphere.Ref]bool{}
	for _, o := range objects {
		ref := vsphere.Ref(o.ref.Value)
		listed[ref] = true
		held := c.v.inv.refresh(o, sweptProps(), asked, &t)
		if stamp := o.props.stamp(); !held && stamp != nil && stamp.Owner == c.v.cfg.Owner {
			c.v.inv.remember(stamp.UID, []vsphere.Ref{ref}) // it counts, also if the rest of it cannot be read
			missing = append(missing, ref)
		}
	}
	c.v.settle(&t)
	// What was left unreadable, and what no filter holds, is tried again with them. What a filter holds and the view does
	// not may have gone without a word.
	missing = append(missing, c.v.inv.unheld()...)
	missing = append(missing, c.v.inv.unlisted(listed)...)
	landed := c.v.tracker.Awaited()
	for _, p := range landed {
		c.v.inv.remember(p.Group.UID, []vsphere.Ref{p.Operation.VM})
		missing = append(missing, p.Operation.VM)
	}
	if len(missing) == 0 {
		return c.watchOutside(ctx)
	}
	if err := c.verify(ctx, missing); err != nil {
		return err
	}
	for _, p := range landed {
		// It is in the inventory by now, it is gone, or somebody has taken its stamp off.
		c.v.tracker.Resolved(p.ID)
	}
	return nil
}

// sweptProps are read of every VM of the datacenter.
func sweptProps() []string {
	return []string{propStamp, propInstanceUUID, propParent, propTemplate, propPower, propConnection}
}

// instant returns a moment that reports of filters can be compared with.
func (inv *inventory) instant() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.reports
}

// refresh takes over what was read of the paths of a VM, unless a filter has reported on it since the question was asked. It
// returns false for a VM that no filter holds. A VM that has no configuration to show keeps the one that it had: a filter
// that has not seen it go would not tell when it is back.
func (inv *inventory) refresh(o object, paths []string, asked uint64, t *touched) bool {
	ref := vsphere.Ref(o.ref.Value)
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil || r.sources == 0 {
		return false
	}
	if r.reported > asked {
		return true
	}
	changes := o.changes()
	for _, path := range paths {
		_, read := o.props[path]
		if !read && !slices.Contains(o.withheld, path) && (o.props.configured() || !isConfiguration(path)) {
			changes = append(changes, types.PropertyChange{Name: path, Op: types.PropertyChangeOpRemove})
		}
	}
	props := maps.Clone(r.props)
	props.apply(changes)
	if inv.differs(r, props) {
		inv.note(ref, 0, false, changes, t)
	}
	return true
}

// unheld returns the VMs that may be ours and that no filter holds.
func (inv *inventory) unheld() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.outsiders {
		if r.sources == 0 {
			refs = append(refs, ref)
		}
	}
	return refs
}

// unlisted returns the VMs that a filter holds and that are not listed.
func (inv *inventory) unlisted(listed map[vsphere.Ref]bool) []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.vms {
		if r.sources != 0 && !listed[ref] {
			refs = append(refs, ref)
		}
	}
	return refs
}

package vim

import (
	"context"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Snapshot returns what is known about a group now. It makes no call.
func (v *VCenter) Snapshot(_ context.Context, g vsphere.GroupID, class string) (vsphere.Snapshot, error) {
	before, err := v.synced()
	if err != nil {
		return vsphere.Snapshot{}, err
	}
	v.tracker.Know(g, class)
	// The sweeps are read before all else, for the snapshot has to hold what they have found.
	swept, sweepErr := v.sweeps.last()
	// The operations are read first: an operation that ends in between is then in the snapshot twice, as itself and as
	// its VM, and never not at all.
	ops, failures := v.tracker.Of(g.UID)
	toCome, powerOns := v.tracker.ClonesToCome(g.UID), v.tracker.PowerOns(g.UID)
	s := v.inv.Snapshot(g, class)
	after, err := v.synced()
	if err != nil {
		return vsphere.Snapshot{}, err
	}
	if after != before { // the inventory was read anew meanwhile, and what was seen of it may be half of it
		return vsphere.Snapshot{}, syncing("The inventory was read anew just now; looking again.")
	}
	s.VCenter, s.Owner = after.instanceUUID(), v.cfg.Owner
	s.Operations, s.Failures, s.ClonesToCome, s.PowerOns = ops, failures, toCome, powerOns
	s.Swept, s.SweepErr = swept, sweepErr
	s.NotApart, s.Released = v.associations.of(g.UID)
	return v.versions.Number(g, s), nil
}

// Stamped returns all VMs that are ours, of whatever group. It makes no call.
func (v *VCenter) Stamped(context.Context) ([]vsphere.VM, error) {
	before, err := v.synced()
	if err != nil {
		return nil, err
	}
	vms := v.inv.Stamped()
	after, err := v.synced()
	if err != nil {
		return nil, err
	}
	if after != before {
		return nil, syncing("The inventory was read anew just now; looking again.")
	}
	return vms, nil
}

// Sweep asks for a sweep, and returns its number.
func (v *VCenter) Sweep(_ context.Context, g vsphere.GroupID) (int, error) {
	if _, err := v.synced(); err != nil {
		return 0, err
	}
	return v.sweeps.ask(g), nil
}

// Verify reads VMs by MoRef that somebody remembers and the snapshot lacks. It remembers those that it cannot read, unless the
// read as a whole has failed.
func (v *VCenter) Verify(ctx context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	return c.requests.do(ctx, requestKey{g, fmt.Sprint("verify ", vms)}, func(ctx context.Context) error {
		v.inv.Claim(g.UID, vms)
		if err := c.verify(ctx, vms); err != nil {
			v.inv.Unclaim(vms)
			return v.fail("Verify VMs of "+g.Namespace+"/"+g.Name, err)
		}
		return nil
	})
}

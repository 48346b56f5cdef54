package vim

import (
	"context"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// startShutdown asks the guest of one VM to shut down. vCenter answers once it has passed that on, and has no task that tells how
// it goes on: the power state does. An answer that was lost counts as one, see operations.Tracker.Refused.
func (c *connection) startShutdown(ctx context.Context, g vsphere.GroupID, r vsphere.Request) error {
	pending, err := c.beginPower(g, r)
	if err != nil {
		return err
	}
	if _, err = methods.ShutdownGuest(ctx, c.client, &types.ShutdownGuest{This: vmRef(r.VM)}); err != nil {
		err = c.powerRefused(pending, err)
	} else {
		klog.FromContext(ctx).V(2).Info("Guest asked to shut down", "vm", pending.name)
		c.tracker.Accepted(pending.id)
	}
	var ch inventory.Changes
	c.inv.Show(r.VM, &ch) // it may be off by now
	c.publish(&ch)
	return err
}

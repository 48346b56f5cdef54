package vim

import (
	"context"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// cancelOverdue asks vCenter to cancel the clones that have just passed their deadline. It is a hint: they count until
// their task ends.
func (c *connection) cancelOverdue(ctx context.Context) {
	for _, p := range c.tracker.Overdue() {
		if err := c.cancel(ctx, p.Operation); err != nil {
			klog.FromContext(ctx).V(2).Info("An overdue clone could not be cancelled", "vm", p.Operation.Name, "err", err)
		}
	}
}

// Cancel asks vCenter to cancel an operation's task.
func (v *VCenter) Cancel(ctx context.Context, op vsphere.Operation) error {
	if op.Task == "" {
		return nil
	}
	c, err := v.synced()
	if err != nil {
		return err
	}
	return c.cancel(ctx, op)
}

func (c *connection) cancel(ctx context.Context, op vsphere.Operation) error {
	_, err := methods.CancelTask(ctx, c.client, &types.CancelTask{This: taskRef(op.Task)})
	if err == nil || isGone(err, taskRef(op.Task)) {
		c.tracker.Cancelled(op.Task)
		return nil
	}
	if _, ended := faultOf(err).(*types.InvalidState); ended {
		return nil // which the watch is about to tell
	}
	return c.fail("Cancel "+string(op.Kind)+" "+op.Name, err)
}

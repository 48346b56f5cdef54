package vim

import (
	"context"
	"errors"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/tracker"
)

// cloneTasks are the descriptionIds of clone tasks: vCenter's, and its simulator's.
var cloneTasks = map[string]bool{"VirtualMachine.clone": true, "VirtualMachine.cloneVm": true}

// resolveUnknowns looks for what has become of the clones whose answer was lost: a clone task that runs and is nobody's
// is watched from now on, and a VM that has the name by now is read. Then the operation is dropped; should the request
// arrive still later, the name is the lock, and for a while the group is not let go.
func (c *connection) resolveUnknowns(ctx context.Context) error {
	unknowns := c.v.tracker.Unknowns()
	if len(unknowns) == 0 {
		return nil
	}
	c.v.expectStrays()
	if err := c.adoptStrays(ctx); err != nil {
		return err
	}
	var failures []error
	for _, p := range unknowns {
		found, err := c.lookForClone(ctx, p)
		switch {
		case err != nil:
			failures = append(failures, err)
			continue
		case found:
			c.v.tracker.Resolved(p.ID)
		default:
			c.v.tracker.NotFound(p.ID)
		}
		c.v.pending.end(p.ID)
		c.v.cfg.Notifier.Notify(p.Group)
	}
	return errors.Join(failures...)
}

// lookForClone reads the VM that has a clone's name in the folder where it was to be, and tells whether there is one.
func (c *connection) lookForClone(ctx context.Context, p tracker.Pending) (found bool, err error) {
	folder := c.v.pending.folderOf(p.ID)
	if folder == "" {
		return false, nil
	}
	child, err := c.findChild(ctx, folder, p.Operation.Name)
	if err != nil || child == nil || child.Type != "VirtualMachine" {
		return false, err
	}
	vms := []vsphere.Ref{vsphere.Ref(child.Value)}
	c.v.inv.remember(p.Group.UID, vms) // it counts, also if it cannot be read
	return true, c.verify(ctx, vms)
}

// findChild returns the object of exactly that name in a folder, or nil. A folder that is gone has no children.
func (c *connection) findChild(ctx context.Context, folder vsphere.Ref, name string) (*types.ManagedObjectReference, error) {
	res, err := methods.FindChild(ctx, c.client, &types.FindChild{
		This: *c.client.ServiceContent.SearchIndex, Entity: folderRef(folder), Name: name,
	})
	if isGone(err, folderRef(folder)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return res.Returnval, nil
}

// expectStrays makes adoptStrays look for as long as a clone may take that was submitted by now.
func (v *VCenter) expectStrays() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.straysUntil = v.cfg.Clock.Now().Add(v.cfg.CloneTimeout)
}

func (v *VCenter) straysExpected() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cfg.Clock.Now().Before(v.straysUntil)
}

// noteUser remembers that this process is logged in as a user.
func (v *VCenter) noteUser(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.users[strings.ToLower(name)] = true
}

// wasUser tells whether this process is, or was, logged in as a user: credentials may be rotated to another account while
// clones are under way.
func (v *VCenter) wasUser(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.users[strings.ToLower(name)]
}

// adoptStrays watches the clone tasks under way that no operation of ours is known for: they ran when this process
// started, or their submission's answer was lost. Those that were cancelled count for a while. Those of other users are left alone, and so are all that run when
// neither can be: the account may be shared with others, whose clones must not hold up the end of our groups.
func (c *connection) adoptStrays(ctx context.Context) error {
	if !c.v.straysExpected() {
		return nil
	}
	infos, err := c.recentTasks(ctx)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if !cloneTasks[info.DescriptionId] {
			continue
		}
		if by, ok := info.Reason.(*types.TaskReasonUser); !ok || !c.v.wasUser(by.UserName) {
			continue
		}
		switch task := vsphere.Ref(info.Task.Value); {
		case underWay(info):
			c.adoptStray(task)
		case wasCancelled(info):
			c.v.tracker.Echo(task)
		}
	}
	c.tasks.wake()
	return nil
}

// adoptStray watches a clone task that was under way when it was read. It may be one of ours that has ended since: that was
// told already, and is not told again.
func (c *connection) adoptStray(task vsphere.Ref) {
	c.v.tracker.Stray(task)
	if c.tasks.toldEnd(task) {
		c.v.tracker.StrayEnded(task)
	}
}

// wasCancelled reports whether a task says that it was cancelled, and so perhaps goes on all the same.
func wasCancelled(info types.TaskInfo) bool {
	if info.State != types.TaskInfoStateError || info.Error == nil {
		return false
	}
	_, ok := info.Error.Fault.(*types.RequestCanceled)
	return ok
}

// cancelOverdue asks vCenter to cancel the clones that have just passed their deadline. It is a hint: they count until
// their task ends.
func (c *connection) cancelOverdue(ctx context.Context) {
	for _, p := range c.v.tracker.Overdue() {
		if err := c.v.Cancel(ctx, p.Operation); err != nil {
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
	_, err = methods.CancelTask(ctx, c.client, &types.CancelTask{This: taskRef(op.Task)})
	if err == nil || isGone(err, taskRef(op.Task)) {
		v.tracker.Cancelled(op.Task)
		return nil
	}
	if _, ended := faultOf(err).(*types.InvalidState); ended {
		return nil // which the watch is about to tell
	}
	return v.fail("Cancel "+string(op.Kind)+" "+op.Name, err)
}

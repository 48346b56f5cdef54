package vim

import (
	"context"
	"errors"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// resolveUnknowns looks for what has become of the operations whose answer was lost: see resolveChanges, and for each clone, in
// order:
//
//  1. a VM has the name by now: it is read, and the operation is over
//  2. a task that no operation is known for, and that has not ended, makes a VM of that name: it is the operation's task
//  3. neither: the operation is dropped. Should the request arrive still later, the name is the lock, and for a while the
//     group is not let go.
//
// The tasks are read first: one that ends in between has made its VM. The watch keeps those that belong to no operation in the end.
func (c *connection) resolveUnknowns(ctx context.Context) error {
	var unknowns, changes []operations.Pending
	for _, p := range c.tracker.Unknowns() {
		if p.Operation.Kind.Makes() {
			unknowns = append(unknowns, p)
		} else {
			changes = append(changes, p)
		}
	}
	if err := c.resolveChanges(ctx, changes); err != nil || len(unknowns) == 0 {
		return err
	}
	c.expectCloneTasks()
	found, err := c.findCloneTasks(ctx)
	if err != nil {
		return err
	}
	makes := destinations{c: c, found: found}
	var failures []error
	for _, p := range unknowns {
		if err := c.resolve(ctx, p, &makes); err != nil {
			failures = append(failures, err)
			continue
		}
		c.cfg.Notifier.Notify(p.Group)
	}
	return errors.Join(failures...)
}

// resolve looks for what has become of one clone.
func (c *connection) resolve(ctx context.Context, p operations.Pending, makes *destinations) error {
	folder := c.pending.folderOf(p.ID)
	found, err := c.lookForClone(ctx, folder, p)
	if err != nil {
		return err
	}
	if found {
		c.tracker.Resolved(p.ID)
		c.pending.end(p.ID)
		return nil
	}
	task, err := makes.find(ctx, folder, p.Operation.Name)
	if err != nil {
		return err
	}
	if task != "" {
		c.submitted(ctx, pendingTask{
			what: "Clone VM " + p.Operation.Name, name: p.Operation.Name, kind: p.Operation.Kind, id: p.ID,
		}, taskRef(task))
		return nil
	}
	c.tracker.NotFound(p.ID)
	c.pending.end(p.ID)
	return nil
}

// lookForClone reads the VM that has a clone's name in the folder where it was to be, and tells whether there is one.
func (c *connection) lookForClone(ctx context.Context, folder vsphere.Ref, p operations.Pending) (found bool, err error) {
	if folder == "" {
		return false, nil
	}
	child, err := c.findChild(ctx, folder, p.Operation.Name)
	if err != nil || child == nil || child.Type != "VirtualMachine" {
		return false, err
	}
	vms := []vsphere.Ref{vsphere.Ref(child.Value)}
	c.inv.Claim(p.Group.UID, vms) // it counts, also if it cannot be read
	return true, c.verify(ctx, vms)
}

// destinations says what clone tasks make. It asks for each once, and only when it is needed.
type destinations struct {
	c     *connection
	found []types.TaskInfo
	asked bool
	tasks map[destination]vsphere.Ref
}

// destination is what a clone task is known by: where its VM is to be, and how it is called.
type destination struct {
	folder vsphere.Ref
	name   string
}

// find returns the task that makes a VM of that name in a folder, or nothing.
func (d *destinations) find(ctx context.Context, folder vsphere.Ref, name string) (vsphere.Ref, error) {
	if !d.asked {
		d.tasks = make(map[destination]vsphere.Ref, len(d.found))
		for _, info := range d.found {
			name, folder, err := d.c.destination(ctx, info)
			if saysNothing(err) {
				return "", err
			}
			if err != nil { // whose it is cannot be known then, and it counts for everybody
				klog.FromContext(ctx).V(2).Info("Nobody says what a clone task makes", "task", info.Task.Value, "err", err)
				continue
			}
			d.tasks[destination{folder, name}] = vsphere.Ref(info.Task.Value)
		}
		d.asked = true
	}
	return d.tasks[destination{folder, name}], nil
}

// findChild returns the object of exactly that name in a folder, or nil. A folder that is gone has no children.
func (c *connection) findChild(ctx context.Context, folder vsphere.Ref, name string) (*types.ManagedObjectReference, error) {
	res, err := methods.FindChild(ctx, c.client, &types.FindChild{
		This: *c.client.ServiceContent.SearchIndex, Entity: folderRef(folder), Name: vsphere.EscapeName(name),
	})
	if isGone(err, folderRef(folder)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return res.Returnval, nil
}

// findCloneTasks watches the clone tasks under way that no operation of ours is known for, and returns them: they ran when this
// process started, or their submission's answer was lost. Those that were cancelled count for a while. Those of other users
// are left alone, and so are all that run when neither can be: the account may be shared with others, whose clones must not
// hold up the end of our groups.
func (c *connection) findCloneTasks(ctx context.Context) (found []types.TaskInfo, err error) {
	if !c.cloneTasksExpected() {
		return nil, nil
	}
	infos, err := c.recentTasks(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		if !cloneTasks[info.DescriptionId] {
			continue
		}
		if by, ok := info.Reason.(*types.TaskReasonUser); !ok || !c.wasUser(by.UserName) {
			continue
		}
		switch task := vsphere.Ref(info.Task.Value); {
		case underWay(info):
			c.addCloneTask(task)
			if !c.tracker.Watches(task) {
				found = append(found, info)
			}
		case wasCancelled(info):
			c.tracker.CloneTaskCancelled(task)
		}
	}
	c.tasks.wake()
	return found, nil
}

// addCloneTask watches a clone task that was under way when it was read. It may be one of ours that has ended since: that was
// told already, and is not told again.
func (c *connection) addCloneTask(task vsphere.Ref) {
	c.tracker.CloneTaskFound(task)
	if c.tasks.toldEnd(task) {
		c.tracker.CloneTaskEnded(task)
	}
}

// rereadFound reads the clone tasks that no operation is known for. A collector tells only what differs from what it has told last: of a
// task that was taken off the list of those that are watched and put on it again in between, it tells nothing, and nobody would hear of
// its end.
func (c *connection) rereadFound(ctx context.Context) error {
	found := c.tracker.Found()
	if len(found) == 0 {
		return nil
	}
	objects := make([]types.ManagedObjectReference, len(found))
	for i, task := range found {
		objects[i] = taskRef(task)
	}
	readings, err := c.readEach(ctx, objects, propTaskState)
	if err != nil {
		return err
	}
	for _, task := range found {
		if r := readings[taskRef(task)]; r.gone || hasEnded(r.props) {
			c.tracker.CloneTaskEnded(task)
		}
	}
	return nil
}

// wasCancelled reports whether a task says that it was cancelled, and so perhaps goes on all the same.
func wasCancelled(info types.TaskInfo) bool {
	if info.State != types.TaskInfoStateError || info.Error == nil {
		return false
	}
	_, ok := info.Error.Fault.(*types.RequestCanceled)
	return ok
}

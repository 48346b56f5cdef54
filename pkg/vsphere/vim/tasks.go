package vim

import (
	"context"
	"maps"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// flushTasks lists tasks that are submitted while the watch rests; while updates stream, the watch does it itself.
func (c *connection) flushTasks(ctx context.Context) {
	for {
		select {
		case <-c.tasks.kick:
		case <-ctx.Done():
			return
		}
		if pause(ctx, minPause) != nil {
			return
		}
		if err := c.listTasks(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("Listing the tasks again", "err", err)
			select {
			case <-c.cfg.Clock.After(readRetry):
			case <-ctx.Done():
				return
			}
			c.tasks.wake()
		}
	}
}

// listTasks brings the list of tasks up to date, in one call at most. Tasks that have ended are taken off together with
// the next addition, or once nothing is in flight.
func (c *connection) listTasks(ctx context.Context) error {
	c.tasks.calls.Lock()
	defer c.tasks.calls.Unlock()
	want, add, remove := c.tasks.changes(c.tracker.Tasks())
	if len(add) == 0 && (len(want) > 0 || len(remove) == 0) {
		return nil
	}
	res, err := methods.ModifyListView(ctx, c.client, &types.ModifyListView{This: c.taskView, Add: add, Remove: remove})
	if err != nil {
		return err
	}
	for _, task := range res.Returnval {
		ref := vsphere.Ref(task.Value)
		delete(want, ref)
		c.taskLost(ref)
	}
	c.pending.unlisted(remove)
	c.tasks.mu.Lock()
	defer c.tasks.mu.Unlock()
	c.tasks.listed = want
	maps.DeleteFunc(c.tasks.told, func(task vsphere.Ref, _ properties) bool { return !want[task] })
	return nil
}

// taskLost handles a task that can no longer be read: what it did is found out by looking.
func (c *connection) taskLost(task vsphere.Ref) {
	op, known := c.pending.lost(task)
	c.tracker.Lost(task)
	if known && op.vm != "" {
		c.queue.addVMs(op.vm)
	}
	c.queue.wake()
}

// applyTask takes over what the collector says of a task. It may say it again after every change of the list.
func (c *connection) applyTask(u types.ObjectUpdate, ch *inventory.Changes) {
	task := vsphere.Ref(u.Obj.Value)
	if u.Kind == types.ObjectUpdateKindLeave {
		c.taskLost(task) // which means nothing if it has ended
		return
	}
	props := c.tasks.tell(task, u)
	switch types.TaskInfoState(props.text(propTaskState)) {
	case types.TaskInfoStateSuccess:
		c.taskEnded(task, taskEnd{result: props.ref(propTaskResult), told: c.cfg.Clock.Now()}, ch)
	case types.TaskInfoStateError:
		fault, _ := props[propTaskError].(types.LocalizedMethodFault)
		c.taskEnded(task, taskEnd{fault: &fault, told: c.cfg.Clock.Now()}, ch)
	default: // it goes on
	}
}

// taskEnded records the end of a task and what is proven by it.
func (c *connection) taskEnded(task vsphere.Ref, end taskEnd, ch *inventory.Changes) {
	op, known := c.pending.take(task, end)
	if !known {
		// One that no operation is known for, or told twice, or one whose submission is just being recorded and takes its end from there: the tracker
		// must not take this for the end of an operation.
		c.tracker.CloneTaskEnded(task)
		return
	}
	c.taskOfOursEnded(task, op, end, ch)
}

func (c *connection) taskOfOursEnded(task vsphere.Ref, op pendingTask, end taskEnd, ch *inventory.Changes) {
	op.logEnd(task, end)
	if op.kind.Makes() && end.fault == nil && end.result == "" {
		c.tracker.Lost(task) // it succeeded, and does not say with which VM: looked for by name
		c.queue.wake()
		return
	}
	if end.fault != nil {
		if err := c.taskFailure(op, *end.fault); err != nil {
			if op.kind.Makes() && err.Class == vsphere.ClassUnknown {
				c.tracker.Ended(task, "", err)
				c.queue.wake() // looked for by name
				return
			}
			c.pending.end(op.id)
			c.tracker.Ended(task, "", err)
			c.lookAfter(op, *end.fault)
			return
		}
	}
	c.pending.end(op.id)
	c.taskSucceeded(task, op, end.result, ch)
}

// taskSucceeded records what is proven by the success of a task, or by a failure that says that all is as it was to be.
func (c *connection) taskSucceeded(task vsphere.Ref, op pendingTask, result vsphere.Ref, ch *inventory.Changes) {
	kind := op.info()
	if kind.Power != "" {
		c.inv.AssumePower(op.vm, kind.Power, c.cfg.Clock.Now(), ch)
		c.queue.wake()
	}
	if kind.Effect == vsphere.Removes {
		c.vmGone(op.vm, ch)
		c.inv.DismissAbsence(op.vm)
	}
	c.tracker.Ended(task, result, nil)
	// What is awaited may have been in the view before the task had ended.
	c.inv.Seen(result, ch)
	if kind.Ends == vsphere.ByObservation && op.vm != "" {
		c.inv.Show(op.vm, ch)
		c.queue.wake() // or it is read soon
	}
	if op.kind == vsphere.OperationReconfigure && c.inv.DiskChanged(op.vm) {
		c.queue.addDisks(op.vm)
	}
}

// lookAfter looks at what a failed task was about: the VM that would not go, or the one that has the name already.
func (c *connection) lookAfter(op pendingTask, fault types.LocalizedMethodFault) {
	if op.vm != "" {
		if _, from, ok := c.inv.Get(op.vm); ok && from == 0 {
			c.queue.addVMs(op.vm)
		}
	}
	if f, ok := fault.Fault.(*types.DuplicateName); ok && f.Object.Type == "VirtualMachine" {
		c.queue.addVMs(vsphere.Ref(f.Object.Value))
	}
}

// submitted records the task that vCenter has made of an operation, and has it watched.
func (c *connection) submitted(ctx context.Context, op pendingTask, task types.ManagedObjectReference) {
	ref := vsphere.Ref(task.Value)
	op.logger = klog.FromContext(ctx)
	op.logger.V(2).Info("Task submitted", "task", ref, "kind", op.kind, "vm", op.name)
	c.tracker.Submitted(op.id, ref) // with no lock held: it notifies
	end, ended := c.pending.submitted(ref, op)
	switch {
	case ended:
		var ch inventory.Changes
		if op, known := c.pending.take(ref, end); known {
			c.taskOfOursEnded(ref, op, end, &ch)
		}
		c.publish(&ch)
	case !c.tracker.Watches(ref):
		c.pending.lost(ref) // it could not be read in between: nobody will tell its end
	}
	c.tasks.wake()
}

package vim

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

const (
	propTaskState  = "info.state"
	propTaskError  = "info.error"
	propTaskResult = "info.result"
)

func taskProps() []string { return []string{propTaskState, propTaskError, propTaskResult} }

// pendingTask says what a task in flight is for.
type pendingTask struct {
	what string // as the beginning of a sentence
	name string // of the VM
	kind vsphere.OperationKind
	id   operations.ID
	vm   vsphere.Ref // of all but clones
	// logger is the one of the sync that submitted it, so that the end of a task is told with the same opID.
	logger klog.Logger
}

// info is the row of its kind.
func (op pendingTask) info() vsphere.KindInfo {
	info, _ := op.kind.Info()
	return info
}

// taskEnd is how a task has ended.
type taskEnd struct {
	result vsphere.Ref
	fault  *types.LocalizedMethodFault // nil: success
	told   time.Time
}

// earlyFor is how long the end of a task that is nobody's is kept: longer than an answer to its submission may take, and than
// it takes to look for the task of a clone whose answer was lost.
const earlyFor = 10 * time.Minute

// pendingTasks are the tasks in flight, and the folders of the clones that have not ended.
type pendingTasks struct {
	mu      sync.Mutex
	byTask  map[vsphere.Ref]pendingTask
	victims map[vsphere.Ref]vsphere.Ref   // VM to the task that destroys it
	clones  map[operations.ID]vsphere.Ref // to their folder
	// early are the ends of tasks that are nobody's: a sweep may find the task of a clone, and see it end, before the
	// answer to the clone's submission is here.
	early map[vsphere.Ref]taskEnd
}

// submitted records the task of an operation, which the tracker knows already: a task that is found here may end at once.
// It returns the end of the task if that was seen already.
func (p *pendingTasks) submitted(task vsphere.Ref, op pendingTask) (taskEnd, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byTask[task] = op
	if op.kind.Removes() {
		p.victims[op.vm] = task
	}
	end, ended := p.early[task]
	delete(p.early, task)
	return end, ended
}

// take returns what a task that has ended was for. The end of one that is nobody's yet is kept.
func (p *pendingTasks) take(task vsphere.Ref, end taskEnd) (pendingTask, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	op, ok := p.byTask[task]
	if !ok {
		maps.DeleteFunc(p.early, func(_ vsphere.Ref, other taskEnd) bool { return end.told.Sub(other.told) > earlyFor })
		p.early[task] = end
		return op, false
	}
	p.drop(task, op)
	return op, true
}

// lost returns what a task was for that can no longer be read.
func (p *pendingTasks) lost(task vsphere.Ref) (pendingTask, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	op, ok := p.byTask[task]
	p.drop(task, op)
	return op, ok
}

func (p *pendingTasks) drop(task vsphere.Ref, op pendingTask) {
	delete(p.byTask, task)
	if p.victims[op.vm] == task {
		delete(p.victims, op.vm)
	}
}

// unlisted forgets tasks that are watched no more: those whose end was nobody's, and those that the tracker has given up,
// whose end nobody will tell.
func (p *pendingTasks) unlisted(tasks []types.ManagedObjectReference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, task := range tasks {
		ref := vsphere.Ref(task.Value)
		delete(p.early, ref)
		p.drop(ref, p.byTask[ref])
	}
}

// destroying tells whether a task of ours destroys a VM.
func (p *pendingTasks) destroying(vm vsphere.Ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.victims[vm] != ""
}

// reset forgets all: another vCenter answers.
func (p *pendingTasks) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.byTask)
	clear(p.victims)
	clear(p.clones)
	clear(p.early)
}

func (p *pendingTasks) begin(id operations.ID, folder vsphere.Ref) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clones[id] = folder
}

func (p *pendingTasks) end(id operations.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.clones, id)
}

func (p *pendingTasks) folderOf(id operations.ID) vsphere.Ref {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clones[id]
}

// taskList is the list view of the tasks in flight. It is changed in batches: vCenter (and still more its simulator)
// answers each change by looking at the whole list.
type taskList struct {
	calls  sync.Mutex // held over a call, so that changes stay in order
	mu     sync.Mutex
	listed map[vsphere.Ref]bool
	// told is what the collector has said of each: it may tell a task's state and its result one after the other.
	told map[vsphere.Ref]properties
	kick chan struct{}
}

func (l *taskList) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.listed)
}

// wake has the list brought up to date soon.
func (l *taskList) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

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
			case <-c.v.cfg.Clock.After(choreRetry):
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
	want, add, remove := c.tasks.changes(c.v.tracker.Tasks())
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
	c.v.pending.unlisted(remove)
	c.tasks.mu.Lock()
	defer c.tasks.mu.Unlock()
	c.tasks.listed = want
	maps.DeleteFunc(c.tasks.told, func(task vsphere.Ref, _ properties) bool { return !want[task] })
	return nil
}

// changes compares the list with the tasks that are to be watched.
func (l *taskList) changes(tasks []vsphere.Ref) (want map[vsphere.Ref]bool, add, remove []types.ManagedObjectReference) {
	l.mu.Lock()
	defer l.mu.Unlock()
	want = make(map[vsphere.Ref]bool, len(tasks))
	for _, task := range tasks {
		want[task] = true
		if !l.listed[task] {
			add = append(add, taskRef(task))
		}
	}
	for task := range l.listed {
		if !want[task] {
			remove = append(remove, taskRef(task))
		}
	}
	return want, add, remove
}

func taskRef(ref vsphere.Ref) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "Task", Value: string(ref)}
}

// taskLost handles a task that can no longer be read: what it did is found out by looking.
func (c *connection) taskLost(task vsphere.Ref) {
	op, known := c.v.pending.lost(task)
	c.v.tracker.Lost(task)
	if known && op.vm != "" {
		c.chores.wantVerified(op.vm)
	}
	c.chores.wake()
}

// applyTask takes over what the collector says of a task. It may say it again after every change of the list.
func (c *connection) applyTask(u types.ObjectUpdate, t *touched) {
	task := vsphere.Ref(u.Obj.Value)
	if u.Kind == types.ObjectUpdateKindLeave {
		c.taskLost(task) // which means nothing if it has ended
		return
	}
	props := c.tasks.tell(task, u)
	switch types.TaskInfoState(props.text(propTaskState)) {
	case types.TaskInfoStateSuccess:
		c.taskEnded(task, taskEnd{result: props.ref(propTaskResult), told: c.v.cfg.Clock.Now()}, t)
	case types.TaskInfoStateError:
		fault, _ := props[propTaskError].(types.LocalizedMethodFault)
		c.taskEnded(task, taskEnd{fault: &fault, told: c.v.cfg.Clock.Now()}, t)
	default: // it goes on
	}
}

// tell returns what is known of a task now, in a copy.
func (l *taskList) tell(task vsphere.Ref, u types.ObjectUpdate) properties {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[task] == nil || u.Kind == types.ObjectUpdateKindEnter {
		l.told[task] = properties{}
	}
	l.told[task].apply(u.ChangeSet)
	return maps.Clone(l.told[task])
}

// toldEnd tells whether a task in the list is known to have ended.
func (l *taskList) toldEnd(task vsphere.Ref) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return hasEnded(l.told[task])
}

// hasEnded tells whether a task has, by its properties.
func hasEnded(task properties) bool {
	state := types.TaskInfoState(task.text(propTaskState))
	return state == types.TaskInfoStateSuccess || state == types.TaskInfoStateError
}

// taskEnded records the end of a task and what is proven by it.
func (c *connection) taskEnded(task vsphere.Ref, end taskEnd, t *touched) {
	op, known := c.v.pending.take(task, end)
	if !known {
		// A stray, or told twice, or one whose submission is just being recorded and takes its end from there: the tracker
		// must not take this for the end of an operation.
		c.v.tracker.CloneTaskEnded(task)
		return
	}
	c.taskOfOursEnded(task, op, end, t)
}

func (c *connection) taskOfOursEnded(task vsphere.Ref, op pendingTask, end taskEnd, t *touched) {
	op.logEnd(task, end)
	kind := op.info()
	if kind.Ends == vsphere.ByObservation && end.fault == nil && end.result == "" {
		c.v.tracker.Lost(task) // it succeeded, and does not say with which VM: looked for by name
		c.chores.wake()
		return
	}
	if end.fault != nil {
		if err := c.v.taskFailure(op, *end.fault); err != nil {
			if op.kind.Makes() && err.Class == vsphere.ClassUnknown {
				c.v.tracker.Ended(task, "", err)
				c.chores.wake() // looked for by name
				return
			}
			c.v.pending.end(op.id)
			c.v.tracker.Ended(task, "", err)
			c.lookAfter(op, *end.fault)
			return
		}
	}
	c.v.pending.end(op.id)
	if kind.Power != "" {
		c.v.inv.setPower(op.vm, kind.Power, c.v.cfg.Clock.Now(), t)
		c.chores.wake()
	}
	if kind.Effect == vsphere.Removes {
		c.v.gone(op.vm, t)
		c.v.inv.byOurHand(op.vm)
	}
	c.v.tracker.Ended(task, end.result, nil)
	if vm, _, ok := c.v.inv.get(end.result); ok && c.v.inv.isSeen(vm) {
		t.seen = append(t.seen, vm) // it was in the view before its task had ended
	}
}

// lookAfter looks at what a failed task was about: the VM that would not go, or the one that has the name already.
func (c *connection) lookAfter(op pendingTask, fault types.LocalizedMethodFault) {
	if op.vm != "" {
		if _, from, ok := c.v.inv.get(op.vm); ok && from == 0 {
			c.chores.wantVerified(op.vm)
		}
	}
	if f, ok := fault.Fault.(*types.DuplicateName); ok && f.Object.Type == "VirtualMachine" {
		c.chores.wantVerified(vsphere.Ref(f.Object.Value))
	}
}

// submitted records the task that vCenter has made of an operation, and has it watched.
func (c *connection) submitted(ctx context.Context, op pendingTask, task types.ManagedObjectReference) {
	ref := vsphere.Ref(task.Value)
	op.logger = klog.FromContext(ctx)
	op.logger.V(2).Info("Task submitted", "task", ref, "kind", op.kind, "vm", op.name)
	c.v.tracker.Submitted(op.id, ref) // with no lock held: it notifies
	end, ended := c.v.pending.submitted(ref, op)
	switch {
	case ended:
		var t touched
		if op, known := c.v.pending.take(ref, end); known {
			c.taskOfOursEnded(ref, op, end, &t)
		}
		c.v.settle(&t)
	case !c.v.tracker.Watches(ref):
		c.v.pending.lost(ref) // it could not be read in between: nobody will tell its end
	}
	c.tasks.wake()
}

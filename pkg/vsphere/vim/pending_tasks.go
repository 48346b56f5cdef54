package vim

import (
	"maps"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// earlyFor is how long the end of a task that is nobody's is kept: longer than an answer to its submission may take, and than
// it takes to look for the task of a clone whose answer was lost.
const earlyFor = 10 * time.Minute

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

func newPendingTasks() *pendingTasks {
	return &pendingTasks{
		byTask:  map[vsphere.Ref]pendingTask{},
		victims: map[vsphere.Ref]vsphere.Ref{},
		clones:  map[operations.ID]vsphere.Ref{},
		early:   map[vsphere.Ref]taskEnd{},
	}
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

// destroying reports whether a task of ours destroys a VM.
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

// logEnd tells of the end of a task in the words of the sync that submitted it.
func (op pendingTask) logEnd(task vsphere.Ref, end taskEnd) {
	if end.fault == nil {
		op.logger.V(2).Info("Task succeeded", "task", task, "kind", op.kind, "vm", op.name)
		return
	}
	fault := unnamedFault
	if end.fault.Fault != nil {
		fault = faultName(end.fault.Fault)
	}
	op.logger.V(2).Info("Task failed", "task", task, "kind", op.kind, "vm", op.name, "fault", fault)
}

package sim

import (
	"fmt"
	"log"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// tasks is the running tasks of ours that can be cancelled.
type tasks struct {
	next    atomic.Int64
	mu      sync.Mutex
	hurry   chan struct{} // closed when those that wait for their time shall wait no longer; nil if none waits
	cancels map[types.ManagedObjectReference]func()
}

// work is what a task does. It may stop early, with RequestCanceled, once cancelled is closed.
type work func(ctx *simulator.Context, cancelled <-chan struct{}) (types.AnyType, types.BaseMethodFault)

// startTask runs work as a task on entity and returns the task without waiting. The stock simulator holds the entity's
// lock while a task runs, so that tasks of one template wait for each other, and even submitting one blocks; ours holds
// no lock. A panic in the work becomes the task's error.
func (s *Simulator) startTask(ctx *simulator.Context, entity mo.Entity, name string, run work) types.ManagedObjectReference {
	return s.launch(ctx, s.newTask(ctx, entity, name), run)
}

// ownTask is a task of ours, and who else is told when its work starts and when it has ended, before the task says so.
type ownTask struct {
	*simulator.Task
	running func()
	ended   func(types.AnyType, types.BaseMethodFault)
}

// newTask makes a task that nobody can see yet.
func (s *Simulator) newTask(ctx *simulator.Context, entity mo.Entity, name string) *ownTask {
	task := simulator.CreateTask(entity, name, nil)
	task.Self = types.ManagedObjectReference{Type: "Task", Value: fmt.Sprintf("task-x%d", s.tasks.next.Add(1))}
	task.Info.Key, task.Info.Task = task.Self.Value, task.Self
	task.Info.EntityName = entity.Entity().Name
	task.Info.Cancelable = true
	if ctx.Session != nil {
		task.Info.Reason = &types.TaskReasonUser{UserName: ctx.Session.UserName}
	}
	return &ownTask{Task: task, running: func() {}, ended: func(types.AnyType, types.BaseMethodFault) {}}
}

// launch publishes a task and runs its work.
func (s *Simulator) launch(ctx *simulator.Context, own *ownTask, run work) types.ManagedObjectReference {
	ctx = detach(ctx)
	task := own.Task
	cancelled := make(chan struct{})
	s.tasks.add(task.Self, sync.OnceFunc(func() { close(cancelled) }))
	ctx.Map.Put(task)
	go func() {
		defer s.tasks.remove(task.Self)
		own.running()
		ctx.Map.AtomicUpdate(ctx, task, []types.PropertyChange{
			{Name: "info.startTime", Val: time.Now()},
			{Name: "info.state", Val: types.TaskInfoStateRunning},
		})
		result, fault := contain(ctx, cancelled, run)
		own.ended(result, fault)
		finish(ctx, task, result, fault)
	}()
	return task.Self
}

func contain(ctx *simulator.Context, cancelled <-chan struct{}, run work) (result types.AnyType, fault types.BaseMethodFault) {
	defer func() {
		if p := recover(); p != nil {
			log.Printf("panic in a task: %v\n%s", p, debug.Stack())
			fault = &types.SystemError{Reason: fmt.Sprint(p)}
		}
	}()
	return run(ctx, cancelled)
}

func finish(ctx *simulator.Context, task *simulator.Task, result types.AnyType, fault types.BaseMethodFault) {
	state := types.TaskInfoStateSuccess
	var taskError any
	if fault != nil {
		state = types.TaskInfoStateError
		taskError = types.LocalizedMethodFault{Fault: fault, LocalizedMessage: reflect.TypeOf(fault).Elem().Name()}
	}
	ctx.Map.AtomicUpdate(ctx, task, []types.PropertyChange{
		{Name: "info.completeTime", Val: time.Now()},
		{Name: "info.state", Val: state},
		{Name: "info.result", Val: result},
		{Name: "info.error", Val: taskError},
	})
}

func (t *tasks) add(ref types.ManagedObjectReference, cancel func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancels == nil {
		t.cancels = make(map[types.ManagedObjectReference]func())
	}
	t.cancels[ref] = cancel
}

func (t *tasks) remove(ref types.ManagedObjectReference) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.cancels, ref)
}

func (t *tasks) cancel(ref types.ManagedObjectReference) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	cancel, ok := t.cancels[ref]
	if ok {
		cancel()
	}
	return ok
}

// cancelAll cancels every task of ours that runs.
func (t *tasks) cancelAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, cancel := range t.cancels {
		cancel()
	}
}

// hurryAll ends the waiting of every task of ours.
func (t *tasks) hurryAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hurry != nil {
		close(t.hurry)
		t.hurry = nil
	}
}

func (t *tasks) hurried() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hurry == nil {
		t.hurry = make(chan struct{})
	}
	return t.hurry
}

// cancelTask carries out Task.CancelTask. With the option, one of our tasks is really stopped if its work can still be;
// otherwise the stock simulator marks the task as cancelled and lets the work go on.
func (s *Simulator) cancelTask(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	if s.options.CancelEffective && s.tasks.cancel(m.This) {
		return &methods.CancelTaskBody{Res: new(types.CancelTaskResponse)}
	}
	return s.stock(ctx, m)
}

// waitTask waits for a task, ours or the stock simulator's, and returns its result. Task.Wait does not know ours, and
// looks but every 10 ms.
func waitTask(ctx *simulator.Context, ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	task := ctx.Map.Get(ref).(*simulator.Task)
	reader := detach(ctx) // the task itself may be running under ctx, and would share its lock
	for {
		var info types.TaskInfo
		reader.WithLock(task, func() { info = task.Info })
		switch info.State {
		case types.TaskInfoStateSuccess:
			return info.Result, nil
		case types.TaskInfoStateError:
			return nil, info.Error.Fault
		default: // queued or running
		}
		<-time.After(time.Millisecond)
	}
}

// failTask answers a call with a task that fails. A clone fails no sooner than it would have ended.
func (s *Simulator) failTask(ctx *simulator.Context, m *simulator.Method, fault types.BaseMethodFault) soap.HasFault {
	entity, ok := ctx.Map.Get(m.This).(mo.Entity)
	if !ok {
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	id := taskID(m.Name)
	task := s.newTask(ctx, entity, id)
	if clone, ok := m.Body.(*types.CloneVM_Task); ok {
		task.running, task.ended = s.track(ctx, task.Task, clone, nil)
	}
	ref := s.launch(ctx, task, func(_ *simulator.Context, cancelled <-chan struct{}) (types.AnyType, types.BaseMethodFault) {
		if id == "cloneVm" && !s.sleep(time.Duration(s.cloneDelay.Load()), cancelled) {
			return nil, &types.RequestCanceled{}
		}
		return nil, fault
	})
	return taskBody(m.Name, ref)
}

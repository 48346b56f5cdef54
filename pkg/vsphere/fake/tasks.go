package fake

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Task is a task that has not ended.
type Task struct {
	Ref   vsphere.Ref
	Kind  vsphere.OperationKind
	Group vsphere.GroupID
	Name  string      // of a clone
	VM    vsphere.Ref // of all others
}

type task struct {
	Task
	fails *vsphere.Error // if not nil: instead of run
	run   func() (vsphere.Ref, *vsphere.Error)
}

// Hold keeps tasks that are submitted from now on from ending, guests from shutting down, and clients from looking at what
// became of lost answers.
func (v *VCenter) Hold() {
	v.mu.Lock()
	defer v.unlock()
	v.held = true
}

// Release ends Hold, and all tasks in the order of their submission; then guests shut down that were asked to.
func (v *VCenter) Release() {
	v.mu.Lock()
	defer v.unlock()
	v.held = false
	v.settle()
}

// Running returns the tasks that have not ended, in the order of their submission.
func (v *VCenter) Running() []Task {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]Task, 0, len(v.tasks))
	for _, t := range v.tasks {
		out = append(out, t.Task)
	}
	return out
}

// EndTask ends one held task: as it would by itself, or with err if that is not nil. It does nothing for a task that has
// ended.
func (v *VCenter) EndTask(ref vsphere.Ref, err *vsphere.Error) {
	v.mu.Lock()
	defer v.unlock()
	i := slices.IndexFunc(v.tasks, func(t *task) bool { return t.Ref == ref })
	if i < 0 {
		return
	}
	t := v.tasks[i]
	if err != nil {
		t.fails = err
	}
	v.tasks = slices.Delete(v.tasks, i, i+1)
	v.end(t)
}

// Tick lets deadlines pass: as the real adapter does every few seconds, each client cancels what is overdue, gives up places
// in the budget that nobody has taken, and repeats a sweep that has failed.
func (v *VCenter) Tick() {
	v.mu.Lock()
	defer v.unlock()
	for _, c := range v.clients {
		for _, p := range c.tracker.Overdue() {
			if c.ready() == nil {
				v.cancel(c, p.Group, p.Operation)
			}
		}
		c.answerAll()
	}
}

// settle ends all tasks and has guests leave, unless they are held.
func (v *VCenter) settle() {
	if v.held {
		return
	}
	tasks := v.tasks
	v.tasks = nil
	for _, t := range tasks {
		v.end(t)
	}
	v.guestsLeave()
	for _, c := range v.clients {
		c.look()
	}
}

func (v *VCenter) end(t *task) {
	var vm vsphere.Ref
	err := t.fails
	if err == nil {
		vm, err = t.run()
	}
	for _, c := range v.clients {
		c.tracker.Ended(t.Ref, vm, err)
	}
	if m := v.machines[vm]; m != nil {
		for _, c := range v.clients {
			if d := c.disks[vm]; d != nil && d.answered && c.ready() == nil {
				c.readDisk(m)
			}
		}
		v.changed(m)
	}
}

// changed tells all clients of a VM that was made, or is not as it was.
func (v *VCenter) changed(m *machine) {
	for _, c := range v.clients {
		c.observe(m)
	}
}

// remove deletes a VM and tells all clients.
func (v *VCenter) remove(m *machine) {
	delete(v.machines, m.Ref)
	for _, c := range v.clients {
		c.lose(m)
	}
	v.templatesChanged()
}

// cancel records a request to cancel. It is a hint, and has no effect here: a test ends the task as it likes.
func (v *VCenter) cancel(c *Client, g vsphere.GroupID, op vsphere.Operation) {
	v.calls = append(v.calls, Call{Method: Cancel, Owner: c.cfg.Owner, Group: g, Name: op.Name, Ref: op.VM, Task: op.Task})
}

package operations

import (
	"fmt"
	"maps"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Stray records a clone task that may be ours and belongs to no known operation. It counts until it ends, or for
// CloneTimeout.
func (t *Tracker) Stray(task vsphere.Ref) {
	defer t.wake(t.lock())
	if _, known := t.strays[task]; !known && t.byTask[task] == nil {
		t.strays[task] = t.cfg.Clock.Now().Add(t.cfg.CloneTimeout)
	}
}

// StrayEnded records the end of a task that belongs to no known operation. It means nothing for any other.
func (t *Tracker) StrayEnded(task vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	t.endStray(task, woken)
}

// Echo records a clone task that has ended as cancelled, belongs to no known operation, and may be ours: vCenter was only
// asked to cancel it. It counts for LateFor.
func (t *Tracker) Echo(task vsphere.Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, counts := t.echoes[task]
	if _, over := t.echoed[task]; !counts && !over {
		t.echoes[task] = t.cfg.Clock.Now().Add(LateFor)
	}
}

// silence makes a cancelled task count no longer, also when it is found again.
func (t *Tracker) silence(task vsphere.Ref) {
	delete(t.echoes, task)
	t.echoed[task] = t.cfg.Clock.Now().Add(listedFor)
}

// listedFor is for how long a task that has ended is remembered. vCenter lists it for some minutes; found again after that, it
// would count once more for LateFor.
const listedFor = 30 * time.Minute

// LateFor is how long a request whose answer was lost may still be on its way, and the VM of a clone that was cancelled may
// still come, when nothing is to be seen of either.
const LateFor = time.Minute

// late is a request that may still be on its way.
type late struct {
	group vsphere.GroupID
	until time.Time
}

// Strays returns how many strays still count for a group: the tasks of nobody known, which may be anybody's, and its own
// requests that may still arrive.
func (t *Tracker) Strays(uid string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.strays) + len(t.echoes) + len(t.late[uid])
}

// arrived makes a request count no longer as late, and tells whether it did.
func (t *Tracker) arrived(uid, name string) (late, bool) {
	l, ok := t.late[uid][name]
	delete(t.late[uid], name)
	if len(t.late[uid]) == 0 {
		delete(t.late, uid)
	}
	return l, ok
}

// askAgain is after how long a clone that is overdue, and that vCenter would not cancel, is to be cancelled again.
const askAgain = 5 * time.Minute

// Overdue marks the clones that have passed their deadline and returns those that are to be cancelled. They go on counting
// as replicas until their task ends, but free their place in the budget. Other operations that are overdue are
// dropped as failures of unknown outcome: repeating them is harmless. It is to be called every few seconds.
func (t *Tracker) Overdue() []Pending {
	woken := t.lock()
	defer t.wake(woken)
	now := t.cfg.Clock.Now()
	var out []Pending
	for _, o := range t.ops {
		switch {
		case o.state == landed:
		case o.state == echoing:
			if now.After(o.until) {
				woken.add(o.group)
				t.drop(o)
			}
		case o.Kind == vsphere.OperationClone && now.Sub(o.Started) >= t.cfg.CloneTimeout:
			if !o.Overdue {
				o.Overdue = true
				t.release(o)
				woken.add(o.group)
			}
			if !o.Cancelled && now.Sub(o.asked) >= askAgain {
				o.asked = now
				out = append(out, Pending{ID: o.id, Group: o.group, Operation: o.Operation})
			}
		case o.Kind != vsphere.OperationClone && now.Sub(o.Started) >= OtherTimeout:
			woken.add(o.group)
			delete(t.byTask, o.Task)
			t.failed(o, &vsphere.Error{
				Class: vsphere.ClassUnknown, Reason: vsphere.ReasonOverdue,
				Message: fmt.Sprintf("%s has not ended within %s; looking again", o.Kind, OtherTimeout),
			})
			t.drop(o)
		}
	}
	for task, until := range t.strays {
		if now.After(until) {
			t.endStray(task, woken)
		}
	}
	for task, until := range t.echoes {
		if now.After(until) {
			t.silence(task)
			woken.all = true
		}
	}
	maps.DeleteFunc(t.echoed, func(_ vsphere.Ref, until time.Time) bool { return now.After(until) })
	for uid, names := range t.late {
		for name, l := range names {
			if now.After(l.until) {
				t.arrived(uid, name)
				woken.add(l.group)
			}
		}
	}
	return out
}

// endStray makes a stray count no longer. With the last one gone, whoever waits for that is woken.
func (t *Tracker) endStray(task vsphere.Ref, woken *wakes) {
	if _, ok := t.strays[task]; ok {
		delete(t.strays, task)
		woken.all = woken.all || len(t.strays) == 0
	}
}

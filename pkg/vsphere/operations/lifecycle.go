package operations

import (
	"fmt"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// state is where an operation is in its life, see the drawing in doc.go.
type state string

const (
	submitting state = "submitting" // the request is on its way
	running    state = "running"    // vCenter has a task for it
	unknown    state = "unknown"    // the answer, the task or the end was lost of what a look can settle: somebody is to look
	awaiting   state = "awaiting"   // its effect is to be seen: its VM is not in the view yet, or not as it is to be
	done       state = "done"
)

// transitions are those that there are.
var transitions = map[state][]state{
	submitting: {running, unknown, awaiting, done},
	running:    {unknown, awaiting, done},
	unknown:    {running, awaiting, done},
	awaiting:   {done},
}

type operation struct {
	vsphere.Operation
	id       ID
	group    vsphere.GroupID
	subject  subject
	resize   *vsphere.Resize // of a reconfiguration
	tells    bool            // it is a configuration; what it tells the guest is not kept
	class    string          // that its VM is of, as far as that is known
	takes    vsphere.Usage   // what the VM of a clone has
	grows    *vsphere.Resize // what its VM is to have, or is switched off for
	state    state
	asked    time.Time // when the adapter was last told to cancel it
	until    time.Time // how long its effect is awaited; zero: without end
	holds    bool      // a place in the budget
	measured bool      // the observer knows how it has ended
	// ignored is true once its VM or its group is gone: its failure and its success mean nothing any more.
	ignored bool
}

// subject is what an operation is about, for a group: the name of a VM that it makes, or a VM.
type subject struct {
	uid, name string
	vm        vsphere.Ref
}

func (o *operation) String() string {
	return fmt.Sprintf("%s of %s%s", o.Kind, o.subject.name, o.subject.vm)
}

// makes reports whether a VM may come of it: then it counts until that is settled.
func (o *operation) makes() bool { return o.Kind.Makes() }

// info is the row of its kind, which Begin has found.
func (o *operation) info() vsphere.KindInfo {
	info, _ := o.Kind.Info()
	return info
}

// yieldsTo reports whether an operation of another kind may begin while this one is under way: to switch a VM off is the hard
// way of what its guest was asked for.
func (o *operation) yieldsTo(kind vsphere.OperationKind) bool {
	return o.Kind == vsphere.OperationShutdown && o.state == awaiting && kind == vsphere.OperationPowerOff
}

// move takes an operation to another state. What the states hold:
//
//	            its task is watched   a place in the budget   its subject is busy
//	submitting                        x                       x
//	running     x                     x, unless overdue       x
//	unknown                           x, unless overdue       x
//	awaiting                                                  x, unless it is a clone whose VM is known
//	done
//
// A transition that is not drawn is a bug of this package: those who call it have looked at the state. Then move panics, before
// anything has changed. To go on would be to count a VM or a place wrongly, and a new process learns all from vCenter.
func (t *Tracker) move(o *operation, to state) {
	if !slices.Contains(transitions[o.state], to) {
		panic(fmt.Sprintf("operations: %s goes from %s to %s", o, o.state, to))
	}
	if o.state == running {
		delete(t.byTask, o.Task)
	}
	switch o.state = to; to {
	case submitting: // where a life begins
	case running:
		t.byTask[o.Task], o.Unknown = o, false
	case unknown:
		o.Task, o.Unknown = "", true
	case awaiting:
		t.release(o)
		if o.makes() && o.VM != "" {
			delete(t.busy, o.subject)
			t.byVM[o.VM] = append(t.byVM[o.VM], o)
		}
	case done:
		t.release(o)
		t.remove(o)
		t.endLimited(o)
	}
}

// add begins the life of an operation that has a place in the budget.
func (t *Tracker) add(o *operation) {
	t.ops[o.id], t.busy[o.subject] = o, o
	if t.byGroup[o.group.UID] == nil {
		t.byGroup[o.group.UID] = NewSorted(compareOperations)
	}
	t.byGroup[o.group.UID].Put(o)
	if o.VM != "" {
		t.byVM[o.VM] = append(t.byVM[o.VM], o)
	}
}

// remove takes an operation out of the indexes.
func (t *Tracker) remove(o *operation) {
	delete(t.ops, o.id)
	group := t.byGroup[o.group.UID]
	if group.Remove(o); group.Len() == 0 {
		delete(t.byGroup, o.group.UID)
	}
	others := slices.DeleteFunc(t.byVM[o.VM], func(other *operation) bool { return other == o })
	if t.byVM[o.VM] = others; len(others) == 0 {
		delete(t.byVM, o.VM)
	}
	if t.busy[o.subject] != o {
		return
	}
	delete(t.busy, o.subject)
	for _, other := range others {
		if other.subject == o.subject { // it would have yielded to o
			t.busy[o.subject] = other
		}
	}
}

// release gives a place in the budget back, once.
func (t *Tracker) release(o *operation) {
	if o.holds {
		o.holds = false
		t.budgets[o.info().Budget].inUse--
	}
}

// in returns an operation if it is in one of the states. Whoever speaks of it may be late: a connection that was lost may
// still be looking for a clone that the next one has found.
func (t *Tracker) in(id ID, states ...state) *operation {
	if o := t.ops[id]; o != nil && slices.Contains(states, o.state) {
		return o
	}
	return nil
}

package operations

import (
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// ShownWithin is how long after the end of its task an operation waits for its VM to be seen as it is to be. If that does not
// come, somebody else has changed the VM again, and whoever wants it otherwise has to ask anew.
const ShownWithin = time.Minute

// Accepted records that vCenter has taken an operation that has no task. It gives its place in the budget back, and is under
// way until its VM is Observed to be as it is to be, or Gone, or until it is overdue.
func (t *Tracker) Accepted(id ID) {
	defer t.wake(t.lock())
	if o := t.in(id, submitting); o != nil {
		t.accept(o)
	}
}

func (t *Tracker) accept(o *operation) {
	o.until = o.Started.Add(t.timeout(o.info().Deadline))
	t.move(o, awaiting)
}

// supersede ends what has yielded to an operation that vCenter has taken.
func (t *Tracker) supersede(by *operation) {
	for _, o := range slices.Clone(t.byVM[by.VM]) {
		if o.subject == by.subject && o.yieldsTo(by.Kind) {
			t.ended(o, vsphere.ClassConflict)
			t.move(o, done)
		}
	}
}

// Observed records what is known of a VM by now. It ends the operations that end by observation, in order:
//
//  1. an operation that makes a VM (see Seen), that ends by its task, or that is still being submitted: not at all. The adapter
//     calls again when the submission is recorded
//  2. whose the VM is cannot be told: not at all
//  3. it is not the group's any more: done, unless a task runs, which will tell
//  4. it is off, and so it is to be, while another operation switches it off: done, and not as a success. The guest's time was over
//  5. it is as it is to be: done, as a success, whether or not its task has ended
func (t *Tracker) Observed(vm vsphere.VM) {
	if !t.concerns(vm.Ref) {
		return
	}
	woken := t.lock()
	defer t.wake(woken)
	for _, o := range slices.Clone(t.byVM[vm.Ref]) {
		if t.endedBy(o, vm) {
			woken.add(o.group)
			t.move(o, done)
		}
	}
}

// concerns reports whether there are operations on a VM. Most VMs that are observed have none.
func (t *Tracker) concerns(vm vsphere.Ref) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byVM[vm]) > 0
}

// endedBy applies the rules of Observed to one operation.
func (t *Tracker) endedBy(o *operation, vm vsphere.VM) bool {
	if o.makes() || o.info().Ends != vsphere.ByObservation || o.state == submitting {
		return false
	}
	switch identity := vsphere.Identify(t.cfg.Owner, o.group.UID, vm); {
	case identity == vsphere.Incomplete:
		return false
	case identity != vsphere.Ours:
		if o.state == running {
			return false
		}
		t.ended(o, vsphere.ClassConflict)
		return true
	case !o.shownBy(vm):
		return false
	case t.yielded(o):
		t.ended(o, vsphere.ClassConflict)
		return true
	default:
		t.succeeded(o)
		return true
	}
}

// yielded reports whether an operation that this one yields to has begun. Its effect may be seen before vCenter's answer is read.
func (t *Tracker) yielded(o *operation) bool {
	return slices.ContainsFunc(t.byVM[o.VM], func(other *operation) bool {
		return other != o && other.subject == o.subject && o.yieldsTo(other.Kind)
	})
}

// shownBy reports whether a VM is as the operation is to leave it.
func (o *operation) shownBy(vm vsphere.VM) bool {
	switch {
	case o.resize != nil:
		return o.resize.ShownBy(vm)
	case o.tells:
		return vm.Stamp.Guest != vsphere.GuestPending
	}
	return o.info().Power == vm.Power
}

package operations

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Submitted records the task that vCenter has made of an operation.
func (t *Tracker) Submitted(id ID, task vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	if o := t.in(id, submitting, unknown); o != nil {
		o.Task = task
		t.move(o, running)
		t.supersede(o)
		t.endFound(task, woken)
	}
}

// Refused records that an operation was not taken. One whose answer was lost (ClassUnknown) may have been:
//
//  1. a clone goes on counting, marked so, until somebody has looked
//  2. what has no task counts as accepted: nobody could tell the difference by looking, and the time that it has is the same
//  3. a reconfiguration is a failure, so that the next attempt waits, and is under way, marked so, until somebody has looked
//  4. of all others it is a failure: repeating them is harmless
func (t *Tracker) Refused(id ID, err *vsphere.Error) {
	defer t.wake(t.lock())
	o, lost := t.in(id, submitting), err.Class == vsphere.ClassUnknown
	switch {
	case o == nil:
	case lost && o.makes():
		t.move(o, unknown)
	case lost && !o.info().HasTask():
		t.accept(o)
	case lost && o.info().Ends == vsphere.ByObservation:
		t.failed(o, err)
		t.move(o, unknown)
	default:
		t.failed(o, err)
		t.move(o, done)
	}
}

// Withdraw gives back the place of an operation that is not submitted after all: the adapter has looked first, and it must
// not be (err), or there is nothing to be done or nobody to be asked (nil). It is no operation that has ended, so that
// nothing is measured.
func (t *Tracker) Withdraw(id ID, err *vsphere.Error) {
	defer t.wake(t.lock())
	o := t.in(id, submitting)
	if o == nil {
		return
	}
	if err != nil && !o.ignored {
		t.fail(o, err)
	}
	t.move(o, done)
}

// AlreadyDone records that what was asked for is so already: vCenter has made no task of it.
func (t *Tracker) AlreadyDone(id ID) {
	woken := t.lock()
	defer t.wake(woken)
	if o := t.in(id, submitting); o != nil {
		woken.add(o.group)
		t.ended(o, "")
		t.move(o, done)
	}
}

// Lost records that a task can no longer be read: its outcome is unknown.
func (t *Tracker) Lost(task vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	t.endFound(task, woken)
	o := t.byTask[task]
	if o == nil {
		return
	}
	woken.add(o.group)
	if o.makes() {
		t.move(o, unknown)
		return
	}
	t.failed(o, &vsphere.Error{
		Class: vsphere.ClassUnknown, Reason: vsphere.ReasonTaskLost,
		Message: fmt.Sprintf("the task of %s can no longer be read; looking again", o.Kind),
	})
	if o.info().Ends == vsphere.ByObservation {
		t.move(o, unknown)
	} else {
		t.move(o, done)
	}
}

// Cancelled records that vCenter was asked to cancel a task. The operation goes on counting.
func (t *Tracker) Cancelled(task vsphere.Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.byTask[task]; o != nil {
		o.Cancelled = true
	}
}

// Ended records the end of a task. vm is the VM that a clone has made; such an operation goes on counting until Seen or
// Gone. What else ends by observation is under way until its VM is Observed to be as it is to be, or for ShownWithin. A clone
// that ended with ClassUnknown, as one that was cancelled does, has failed and goes on counting, until Resolved or NotFound:
// vCenter may make its VM all the same. It returns false for a task that nobody knows.
func (t *Tracker) Ended(task, vm vsphere.Ref, err *vsphere.Error) bool {
	woken := t.lock()
	defer t.wake(woken)
	if t.endFound(task, woken) {
		return true
	}
	o := t.byTask[task]
	if o == nil {
		return false
	}
	woken.add(o.group)
	switch {
	case err != nil && err.Class == vsphere.ClassUnknown && o.makes():
		t.failed(o, err)
		t.move(o, unknown)
		t.endCancelled(task, woken) // the operation counts, not the task
	case err != nil:
		t.failed(o, err)
		t.move(o, done)
	case o.makes() && vm != "":
		t.succeeded(o)
		o.VM = vm
		t.move(o, awaiting)
	case !o.makes() && o.info().Ends == vsphere.ByObservation:
		t.succeeded(o)
		o.until = t.cfg.Clock.Now().Add(ShownWithin)
		t.move(o, awaiting)
	default:
		t.succeeded(o)
		t.move(o, done)
	}
	return true
}

// Resolved records that somebody has looked: a clone of unknown outcome never started, the VM that was awaited is in the
// inventory, gone, or not ours any more, or a reconfiguration of unknown outcome does not show.
func (t *Tracker) Resolved(id ID) {
	woken := t.lock()
	defer t.wake(woken)
	if o := t.in(id, unknown, awaiting); o != nil {
		woken.add(o.group)
		t.ended(o, vsphere.ClassUnknown)
		t.move(o, done)
	}
}

// NotFound records that a look has shown nothing of a clone of unknown outcome. Until its VM is Seen, or for ArrivesWithin, it
// counts on: as an operation if it was cancelled, as vCenter has had it; otherwise among the clones to come, as its request
// may still be on its way.
func (t *Tracker) NotFound(id ID) {
	woken := t.lock()
	defer t.wake(woken)
	o := t.in(id, unknown)
	if o == nil {
		return
	}
	woken.add(o.group)
	t.ended(o, vsphere.ClassUnknown)
	until := t.cfg.Clock.Now().Add(ArrivesWithin)
	if o.Cancelled {
		o.until = until
		t.move(o, awaiting)
		return
	}
	t.toCome.put(cloneKey{uid: o.group.UID, name: o.Name}, cloneToCome{
		is: lost, group: o.group, class: o.class, takes: o.takes, until: until,
	})
	t.move(o, done)
}

// Seen records that a VM is in the inventory, with name and configuration.
func (t *Tracker) Seen(uid string, vm vsphere.Ref, name string) {
	woken := t.lock()
	defer t.wake(woken)
	for _, o := range slices.Clone(t.byVM[vm]) {
		if o.makes() && o.state == awaiting && o.group.UID == uid {
			woken.add(o.group)
			t.move(o, done)
		}
	}
	if o := t.busy[subject{uid: uid, name: name}]; o != nil && o.state == awaiting {
		woken.add(o.group)
		t.move(o, done)
	}
	t.clearFailure(uid, failureKey{kind: vsphere.OperationClone, target: name})
	t.endLost(uid, name, woken)
}

// Gone records that a VM is proven gone. What is still under way for it goes on counting, but its failure is of no
// interest any more.
func (t *Tracker) Gone(vm vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	for _, o := range slices.Clone(t.byVM[vm]) {
		if o.state == awaiting {
			woken.add(o.group)
			t.ended(o, vsphere.ClassConflict)
			t.move(o, done)
		} else {
			o.ignored = true
		}
	}
	t.breakPromise(vm)
	for uid := range t.powerOns {
		t.forgetPowerOn(uid, vm)
	}
	for uid, failures := range t.failures {
		for _, key := range failures.of(vm) {
			t.clearFailure(uid, key)
		}
	}
}

package operations

import (
	"fmt"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// askAgain is after how long a clone that is overdue, and that vCenter would not cancel, is to be cancelled again.
const askAgain = 5 * time.Minute

// Overdue marks the clones that have passed their deadline and returns those that are to be cancelled. They go on counting
// as replicas until their task ends, but free their place in the budget. Other operations that are overdue are done, as
// failures of unknown outcome: repeating them is harmless. Those whose effect was awaited in vain are done too, and that is no
// failure. It is to be called every few seconds.
func (t *Tracker) Overdue() []Pending {
	woken := t.lock()
	defer t.wake(woken)
	now := t.cfg.Clock.Now()
	var cancel []Pending
	for _, o := range t.ops {
		switch {
		case o.state == awaiting:
			if !o.until.IsZero() && now.After(o.until) {
				woken.add(o.group)
				t.ended(o, vsphere.ClassUnknown)
				t.move(o, done)
			}
		case now.Sub(o.Started) < t.timeout(o.info().Deadline):
		case !o.makes():
			t.giveUp(o, woken)
		default:
			if t.overdue(o, now, woken) {
				cancel = append(cancel, pending(o))
			}
		}
	}
	t.expireClones(now, woken)
	t.expirePromises(now)
	return cancel
}

func (t *Tracker) timeout(d vsphere.Deadline) time.Duration {
	switch d {
	case vsphere.DeadlineClone:
		return t.cfg.CloneTimeout
	case vsphere.DeadlineGuest:
		return GuestTimeout
	default:
		return ShortTimeout
	}
}

// giveUp ends an operation that is overdue.
func (t *Tracker) giveUp(o *operation, woken *wakes) {
	woken.add(o.group)
	t.failed(o, &vsphere.Error{
		Class: vsphere.ClassUnknown, Reason: vsphere.ReasonOverdue,
		Message: fmt.Sprintf("%s has not ended within %s; looking again", o.Kind, t.timeout(o.info().Deadline)),
	})
	t.move(o, done)
}

// overdue marks a clone, and reports whether it is time to cancel it.
func (t *Tracker) overdue(o *operation, now time.Time, woken *wakes) bool {
	if !o.Overdue {
		o.Overdue = true
		t.release(o)
		woken.add(o.group)
	}
	if o.Cancelled || now.Sub(o.asked) < askAgain {
		return false
	}
	o.asked = now
	return true
}

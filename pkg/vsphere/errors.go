package vsphere

import (
	"errors"
	"time"
)

// Class says what kind of trouble an error is, and so what is done about it. Errors get their class where they are born;
// pkg/controller acts on it in one switch.
type Class string

// Classes of errors.
const (
	// ClassTransient goes away by itself: busy objects, 5xx, and whatever nobody has classified.
	ClassTransient Class = "Transient"
	// ClassConflict means that the world is not as it was read: look again soon, quietly.
	ClassConflict Class = "Conflict"
	// ClassInvalid needs a human: a template that is absent, a value that is refused, a privilege that is missing.
	ClassInvalid Class = "Invalid"
	// ClassExhausted means that vCenter has run out of something.
	ClassExhausted Class = "Exhausted"
	// ClassUnavailable means that vCenter cannot be asked or told anything now. The session loop wakes all groups when
	// it can.
	ClassUnavailable Class = "Unavailable"
	// ClassUnknown means that a request may or may not have had its effect: look before the next write.
	ClassUnknown Class = "UnknownOutcome"
)

// Error is the only error type that crosses the port. It wraps the client's own error.
type Error struct {
	Class Class
	// Reason is a CamelCase word that fits a condition's reason: a constant of the API package, or of this one for what no
	// condition shows.
	Reason string
	// Message is a full sentence for people, without credentials: what failed on which object, and what to do.
	Message string
	// Fault is the name of vCenter's fault, if there was one.
	Fault string
	Err   error
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the client's error.
func (e *Error) Unwrap() error { return e.Err }

// ReasonWriteForbidden is the reason of the error with which a guard's refusal is returned. It says something of this
// process, and nothing of vCenter.
const ReasonWriteForbidden = "WriteForbidden"

// Reasons by which one conflict over a clone is told from another.
const (
	// ReasonNameTaken is about the name: vCenter has a VM of it, or is about to. Another name may do.
	ReasonNameTaken = "NameTaken"
	// ReasonUnderWay is about the name too: the same is under way already.
	ReasonUnderWay = "AlreadyUnderWay"
	// ReasonTemplateChanged is about the template: it is no more what it was looked up as. The next look-up knows better.
	ReasonTemplateChanged = "TemplateChanged"
)

// Reasons of failures after which a VM needs something else than what was asked for. Their class is ClassConflict and not
// ClassInvalid: no human has to act, and what comes instead must not wait for minutes.
const (
	// ReasonToolsUnavailable: nobody in the guest could be asked to shut it down. What remains is a hard power-off.
	ReasonToolsUnavailable = "ToolsUnavailable"
	// ReasonNotHotPluggable: vCenter does not change this VM's size while the VM is on. It does once the VM is off.
	ReasonNotHotPluggable = "NotHotPluggable"
	// ReasonNotCustomized: vCenter is not about to customize the guest, though the clone request asked for it. What remains is to make
	// the VM anew.
	ReasonNotCustomized = "NotCustomized"
)

// Reasons of the errors that tests and logs tell apart, and that no condition shows.
const (
	// ReasonBusy: the object is in use, and will not be for long.
	ReasonBusy = "Busy"
	// ReasonGone: the object is not there any more.
	ReasonGone = "Gone"
	// ReasonPoweredOn: a VM that is to be destroyed is not switched off.
	ReasonPoweredOn = "PoweredOn"
	// ReasonChangedMeanwhile: somebody else has changed the object since it was read.
	ReasonChangedMeanwhile = "ChangedMeanwhile"
	// ReasonWaitingForBudget: as many operations of that kind as allowed are under way.
	ReasonWaitingForBudget = "WaitingForBudget"
	// ReasonWaitingForClones: clones are under way of which nobody knows whose they are, and what their VMs will have.
	ReasonWaitingForClones = "WaitingForClones"
	// ReasonPending: the answer to a request has not come yet.
	ReasonPending = "Pending"
	// ReasonOverdue: an operation has passed its deadline.
	ReasonOverdue = "Overdue"
	// ReasonUnknownKind: nobody knows how to start an operation of that kind.
	ReasonUnknownKind = "UnknownKind"
	// ReasonTaskLost: the task of an operation can no longer be read.
	ReasonTaskLost = "TaskLost"
)

// ConcernsName reports whether an error is about the name of one VM, and so says nothing of others. A conflict of any other
// kind (a template, a pool, a folder that is gone) is no name in use.
func ConcernsName(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Class == ClassConflict && (e.Reason == ReasonNameTaken || e.Reason == ReasonUnderWay)
}

// TemplateChanged reports whether an error says that the template has to be looked up again.
func TemplateChanged(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == ReasonTemplateChanged
}

// ErrNoBudget is returned by Start when as many operations of that kind as allowed are under way.
var ErrNoBudget error = &Error{
	Class:   ClassConflict,
	Reason:  ReasonWaitingForBudget,
	Message: "as many operations as allowed are under way; waiting for a turn",
}

// Errors returns the errors that Start has joined, one for each kind of request that failed.
func Errors(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// ErrPending says that the answer to a request is pending, see Interface. It is neither a failure nor an answer: the caller may
// conclude nothing from it.
var ErrPending error = &Error{
	Class:   ClassConflict,
	Reason:  ReasonPending,
	Message: "vCenter has not answered yet",
}

// ClassOf returns the class of err, or ClassTransient if it carries none. It is empty for nil.
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassTransient
}

// RetryDelay is how long to wait after the n-th consecutive failure of a class (n from 1), before jitter.
//
//   - Transient, UnknownOutcome: 1 s, doubling to 2 min
//   - Conflict: 5 s, doubling to 2 min (an object's own event comes sooner)
//   - Invalid: 5 min (a change of spec or inventory comes sooner)
//   - Exhausted: 1 min, doubling to 10 min
//   - Unavailable: 0, for nobody but the session loop retries
func RetryDelay(class Class, n int) time.Duration {
	switch class {
	case ClassConflict:
		return double(5*time.Second, 2*time.Minute, n)
	case ClassInvalid:
		return 5 * time.Minute
	case ClassExhausted:
		return double(time.Minute, 10*time.Minute, n)
	case ClassUnavailable:
		return 0
	default:
		return double(time.Second, 2*time.Minute, n)
	}
}

// StableAfter is how long a VM has to stay on for its next power-on to be the first of a new row.
const StableAfter = 10 * time.Minute

// PowerOnDelay is how long after the n-th power-on in a row (n from 1) the next one comes at the earliest, if the VM does
// not stay on: 10 s, doubling to 10 min.
func PowerOnDelay(n int) time.Duration { return double(10*time.Second, 10*time.Minute, n) }

func double(d, limit time.Duration, n int) time.Duration {
	for ; n > 1 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

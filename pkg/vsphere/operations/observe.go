package operations

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Observer measures operations.
type Observer interface {
	// Began is told of an operation that is about to be submitted, and how long its group has waited for its turn.
	Began(kind vsphere.OperationKind, waited time.Duration)
	// Ended is told once of each operation how long it took and how it failed; the class is empty for one that succeeded,
	// ClassUnknown for one whose answer or task was lost, or whose effect was awaited in vain, and ClassConflict for one that
	// another took the place of, or whose VM is gone or no more the group's.
	Ended(kind vsphere.OperationKind, took time.Duration, class vsphere.Class)
}

func (t *Tracker) began(kind vsphere.OperationKind, waited time.Duration) {
	if t.cfg.Observer != nil {
		t.cfg.Observer.Began(kind, waited)
	}
}

// ended tells how an operation has ended. What is found out of it later is not told again.
func (t *Tracker) ended(o *operation, class vsphere.Class) {
	if t.cfg.Observer != nil && !o.measured {
		t.cfg.Observer.Ended(o.Kind, t.cfg.Clock.Now().Sub(o.Started), class)
	}
	o.measured = true
}

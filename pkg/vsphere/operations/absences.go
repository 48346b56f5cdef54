package operations

import (
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// MassShare is how many percent of all VMs may leave the view within MassWithin before that is a mass disappearance.
	MassShare = 30
	// MassAtLeast keeps the loss of one VM of three from being one.
	MassAtLeast = 5
	// MassWithin is how close to each other they leave.
	MassWithin = time.Minute
)

// Absences recognises a mass disappearance: it is more likely that we have lost sight of VMs than that so many were
// destroyed at once. The rules:
//
//  1. A VM is absent once it has left the view, unless it goes by our own hand. It is so no longer when it is back, or
//     after MassWithin.
//  2. If MassAtLeast VMs are absent, and more than MassShare percent of all, and not all of those are proven gone, it is
//     a mass disappearance. Those that were proven gone within MassWithin count.
//  3. It lasts until each of them is proven gone or is back, however long that takes.
//
// It is not safe for concurrent use: it belongs to an inventory, and to its lock.
type Absences struct {
	clock   clock.PassiveClock
	absent  map[vsphere.Ref]absence
	current *vsphere.Disappearance
}

type absence struct {
	since  time.Time
	proven bool
}

// NewAbsences returns one that knows of none.
func NewAbsences(clock clock.PassiveClock) *Absences {
	return &Absences{clock: clock, absent: map[vsphere.Ref]absence{}}
}

// Left notes that a VM has left the view.
func (a *Absences) Left(vm vsphere.Ref) {
	if _, ok := a.absent[vm]; !ok {
		a.absent[vm] = absence{since: a.clock.Now()}
	}
}

// Gone notes that a VM is proven gone, whether or not it was seen to leave.
func (a *Absences) Gone(vm vsphere.Ref) {
	a.Left(vm)
	a.absent[vm] = absence{since: a.absent[vm].since, proven: true}
}

// Dismiss notes that a VM is in view, or goes by our own hand.
func (a *Absences) Dismiss(vm vsphere.Ref) { delete(a.absent, vm) }

// Reset forgets all: another vCenter answers.
func (a *Absences) Reset() {
	clear(a.absent)
	a.current = nil
}

// Assess applies the rules, and tells whether a mass disappearance has begun or ended. known is the number of all VMs of
// ours that are not proven gone. It is to be called after each change.
func (a *Absences) Assess(known int) (changed bool) {
	before := a.current != nil
	unproven := 0
	for vm, is := range a.absent {
		switch {
		case !before && a.clock.Since(is.since) >= MassWithin:
			delete(a.absent, vm)
		case !is.proven:
			unproven++
		}
	}
	d := vsphere.Disappearance{Missing: len(a.absent), Unproven: unproven, Of: known + len(a.absent) - unproven}
	mass := d.Missing >= MassAtLeast && d.Missing*100 > MassShare*d.Of
	switch {
	case unproven > 0 && (before || mass):
		a.current = &d
	case before:
		a.Reset()
	}
	return before != (a.current != nil)
}

// Current returns the mass disappearance that is being looked into, or nil.
func (a *Absences) Current() *vsphere.Disappearance {
	if a.current == nil {
		return nil
	}
	d := *a.current
	return &d
}

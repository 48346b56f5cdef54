package vspheresync

import (
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// delay returns how long the write of a status waits:
//
//  1. After a write that failed: not at all.
//  2. The first status of a group tells a second later that VMs are being made: often they are there by then, and one write
//     and one event say all. Until then the status is empty, which says nothing that is not true.
//  3. A guest that is ready by turns: until flapInterval after the last write.
//  4. Any other transition: not at all.
//  5. A group of which nothing is left often ends within moments after it has asked for a sweep: until lastMoment later.
//  6. Mere progress of a group that has operations under way: until a second after it was first made, for the end of an operation
//     says more.
//  7. Mere progress, in any case: see pace.
//
// What says no more than that work goes on, 2 and 5 to 7, then waits for its turn among all groups, see newTurns.
func (s *Syncer) delay(m *memory, in plan.Input, p plan.Plan, old, status v1alpha1.VmGroupStatus) time.Duration {
	switch {
	case m.unsure:
		return 0
	case flaps(old, status):
		return max(0, m.report.last.Add(flapInterval).Sub(in.Now))
	case transition(old, status) && !firstProgress(old, status):
		return 0
	}
	if delay := m.delay(in, p, old, status); delay > 0 {
		return delay
	}
	return m.report.turn(in.Now, s.turns)
}

// firstProgress reports whether the first status of a group says that VMs are being made.
func firstProgress(old, status v1alpha1.VmGroupStatus) bool {
	return old.Phase == "" && meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady).Reason == v1alpha1.ReasonScalingUp
}

// flapInterval is how often at most a group tells that its guests are ready by turns, whatever their number is.
const flapInterval = 10 * time.Second

// flaps reports whether a group only becomes ready, or ceases to be, by the signs of its guests.
func flaps(old, status v1alpha1.VmGroupStatus) bool {
	guests := func(s v1alpha1.VmGroupStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
		return c != nil && (c.Reason == v1alpha1.ReasonNotReady || c.Reason == v1alpha1.ReasonAllReplicasAvailable)
	}
	return old.ObservedGeneration == status.ObservedGeneration && old.Phase != status.Phase && guests(old) && guests(status)
}

// delay returns how long progress of this group waits, for reasons of its own.
func (m *memory) delay(in plan.Input, p plan.Plan, old, status v1alpha1.VmGroupStatus) time.Duration {
	switch {
	case firstProgress(old, status):
		return max(0, m.since.Add(firstInterval).Sub(in.Now))
	case p.Finishes():
		return max(m.sweepAt.Add(lastMoment).Sub(in.Now), m.report.wait(in.Now))
	case len(in.Snapshot.Operations)+len(p.Requests) > 0:
		return max(m.report.waitForMore(in.Now), m.report.wait(in.Now))
	default:
		return m.report.wait(in.Now)
	}
}

// newTurns returns what spaces the progress of all groups together. When a thousand groups have their VMs made at once, what is
// done leaves the API server room for what has ended. A few dozen groups do not wait for each other.
func newTurns() *rate.Limiter { return rate.NewLimiter(20, 50) }

// Mere progress is written after 1 s, and then at intervals that double to a minute: a group of thousands is as cheap to
// watch as one of three.
const (
	firstInterval = time.Second
	lastInterval  = time.Minute
	// lastMoment is how long a group of which nothing is left may take to go without a word of progress.
	lastMoment = 10 * time.Second
)

// pace spaces the writes of progress.
type pace struct {
	last     time.Time // of any write
	since    time.Time // when progress was made that is not written; zero: none was
	interval time.Duration
	turnAt   time.Time // when it is this group's turn, zero if it has not asked for one
}

// turn returns how long a write of progress waits for its turn among all groups. It keeps its turn until something is written.
func (p *pace) turn(now time.Time, turns *rate.Limiter) time.Duration {
	if p.turnAt.IsZero() {
		p.turnAt = now.Add(turns.ReserveN(now, 1).DelayFrom(now))
	}
	return max(0, p.turnAt.Sub(now))
}

// wait returns how long a write of progress has to wait.
func (p *pace) wait(now time.Time) time.Duration {
	if p.last.IsZero() {
		return 0
	}
	return max(0, p.last.Add(max(p.interval, firstInterval)).Sub(now))
}

// waitForMore returns how long progress waits for more of it, and notes when it was first seen.
func (p *pace) waitForMore(now time.Time) time.Duration {
	if p.since.IsZero() {
		p.since = now
	}
	return max(0, p.since.Add(firstInterval).Sub(now))
}

// wrote counts a write. A transition starts over.
func (p *pace) wrote(now time.Time, transition bool) {
	p.last, p.since, p.turnAt = now, time.Time{}, time.Time{}
	if transition {
		p.interval = firstInterval
		return
	}
	p.interval = min(2*max(p.interval, firstInterval), lastInterval)
}

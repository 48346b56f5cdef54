package vim

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// sweeps numbers and spaces the sweeps, and knows the groups that wait for one. The life cycle of a sweep:
//
//  1. pending: a group waits for the next sweep to begin. A sweep under way may have read that part of the datacenter already.
//  2. running: one at a time, in the connection's own goroutine. Groups that ask from now on wait for the one after it.
//  3. ended: all waiting groups are notified. If it has succeeded, those that waited for this sweep or an earlier one wait no
//     more.
//
// It outlives the connections, and so do the waiting groups: each connection begins with a sweep.
type sweeps struct {
	kick chan struct{}

	mu      sync.Mutex
	begun   int // number of the last sweep that has begun
	swept   int // number of the last that has succeeded
	err     *vsphere.Error
	waiting map[vsphere.GroupID]int // the sweep that each group waits for
	pace    sweepPace
}

func newSweeps() *sweeps {
	return &sweeps{kick: make(chan struct{}, 1), waiting: map[vsphere.GroupID]int{}}
}

// ask lets a group wait for a sweep that begins after the call, and returns its number.
func (s *sweeps) ask(g vsphere.GroupID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[g] = s.begun + 1
	select {
	case s.kick <- struct{}{}:
	default: // it is awake already
	}
	return s.waiting[g]
}

// forget drops a group that exists no more.
func (s *sweeps) forget(g vsphere.GroupID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, g)
}

// begin counts a sweep, which the caller is about to begin.
func (s *sweeps) begin() (number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	return s.begun
}

// end notes how a sweep has ended, and returns the groups to notify.
func (s *sweeps) end(number int, began, ended time.Time, err *vsphere.Error) []vsphere.GroupID {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := slices.Collect(maps.Keys(s.waiting))
	s.err = err
	s.pace.note(began, ended, err == nil)
	if err == nil {
		s.swept = number
		maps.DeleteFunc(s.waiting, func(_ vsphere.GroupID, awaited int) bool { return awaited <= number })
	}
	return groups
}

// last returns the number of the last sweep that has succeeded, and why a later one has failed.
func (s *sweeps) last() (number int, err *vsphere.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.swept, s.err
}

// due returns after how long the next sweep may begin, if a group waits for one.
func (s *sweeps) due(now time.Time) (after time.Duration, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pace.wait(now), len(s.waiting) > 0
}

const (
	// Sweeps that follow each other pause for sweepPauses times as long as the last one took, between minSweepPause and
	// maxSweepPause. A group that goes alone does not wait.
	sweepPauses   = 10
	minSweepPause = 100 * time.Millisecond
	maxSweepPause = 5 * time.Second
)

// sweepPace spaces sweeps by what they cost: a thousand groups that go within a minute cost a few sweeps of a large datacenter,
// and not one each. It goes by the real clock, as pause does.
type sweepPace struct {
	ended time.Time     // when the last sweep has ended
	pause time.Duration // before the next
}

// wait returns how long the next sweep has to wait. In doubt about the clock it is not longer than the pause.
func (p *sweepPace) wait(now time.Time) time.Duration {
	return min(p.pause, max(0, p.ended.Add(p.pause).Sub(now)))
}

// note counts a sweep. After one that has failed the pause doubles, from readRetry to readRetryMax.
func (p *sweepPace) note(began, ended time.Time, ok bool) {
	p.ended = ended
	if !ok {
		p.pause = min(max(2*p.pause, readRetry), readRetryMax)
		return
	}
	p.pause = min(max(sweepPauses*ended.Sub(began), minSweepPause), maxSweepPause)
}

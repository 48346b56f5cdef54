package vim

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"

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
	// Sweeps that are asked for one after the other are firstSweepPause apart, and then twice as long each time, up to
	// maxSweepPause. A group that goes alone does not wait.
	firstSweepPause = 100 * time.Millisecond
	maxSweepPause   = 5 * time.Second
	// sweepRest is the least time between sweeps that are far enough apart not to lengthen the pause.
	sweepRest = time.Second
)

// sweepPace spaces sweeps: a thousand groups that go within a minute cost a few sweeps, and not one each. It goes by the real
// clock, as pause does.
type sweepPace struct {
	ended time.Time     // when the last sweep has ended
	pause time.Duration // before the next
}

// wait returns how long the next sweep has to wait. In doubt about the clock it is not longer than the pause.
func (p *sweepPace) wait(now time.Time) time.Duration {
	return min(p.pause, max(0, p.ended.Add(p.pause).Sub(now)))
}

// note counts a sweep. In order:
//
//  1. it has failed: the pause doubles, from choreRetry to choreRetryMax
//  2. it began soon after the last one: the pause doubles, up to maxSweepPause
//  3. otherwise the pause halves, down to firstSweepPause
func (p *sweepPace) note(began, ended time.Time, ok bool) {
	soon := began.Sub(p.ended) < max(2*p.pause, sweepRest)
	p.ended = ended
	switch {
	case !ok:
		p.pause = min(max(2*p.pause, choreRetry), choreRetryMax)
	case soon:
		p.pause = min(2*p.pause, maxSweepPause)
	default:
		p.pause = max(firstSweepPause, min(p.pause/2, maxSweepPause))
	}
}

// Sweep asks for a sweep, and returns its number.
func (v *VCenter) Sweep(_ context.Context, g vsphere.GroupID) (int, error) {
	if _, err := v.synced(); err != nil {
		return 0, err
	}
	return v.sweeps.ask(g), nil
}

// sweepNext sweeps, and notifies the waiting groups.
func (c *connection) sweepNext(ctx context.Context) error {
	number, began := c.v.sweeps.begin(), time.Now()
	err := c.sweep(ctx)
	if err != nil && ctx.Err() != nil {
		return err // the next connection sweeps first of all
	}
	var failure *vsphere.Error
	if err != nil {
		failure = c.v.fail("Read the stamps of all VMs", err)
	}
	for _, g := range c.v.sweeps.end(number, began, time.Now(), failure) {
		c.v.cfg.Notifier.Notify(g)
	}
	return err
}

// resync reads everything at the period, and up to a tenth of it later; and it sweeps when a group waits for it.
func (c *connection) resync(ctx context.Context) {
	timer := c.nextResync()
	defer func() { timer.Stop() }()
	for {
		var sweep <-chan time.Time
		if after, wanted := c.v.sweeps.due(time.Now()); wanted {
			sweep = time.After(after)
		}
		due := false
		select {
		case <-timer.C():
			due = true
			timer = c.nextResync()
		case <-sweep:
		case <-c.v.sweeps.kick:
			continue
		case <-ctx.Done():
			return
		}
		err := c.sweepNext(ctx)
		if err == nil && due {
			err = c.reread(ctx)
		}
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Info("Resync failed, and is tried again", "err", err)
		}
	}
}

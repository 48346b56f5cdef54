package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// guestClock is the time that guests go by: the real one, or one that stands still until it is told to go on. It calls
// nobody while it holds its lock.
type guestClock struct {
	stopped bool
	started time.Time

	advancing sync.Mutex // held while a clock that stands still goes on

	mu     sync.Mutex
	now    time.Duration // of the one that stands still
	timers []*guestTimer // by due time, then by age
}

type guestTimer struct {
	due  time.Duration
	run  func(*guestTimer)
	real *time.Timer // nil if the clock stands still
}

// after calls run, once, when d has gone by. It never does so before it returns its timer.
func (c *guestClock) after(d time.Duration, run func(*guestTimer)) *guestTimer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &guestTimer{due: c.read() + d, run: run}
	later := slices.IndexFunc(c.timers, func(other *guestTimer) bool { return other.due > t.due })
	if later < 0 {
		later = len(c.timers)
	}
	c.timers = slices.Insert(c.timers, later, t)
	if !c.stopped {
		t.real = time.AfterFunc(d, func() {
			if c.stop(t) {
				t.run(t)
			}
		})
	}
	return t
}

// stop takes a timer back, if there is one, and reports whether it was still to come.
func (c *guestClock) stop(t *guestTimer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.timers, t)
	if i < 0 {
		return false
	}
	c.timers = slices.Delete(c.timers, i, i+1)
	if t.real != nil {
		t.real.Stop()
	}
	return true
}

// stopAll takes all timers back.
func (c *guestClock) stopAll() {
	c.mu.Lock()
	timers := slices.Clone(c.timers)
	c.mu.Unlock()
	for _, t := range timers {
		c.stop(t)
	}
}

// advance lets a clock that stands still go on, and whatever is due happen in its order.
func (c *guestClock) advance(d time.Duration) error {
	if !c.stopped || d < 0 {
		return fmt.Errorf("the clock of the guests cannot be advanced by %s", d)
	}
	c.advancing.Lock()
	defer c.advancing.Unlock()
	c.mu.Lock()
	until := c.now + d
	c.mu.Unlock()
	for t := c.next(until); t != nil; t = c.next(until) {
		t.run(t)
	}
	return nil
}

// next takes the first timer that is due and sets the clock to its time, or to the end if there is none.
func (c *guestClock) next(until time.Duration) *guestTimer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 || c.timers[0].due > until {
		c.now = until
		return nil
	}
	t := c.timers[0]
	c.timers = slices.Delete(c.timers, 0, 1)
	c.now = t.due
	return t
}

// read is the time. The caller holds the lock.
func (c *guestClock) read() time.Duration {
	if c.stopped {
		return c.now
	}
	return time.Since(c.started)
}

func (c *guestClock) describe() control.GuestClock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return control.GuestClock{Stopped: c.stopped, Now: c.read(), Timers: len(c.timers)}
}

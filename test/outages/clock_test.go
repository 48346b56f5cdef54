package outages

import (
	"time"

	"k8s.io/utils/clock"
)

// fastClock is a clock that runs some times faster than the real one.
type fastClock struct {
	clock.RealClock
	factor time.Duration
	start  time.Time
}

func newFastClock(factor int) *fastClock {
	return &fastClock{factor: time.Duration(factor), start: time.Now()}
}

func (c *fastClock) Now() time.Time { return c.start.Add(time.Since(c.start) * c.factor) }

func (c *fastClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (c *fastClock) After(d time.Duration) <-chan time.Time { return c.RealClock.After(d / c.factor) }

func (c *fastClock) NewTimer(d time.Duration) clock.Timer {
	return fastTimer{c.RealClock.NewTimer(d / c.factor), c.factor}
}

func (c *fastClock) Sleep(d time.Duration) { c.RealClock.Sleep(d / c.factor) }

func (c *fastClock) Tick(d time.Duration) <-chan time.Time {
	return c.RealClock.Tick(max(d/c.factor, 1))
}

func (c *fastClock) NewTicker(d time.Duration) clock.Ticker {
	return c.RealClock.NewTicker(max(d/c.factor, 1))
}

type fastTimer struct {
	clock.Timer
	factor time.Duration
}

func (t fastTimer) Reset(d time.Duration) bool { return t.Timer.Reset(d / t.factor) }

// Package fastclock is a clock that runs a number of times faster than real time, so that a test lives through backoffs
// and resyncs of minutes in seconds.
package fastclock

import (
	"time"

	"k8s.io/utils/clock"
)

// Clock is a clock that starts now and runs Factor times faster than time does. It may be used concurrently.
type Clock struct {
	factor time.Duration
	start  time.Time
}

var _ clock.WithTicker = (*Clock)(nil)

// New returns a clock that runs factor times faster than time does.
func New(factor int) *Clock {
	return &Clock{factor: time.Duration(factor), start: time.Now()}
}

// real is how long d lasts. It is never 0: a ticker could not bear that.
func (c *Clock) real(d time.Duration) time.Duration { return max(d/c.factor, time.Microsecond) }

// Now implements clock.PassiveClock.
func (c *Clock) Now() time.Time { return c.start.Add(time.Since(c.start) * c.factor) }

// Since implements clock.PassiveClock.
func (c *Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// After implements clock.Clock.
func (c *Clock) After(d time.Duration) <-chan time.Time { return time.After(c.real(d)) }

// NewTimer implements clock.Clock.
func (c *Clock) NewTimer(d time.Duration) clock.Timer { return &timer{time.NewTimer(c.real(d)), c} }

// Sleep implements clock.Clock.
func (c *Clock) Sleep(d time.Duration) { time.Sleep(c.real(d)) }

// Tick implements clock.Clock.
func (c *Clock) Tick(d time.Duration) <-chan time.Time { return time.Tick(c.real(d)) }

// NewTicker implements clock.WithTicker.
func (c *Clock) NewTicker(d time.Duration) clock.Ticker { return &ticker{time.NewTicker(c.real(d))} }

type timer struct {
	*time.Timer
	clock *Clock
}

func (t *timer) C() <-chan time.Time { return t.Timer.C }

func (t *timer) Reset(d time.Duration) bool { return t.Timer.Reset(t.clock.real(d)) }

type ticker struct{ *time.Ticker }

func (t *ticker) C() <-chan time.Time { return t.Ticker.C }

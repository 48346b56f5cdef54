package controller

import (
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// notifyInterval is the least time between two syncs of a key that notifications bring about. Whatever happens to the VMs of
// a group within it, one sync sees it all.
const notifyInterval = 50 * time.Millisecond

// coalescer spaces the notifications of each key. The first one after a pause passes at once, those that follow it within the
// interval pass together at the end of the interval. It is safe for concurrent use.
type coalescer struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	last map[cache.ObjectName]time.Time // when the last notification passed, or will pass
}

func newCoalescer(clock clock.PassiveClock) *coalescer {
	return &coalescer{clock: clock, last: map[cache.ObjectName]time.Time{}}
}

// delay returns after how long a notification passes that comes now.
func (c *coalescer) delay(key cache.ObjectName) time.Duration {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.last[key]; !ok || now.Sub(last) >= notifyInterval {
		c.last[key] = now
	} else if now.After(last) || now.Equal(last) {
		c.last[key] = last.Add(notifyInterval)
	}
	return max(0, c.last[key].Sub(now))
}

// forget drops what is remembered of a VmGroup that is gone.
func (c *coalescer) forget(key cache.ObjectName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, key)
}

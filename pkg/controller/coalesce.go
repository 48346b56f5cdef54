package controller

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// Notifications of a key lead to one sync per notifyInterval in the long run. Whatever happens to the VMs of a group within
// an interval, one sync sees it all. After a pause notifyBurst notifications pass at once: what happens to a group seldom
// shall not wait because something else has just ended.
const (
	notifyInterval = 50 * time.Millisecond
	notifyBurst    = 3
)

// coalescer spaces the notifications of each key. Those that have to wait pass together. It is safe for concurrent use.
type coalescer struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	keys map[cache.ObjectName]*notifications
}

// notifications are those of one key.
type notifications struct {
	limiter *rate.Limiter
	next    time.Time // when the last one passed, or will pass
}

func newCoalescer(clock clock.PassiveClock) *coalescer {
	return &coalescer{clock: clock, keys: map[cache.ObjectName]*notifications{}}
}

// delay returns after how long a notification passes that comes now.
func (c *coalescer) delay(key cache.ObjectName) time.Duration {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.keys[key]
	if n == nil {
		n = &notifications{limiter: rate.NewLimiter(rate.Every(notifyInterval), notifyBurst)}
		c.keys[key] = n
	}
	if !n.next.After(now) {
		n.next = now.Add(n.limiter.ReserveN(now, 1).DelayFrom(now))
	}
	return n.next.Sub(now)
}

// forget drops what is remembered of a VmGroup that is gone.
func (c *coalescer) forget(key cache.ObjectName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, key)
}

package controller

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// pace says how often notifications of a key lead to a sync. Whatever happens to the VMs of a group within an interval, one sync
// sees it all. After a pause, burst notifications pass at once: what happens to a group seldom shall not wait because something
// else has just ended.
type pace struct {
	interval time.Duration
	burst    int
}

// The interval of small groups is short, because each VM that a rollout replaces waits for three syncs in turn. The syncs of
// large groups take longer, and see more at a time.
var (
	paceOfSmall = pace{interval: 25 * time.Millisecond, burst: 6}
	paceOfLarge = pace{interval: 50 * time.Millisecond, burst: 3}
)

// largeGroup is how many VMs a group has at least that is synced less often.
const largeGroup = 2000

// paceOf returns how often a group is synced.
func paceOf(vg *v1alpha1.VmGroup) pace {
	if max(vg.DesiredReplicas(), vg.Status.Replicas) >= largeGroup {
		return paceOfLarge
	}
	return paceOfSmall
}

// coalescer spaces the notifications of each key. Those that have to wait pass together. It is safe for concurrent use.
type coalescer struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	keys map[cache.ObjectName]*notifications
}

// notifications are those of one key.
type notifications struct {
	pace    pace
	limiter *rate.Limiter
	next    time.Time // when the last one passed, or will pass
}

func newCoalescer(clock clock.PassiveClock) *coalescer {
	return &coalescer{clock: clock, keys: map[cache.ObjectName]*notifications{}}
}

// delay returns after how long a notification passes that comes now, at a pace.
func (c *coalescer) delay(key cache.ObjectName, at pace) time.Duration {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.keys[key]
	if n == nil || n.pace != at {
		n = &notifications{pace: at, limiter: rate.NewLimiter(rate.Every(at.interval), at.burst)}
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

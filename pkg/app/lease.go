package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
)

// lease wraps the lock of the leader election, to know what client-go's elector does not tell: when the Lease was last
// renewed, by two clocks. The elector goes on believing in its Lease while a request to renew it hangs or the machine
// sleeps, and meanwhile another replica may have taken it.
type lease struct {
	resourcelock.Interface
	deadline time.Duration // a renewal is good for that long
	now      func() instant

	mu       sync.Mutex
	renewed  instant // when the request of the last successful renewal was sent; zero: the Lease is not ours
	recovery func()
}

// instant is now, by two clocks. A machine that is suspended stops its monotonic clock; the wall clock may be set.
type instant struct {
	monotonic time.Duration
	wall      time.Time
}

// newLease returns a lease that is not ours yet.
func newLease(lock resourcelock.Interface, deadline time.Duration, c clock.PassiveClock) *lease {
	start := c.Now()
	return &lease{Interface: lock, deadline: deadline, recovery: func() {}, now: func() instant {
		now := c.Now()
		return instant{monotonic: now.Sub(start), wall: now.Round(0)} // Round(0) drops the monotonic reading
	}}
}

// Get is called by the elector to see whose the Lease is.
func (l *lease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.mu.Lock()
		l.renewed = instant{}
		l.mu.Unlock()
	}
	return record, raw, err
}

// Create is called by the elector to get a Lease that does not exist.
func (l *lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(record, func() error { return l.Interface.Create(ctx, record) })
}

// Update is called by the elector to get or renew the Lease.
func (l *lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(record, func() error { return l.Interface.Update(ctx, record) })
}

// release gives the Lease up, if it is ours, so that the next leader need not wait for it to expire. It comes when the
// elector and all that the Lease protects have ended.
func (l *lease) release(ctx context.Context) error {
	if ours := l.sure() == nil; !ours {
		return nil
	}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		record, _, err := l.Get(ctx)
		if err != nil || record.HolderIdentity != l.Identity() {
			return err
		}
		record.HolderIdentity = ""
		record.LeaseDurationSeconds = 1 // 0 is not allowed
		return l.Update(ctx, *record)
	})
	if err != nil {
		return fmt.Errorf("release the Lease, which expires by itself otherwise: %w", err)
	}
	return nil
}

func (l *lease) write(record resourcelock.LeaderElectionRecord, send func() error) error {
	sent := l.now()
	if err := send(); err != nil {
		return err
	}
	l.mu.Lock()
	// Now, not when it was sent: whoever was refused while the answer was on its way is to be woken too.
	recovered := l.renewed != instant{} && l.tooOld(l.now()) != nil
	l.renewed = instant{}
	if record.HolderIdentity == l.Identity() {
		l.renewed = sent
	}
	wake := l.recovery
	l.mu.Unlock()
	if recovered {
		wake()
	}
	return nil
}

// sure implements leadership.
func (l *lease) sure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.renewed == (instant{}) {
		return errors.New("the Lease is not ours")
	}
	return l.tooOld(l.now())
}

// tooOld returns an error if the last renewal proves nothing any more. A wall clock that was set back proves nothing
// either; the next renewal, seconds later, does. l.mu is held.
func (l *lease) tooOld(now instant) error {
	monotonic, wall := now.monotonic-l.renewed.monotonic, now.wall.Sub(l.renewed.wall)
	if monotonic >= l.deadline || wall >= l.deadline || wall < 0 {
		return fmt.Errorf("the Lease may have been lost: it was renewed %v ago by the monotonic clock, %v by the wall clock, and that is good for %v", monotonic, wall, l.deadline)
	}
	return nil
}

// onRecovery implements leadership.
func (l *lease) onRecovery(wake func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recovery = wake
}

package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	clocktesting "k8s.io/utils/clock/testing"
)

// lock answers as the test says.
type lock struct {
	resourcelock.Interface
	err    error
	holder string
	onSend func()
}

func (l *lock) Identity() string { return "me" }

func (l *lock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, nil
}

func (l *lock) Create(context.Context, resourcelock.LeaderElectionRecord) error { return l.send() }

func (l *lock) Update(context.Context, resourcelock.LeaderElectionRecord) error { return l.send() }

func (l *lock) send() error {
	if l.onSend != nil {
		l.onSend()
	}
	return l.err
}

func TestLeaseIsSure(t *testing.T) {
	const deadline = 10 * time.Second
	mine := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}
	type world struct {
		*lease
		lock *lock
		at   *instant
	}
	renew := func(w world) {
		if err := w.Update(t.Context(), mine); err != nil && w.lock.err == nil {
			t.Fatal(err)
		}
	}
	sleep := func(w world, d time.Duration) {
		w.at.monotonic += d
		w.at.wall = w.at.wall.Add(d)
	}
	tests := map[string]struct {
		act  func(w world)
		want string // a part of the error, empty if there is none
	}{
		"never ours":             {act: func(world) {}, want: "not ours"},
		"just created":           {act: func(w world) { _ = w.Create(t.Context(), mine) }},
		"just renewed":           {act: renew},
		"renewed in time":        {act: func(w world) { renew(w); sleep(w, deadline-1) }},
		"too long ago":           {act: func(w world) { renew(w); sleep(w, deadline) }, want: "may have been lost"},
		"the machine slept":      {act: func(w world) { renew(w); w.at.wall = w.at.wall.Add(deadline) }, want: "by the wall clock"},
		"the clock ran ahead":    {act: func(w world) { renew(w); w.at.monotonic += deadline }, want: "by the monotonic clock"},
		"the clock was put back": {act: func(w world) { renew(w); w.at.wall = w.at.wall.Add(-time.Second) }, want: "may have been lost"},
		"a renewal failed": {act: func(w world) {
			renew(w)
			sleep(w, deadline)
			w.lock.err = errors.New("no")
			renew(w)
		}, want: "may have been lost"},
		"the answer took long": {act: func(w world) {
			w.lock.onSend = func() { sleep(w, deadline) }
			renew(w)
		}, want: "may have been lost"},
		"another took it": {act: func(w world) {
			renew(w)
			w.lock.holder = "other"
			_, _, _ = w.Get(t.Context())
		}, want: "not ours"},
		"released": {act: func(w world) {
			renew(w)
			_ = w.release(t.Context())
		}, want: "not ours"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			lock := &lock{holder: "me"}
			w := world{newLease(lock, deadline, clocktesting.NewFakePassiveClock(time.Now())), lock, &instant{wall: time.Now()}}
			w.now = func() instant { return *w.at }
			tc.act(w)
			err := w.sure()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("sure: got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestRelease(t *testing.T) {
	tests := map[string]struct {
		renewed bool
		holder  string
		want    int // writes
	}{
		"ours":                       {renewed: true, holder: "me", want: 1},
		"another has it meanwhile":   {renewed: true, holder: "other", want: 0},
		"never ours, nothing to ask": {holder: "me", want: 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			lock := &lock{holder: tc.holder}
			l := newLease(lock, time.Minute, clocktesting.NewFakePassiveClock(time.Now()))
			if tc.renewed {
				if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
					t.Fatal(err)
				}
			}
			writes := 0
			lock.onSend = func() { writes++ }
			if err := l.release(t.Context()); err != nil || writes != tc.want {
				t.Errorf("got %d writes, %v; want %d", writes, err, tc.want)
			}
		})
	}
}

// Whoever was refused by the guard in between waits for nobody else to wake him.
func TestLateRenewalWakesEverybody(t *testing.T) {
	at := instant{wall: time.Now()}
	l := newLease(&lock{}, 10*time.Second, clocktesting.NewFakePassiveClock(time.Now()))
	l.now = func() instant { return at }
	woken := 0
	l.onRecovery(func() { woken++ })
	for i, step := range []struct {
		wait time.Duration
		want int
	}{{0, 0}, {2 * time.Second, 0}, {11 * time.Second, 1}, {2 * time.Second, 1}} {
		at.monotonic += step.wait
		at.wall = at.wall.Add(step.wait)
		if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
			t.Fatal(err)
		}
		if woken != step.want {
			t.Errorf("renewal %d: woken %d times, want %d", i+1, woken, step.want)
		}
	}
}

// The guard refuses from the deadline on, also while the answer to a renewal that was sent in time is on its way.
func TestSlowRenewalWakesEverybody(t *testing.T) {
	at := instant{wall: time.Now()}
	lock := &lock{}
	l := newLease(lock, 10*time.Second, clocktesting.NewFakePassiveClock(time.Now()))
	l.now = func() instant { return at }
	sleep := func(d time.Duration) {
		at.monotonic += d
		at.wall = at.wall.Add(d)
	}
	woken := 0
	l.onRecovery(func() { woken++ })
	mine := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}
	if err := l.Update(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	sleep(9 * time.Second)
	lock.onSend = func() { sleep(2 * time.Second) }
	if err := l.Update(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	if err := l.sure(); err != nil || woken != 1 {
		t.Errorf("sure: %v, woken %d times, want 1", err, woken)
	}
}

// Whatever else goes by the app's clock: the other replicas go by the real one.
func TestLeaseGoesByTheRealClock(t *testing.T) {
	long := clocktesting.NewFakeClock(time.Now().Add(-24 * time.Hour))
	a, c := newCluster(t)
	a.clock, a.clients.leases = long, c
	l, err := a.newLease()
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(l.now().wall); age > time.Hour {
		t.Errorf("its clock is %s behind", age)
	}
}

func TestRealClockGivesBothReadings(t *testing.T) {
	start := time.Now()
	l := newLease(&lock{}, time.Second, clocktesting.NewFakePassiveClock(start))
	if got := l.now(); got.monotonic != 0 || !got.wall.Equal(start) {
		t.Errorf("got %+v", got)
	}
}

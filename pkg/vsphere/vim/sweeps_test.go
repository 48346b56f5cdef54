package vim

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/soap"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The numbers are those of the life cycle of sweeps.
func TestSweeps(t *testing.T) {
	one, two := vsphere.GroupID{UID: "uid-1"}, vsphere.GroupID{UID: "uid-2"}
	failure := &vsphere.Error{Message: "no"}
	s, now := newSweeps(), time.Now()
	want := func(step string, swept int, err *vsphere.Error, waiting map[vsphere.GroupID]int) {
		t.Helper()
		if got, gotErr := s.last(); got != swept || gotErr != err {
			t.Errorf("%s: swept %d, %v; want %d, %v", step, got, gotErr, swept, err)
		}
		if diff := cmp.Diff(waiting, s.waiting); diff != "" {
			t.Errorf("%s: waiting (-want +got):\n%s", step, diff)
		}
	}
	end := func(number int, err *vsphere.Error) (uids []string) {
		for _, g := range s.end(number, now, now, err) {
			uids = append(uids, g.UID)
		}
		slices.Sort(uids)
		return uids
	}
	if n := s.ask(one); n != 1 {
		t.Errorf("asked for sweep %d", n)
	}
	want("1: asked", 0, nil, map[vsphere.GroupID]int{one: 1})
	first := s.begin()
	if n := s.ask(two); n != 2 {
		t.Errorf("asked for sweep %d, of which one has begun", n)
	}
	if told := end(first, nil); !slices.Equal(told, []string{"uid-1", "uid-2"}) {
		t.Errorf("told %v", told)
	}
	want("3: the first has ended, which the second has not waited for", 1, nil, map[vsphere.GroupID]int{two: 2})
	if told := end(s.begin(), failure); !slices.Equal(told, []string{"uid-2"}) {
		t.Errorf("told %v", told)
	}
	want("3: the next has failed", 1, failure, map[vsphere.GroupID]int{two: 2})
	s.ask(one)
	s.forget(one)
	end(s.begin(), nil)
	want("3: the one after it serves", 3, nil, map[vsphere.GroupID]int{})
	if _, wanted := s.due(now); wanted {
		t.Error("nobody waits, and it sweeps")
	}
}

// heldCalls lets no call through until it is opened, and counts those that wait at once.
type heldCalls struct {
	soap.RoundTripper
	open       chan struct{}
	mu         sync.Mutex
	held, most int
}

func (h *heldCalls) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	h.mu.Lock()
	h.held++
	h.most = max(h.most, h.held)
	h.mu.Unlock()
	<-h.open
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held--
	return h.RoundTripper.RoundTrip(ctx, req, res)
}

// However many groups ask, and whenever: one sweep is under way, and the next one serves all that have asked meanwhile.
func TestOneSweepAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, heard := listening(t, &script{})
		calls := &heldCalls{RoundTripper: c.client.RoundTripper, open: make(chan struct{})}
		c.client.RoundTripper = calls
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.resync(ctx) })
		const groups = 20
		asked := map[vsphere.GroupID]int{}
		for n := range groups {
			g := testKey(n).group
			number, err := c.v.Sweep(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			asked[g] = number
			time.Sleep(maxSweepPause) // moves the clock of the bubble: a second sweep could begin now
		}
		synctest.Wait()
		if calls.most != 1 || c.v.sweeps.begun != 1 {
			t.Errorf("%d calls wait at once, and %d sweeps have begun; want one", calls.most, c.v.sweeps.begun)
		}
		close(calls.open)
		time.Sleep(maxSweepPause + time.Second) // moves the clock of the bubble past the pause
		for g, number := range asked {
			if swept, err := c.v.sweeps.last(); swept < number || err != nil || heard.of(g) == 0 {
				t.Errorf("%s has asked for sweep %d; the last is %d, %v; it was notified %d times", g.UID, number, swept, err, heard.of(g))
			}
		}
		synctest.Wait()
		if calls.most != 1 || c.v.sweeps.begun != 2 {
			t.Errorf("%d calls at once, %d sweeps; want 1 and 2", calls.most, c.v.sweeps.begun)
		}
		cancel()
		running.Wait()
	})
}

// Many that go one after the other share sweeps, and who goes alone does not wait.
func TestSweepPace(t *testing.T) {
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		takes        time.Duration // each sweep
		groups       int
		every        time.Duration // one of them asks
		sweeps       int           // at most
		first, worst time.Duration // how long they may wait for a sweep to begin, the first and any
	}{
		"one":                        {takes: time.Second, groups: 1, sweeps: 1},
		"now and then":               {takes: 50 * ms, groups: 10, every: 3 * time.Second, sweeps: 10},
		"a thousand at once":         {takes: time.Second, groups: 1000, sweeps: 1},
		"a thousand within a minute": {takes: 500 * ms, groups: 1000, every: 60 * ms, sweeps: 13, worst: maxSweepPause},
		"a thousand within 15 s":     {takes: 500 * ms, groups: 1000, every: 15 * ms, sweeps: 5, worst: maxSweepPause},
		"few VMs":                    {takes: 20 * ms, groups: 40, every: 300 * ms, sweeps: 40},
		"hardly any":                 {takes: ms, groups: 40, every: 10 * ms, sweeps: 5, worst: minSweepPause},
	} {
		t.Run(name, func(t *testing.T) {
			takes := tt.takes
			var pace sweepPace
			start := time.Unix(1_800_000_000, 0)
			now, sweeps, worst := start, 0, time.Duration(0)
			for asked := 0; asked < tt.groups; {
				if next := start.Add(time.Duration(asked) * tt.every); now.Before(next) {
					now = next // nobody has asked since
				}
				now = now.Add(pace.wait(now))
				if asked == 0 && now.Sub(start) > tt.first {
					t.Errorf("the first has waited for %s", now.Sub(start))
				}
				worst = max(worst, now.Sub(start.Add(time.Duration(asked)*tt.every)))
				for asked < tt.groups && !start.Add(time.Duration(asked)*tt.every).After(now) {
					asked++
				}
				sweeps++
				pace.note(now, now.Add(takes), true)
				now = now.Add(takes)
			}
			if sweeps > tt.sweeps || worst > tt.worst+takes {
				t.Errorf("%d sweeps, and one has waited for %s; want at most %d and %s", sweeps, worst, tt.sweeps, tt.worst+takes)
			}
		})
	}
}

// The pause after failures grows, and is over with the first success.
func TestSweepPaceAfterFailures(t *testing.T) {
	var pace sweepPace
	now := time.Unix(1_800_000_000, 0)
	var pauses []time.Duration
	for range 8 {
		pace.note(now, now, false)
		pauses = append(pauses, pace.wait(now))
		now = now.Add(pace.wait(now))
	}
	pace.note(now, now, true)
	pauses = append(pauses, pace.wait(now))
	const s = time.Second
	if diff := cmp.Diff([]time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, minSweepPause}, pauses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if pace.wait(now.Add(-time.Hour)) > maxSweepPause {
		t.Error("a clock that was set back lets everybody wait")
	}
}

// What a sweep that has failed did not see is not gone: nobody is served, all are told why.
func TestASweepThatFailsIsTold(t *testing.T) {
	c, heard := listening(t, &script{fails: fails{"RetrievePropertiesEx": {denied403, nil}}})
	number, err := c.v.Sweep(t.Context(), testGroup)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.sweepNext(t.Context()); err == nil {
		t.Fatal("it has not failed")
	}
	s, err := c.v.Snapshot(t.Context(), testGroup, "")
	if err != nil || s.Swept >= number || s.SweepErr == nil || heard.of(testGroup) != 1 {
		t.Errorf("swept %d of %d, %v, told %d times", s.Swept, number, s.SweepErr, heard.of(testGroup))
	}
	background(t, c, c.resync) // which goes on for those that wait
	waitUntil(t, "it is repeated", func() bool {
		s, err := c.v.Snapshot(t.Context(), testGroup, "")
		return err == nil && s.Swept >= number && s.SweepErr == nil
	})
}

// A sweep that is cut short with its connection is neither a success nor a failure: the next connection sweeps first of all.
func TestASweepThatIsCutShort(t *testing.T) {
	c, heard := listening(t, &script{fails: fails{"RetrievePropertiesEx": {noAnswer}}})
	number, err := c.v.Sweep(t.Context(), testGroup)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.sweepNext(ended); !errors.Is(err, noAnswer) {
		t.Errorf("%v", err)
	}
	if swept, err := c.v.sweeps.last(); swept >= number || err != nil || heard.of(testGroup) != 0 || c.v.sweeps.waiting[testGroup] != number {
		t.Errorf("swept %d, %v; waiting %v", swept, err, c.v.sweeps.waiting)
	}
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if err := answer(t, func() error {
		if holds() {
			return nil
		}
		return vsphere.ErrPending
	}); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

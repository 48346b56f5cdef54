package soak

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

const (
	betweenOperations = time.Second     // on average
	betweenFaults     = 8 * time.Second // on average
	// longestFault bounds how long the controller may be kept from seeing what others do.
	longestFault = 10 * time.Second
	// recovery is how long it may take then until it sees it.
	recovery = 5 * time.Second
	// restartsUntil is the part of the time in which the controller is restarted. What is left is one life of it, long
	// enough to see whether its memory grows.
	restartsUntil = 0.3
	elsewhere     = "elsewhere" // a folder of other people's
)

// TestSoak is the soak.
func TestSoak(t *testing.T) {
	duration, seed := 2*time.Minute, uint64(time.Now().UnixNano())
	if testing.Short() {
		duration, seed = 20*time.Second, 1
	}
	var err error
	if text := os.Getenv("DURATION"); text != "" {
		duration, err = time.ParseDuration(text)
		harness.Must(t, err)
	}
	if text := os.Getenv("SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		harness.Must(t, err)
	}
	t.Logf("DURATION=%s SEED=%d", duration, seed)
	newSoak(t, duration, seed).run()
}

// soak is a world in which nothing is left in peace.
type soak struct {
	*harness.World
	vc       *control.Client
	checker  *invariants.Checker
	random   *rand.Rand
	start    time.Time
	duration time.Duration

	child    *harness.Child
	lives    []*life
	restarts []time.Time // when the controller is to be restarted, the earliest first
	killed   bool        // by SIGKILL, or without a vCenter that it could log out of: its session is still there
	lost     int         // lives that ended because the Lease was lost
	away     atomic.Bool // the API server
	dir      string      // with the credentials
	password string

	faults []*underWay
	next   int // number of the next thing made by hand
	tally  map[string]int

	foreign map[string]control.VM // VMs made by hand, as they were left, by MoRef
	disks   map[string]bool       // VMs of ours with a disk of somebody else's, by MoRef
	held    map[string]bool       // folders that hold, or held, a VM made by hand or a template, by MoRef
	bare    map[string]bool       // groups whose finalizer was taken away, by UID
	baseline
}

// life is one process of the controller.
type life struct {
	start, end time.Time
	samples    []sample
}

func newSoak(t *testing.T, duration time.Duration, seed uint64) *soak {
	w := harness.NewWorld(t, cluster, vcsim.Options{})
	s := &soak{
		World: w, vc: w.VCenter.Control, random: rand.New(rand.NewPCG(seed, seed)), start: time.Now(), duration: duration,
		dir: t.TempDir(), tally: map[string]int{},
		foreign: map[string]control.VM{}, disks: map[string]bool{}, held: map[string]bool{}, bare: map[string]bool{},
	}
	// What somebody else has done in the dark of a fault nobody can know. It is refused, and nothing is lost.
	w.VCenter.Excuse = func(v control.Violation) bool {
		return v.Refused && v.Kind == control.ViolationTripwire && v.Time.Sub(v.TargetChanged) < longestFault+recovery
	}
	// What is done in the dark of a fault is known to the controller later than otherwise.
	s.checker = invariants.Watch(w, invariants.Options{OutsideChange: longestFault + recovery})
	s.writePassword(w.VCenter.Password)
	_, err := s.vc.CreateFolder(t.Context(), elsewhere)
	harness.Must(t, err)
	window := time.Duration(float64(duration) * restartsUntil)
	for range 1 + window/(2*time.Minute) {
		s.restarts = append(s.restarts, s.start.Add(time.Duration(s.random.Int64N(int64(window)))))
	}
	slices.SortFunc(s.restarts, time.Time.Compare)
	return s
}

// run plays until the time is over.
func (s *soak) run() {
	s.startController()
	for range 6 {
		s.do(step{name: "create", do: (*soak).createGroup})
	}
	s.rest()
	busy := min(max(s.duration/6, 5*time.Second), time.Minute)
	for s.left() > 0 {
		s.busy(min(busy, s.left()))
		s.rest()
	}
	s.finish()
}

func (s *soak) left() time.Duration { return time.Until(s.start.Add(s.duration)) }

// say writes a line into the log of what was done.
func (s *soak) say(format string, args ...any) {
	s.T.Logf("+%7.2f s  %s", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// busy lets things happen for a while.
func (s *soak) busy(d time.Duration) {
	end := time.Now().Add(d)
	operation, fault := s.in(betweenOperations), s.in(betweenFaults)
	for {
		next := slices.MinFunc(append(s.ends(), operation, fault, end), time.Time.Compare)
		s.until(next)
		now := time.Now()
		s.endFaults(now)
		switch {
		case !now.Before(end):
			return
		case len(s.restarts) > 0 && !now.Before(s.restarts[0]):
			s.restarts = s.restarts[1:]
			s.restart()
		case !now.Before(fault):
			s.beginFault()
			fault = s.in(betweenFaults)
		case !now.Before(operation):
			s.do(s.draw(steps))
			operation = s.in(betweenOperations)
		}
	}
}

// in returns when something happens next that happens once in so long on average.
func (s *soak) in(mean time.Duration) time.Time {
	return time.Now().Add(time.Duration(s.random.ExpFloat64() * float64(mean)))
}

// until waits for an instant, and for nothing else but the end of the controller, which it answers with a new one.
func (s *soak) until(at time.Time) {
	s.T.Helper()
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.child.Ended():
		s.mourn()
	case <-s.T.Context().Done():
		s.T.Fatal("the test was stopped")
	}
}

// mourn starts the controller again if it has ended for the one reason for which it may end by itself.
func (s *soak) mourn() {
	s.T.Helper()
	log := s.child.Log()
	if !strings.Contains(log[max(0, len(log)-4096):], "the Lease was lost") {
		s.T.Errorf("the controller has ended by itself: %v", s.child.Err())
		s.child.Stop()
		s.T.FailNow()
	}
	s.lost++
	s.say("the controller has lost its Lease, and has ended")
	s.replace()
}

// step is something that somebody does. It returns what was done, empty if there was nothing to do it to.
type step struct {
	name   string
	weight int
	do     func(s *soak) (string, error)
}

func (s *soak) draw(from []step) step {
	total := 0
	for _, st := range from {
		total += st.weight
	}
	n := s.random.IntN(total)
	for _, st := range from {
		if n -= st.weight; n < 0 {
			return st
		}
	}
	return from[0] // not reached
}

// do takes a step. That the world is no longer as it was a moment ago is nobody's fault.
func (s *soak) do(st step) {
	s.T.Helper()
	what, err := st.do(s)
	switch {
	case err != nil && !overtaken(err):
		s.T.Fatalf("%s: %s: %v", st.name, what, err)
	case err != nil:
		s.say("%s: %s: refused: %v", st.name, what, err)
	case what != "":
		s.tally[st.name]++
		s.say("%s: %s", st.name, what)
	}
}

func (s *soak) startController() {
	log := filepath.Join(s.T.(*testing.T).ArtifactDir(), fmt.Sprintf("controller-%d.log", len(s.lives)+1))
	s.child = s.StartChild(harness.ChildOptions{
		Args: []string{
			"-v=2", "-resync-period=1m",
			// The API server may be away for a while without an end of the process.
			"-leader-elect-lease-duration=30s", "-leader-elect-renew-deadline=20s",
		},
		CredentialsDir: s.dir, Log: log, WrapKubernetes: s.gate,
	})
	s.T.Cleanup(s.child.Stop)
	s.lives = append(s.lives, &life{start: time.Now()})
}

// restart ends the controller, one way or the other, and starts the next.
func (s *soak) restart() {
	if s.duration >= time.Minute && s.random.IntN(2) == 0 {
		s.say("SIGKILL to the controller")
		s.child.Kill()
		s.killed = true
	} else {
		s.say("SIGTERM to the controller")
		s.checkBooks()
	}
	s.replace()
}

func (s *soak) replace() {
	s.child.Stop()
	if strings.Contains(s.child.Log(), "vCenter keeps a session") { // it could not be reached to log out
		s.killed = true
	}
	s.lives[len(s.lives)-1].end = time.Now()
	s.tally["restart"]++
	s.startController()
}

// gate is where the API server is away from the controller.
func (s *soak) gate(next http.RoundTripper) http.RoundTripper { return &gate{&s.away, next} }

type gate struct {
	away *atomic.Bool
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.away.Load() {
		return nil, fmt.Errorf("%s %s: the API server is away", r.Method, r.URL.Path)
	}
	return g.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the transport whose connections it closes.
func (g *gate) WrappedRoundTripper() http.RoundTripper { return g.next }

// writePassword gives the controller a password.
func (s *soak) writePassword(password string) {
	s.T.Helper()
	s.checker.Rotated()
	s.password = password
	for name, text := range map[string]string{"username": s.VCenter.Username, "password": password} {
		path := filepath.Join(s.dir, name)
		harness.Must(s.T, os.WriteFile(path+".new", []byte(text), 0o600))
		harness.Must(s.T, os.Rename(path+".new", path)) // nobody reads half of it
	}
}

package invariants

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

const (
	// maxReported is how many breaches of one run are shown; the rest follows from them, mostly.
	maxReported = 5
	// closing bounds the last look at the world.
	closing = 30 * time.Second
)

// Options say what may happen in a run. The zero value is one controller that nothing is allowed.
type Options struct {
	// Owner is whose VMs are ours. If it is empty, it is learned from the stamps that clients ask for.
	Owner string
	// Namespace is where the VmGroups are; default: that of the world.
	Namespace string
	// Root is the inventory path of the root folder; default: that of the world.
	Root string
	// Surge is how many VMs a group may have beyond its replicas.
	Surge int
	// VMsPerNamespace is how many VMs each class allows in a namespace at most, by its name, all the time (I18). Classes that it
	// lacks are not judged.
	VMsPerNamespace map[string]int
	// Writers is how many controllers write at once by mistake. With two or more, I3 and I4 hold in the end only, and a
	// group is at rest only OutsideChange after it was brought to rest (I14).
	Writers int
	// OutsideChange is how long it may take until a change that somebody else has made is known to the controller, and to
	// the streams that are read here; default 2 s.
	OutsideChange time.Duration
	// LoginEvery is the time between two attempts with a refused credential; default 5 min.
	LoginEvery time.Duration
	// AgentPerProcess says that each process has a User-Agent of its own in vCenter.
	AgentPerProcess bool

	// Untapped says that the controllers are processes whose wire to the API server cannot be seen. What they write is then
	// known from the watch alone, and later; their sessions are not judged (I11).
	Untapped bool
	// Stripped says that people take stamps away: that a VM of a clone has none is not judged then (I5).
	Stripped bool
	// HeldBack says that what vCenter reports is held back: what the status says of VMs is not judged then (I7).
	HeldBack bool

	tapped bool // the controller's wire can be seen
}

func (o Options) withDefaults() Options {
	o.OutsideChange = cmp.Or(o.OutsideChange, 2*time.Second)
	o.Root = cmp.Or(o.Root, "/DC0/vm/vmgroups")
	o.LoginEvery = cmp.Or(o.LoginEvery, 5*time.Minute)
	return o
}

// Checker checks the invariants of one world. Its methods may be called concurrently.
type Checker struct {
	world *harness.World
	o     Options

	readers sync.WaitGroup
	stop    context.CancelFunc
	once    sync.Once

	mu       sync.Mutex // guards all below
	waiting  []event    // in the order they came in
	state    *state
	reported int
	seq      int64 // of the last entry of the journal
	failed   error // what ended the reading of the journal
	marked   struct{ writes, mutators int }
}

// Watch begins to check. It is to be called before the first controller of the world is started: it taps the wires of all
// that the world runs. The test fails at the first breach, with the trace that led there; the checker is closed with the
// test, if not before.
func Watch(w *harness.World, o Options) *Checker {
	w.T.Helper()
	o.Namespace = cmp.Or(o.Namespace, w.Namespace)
	o.tapped = !o.Untapped
	c := &Checker{world: w, o: o, state: newState(o)}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.readers.Go(func() { c.readJournal(ctx) })
	c.readers.Go(func() { c.readGroups(ctx) })
	w.Observe(c)
	w.T.Cleanup(c.Close)
	return c
}

// Started and Ended count processes, for I11. One that was killed has not ended: its session stays. They are
// harness.Observer's.
func (c *Checker) Started() { c.push(processes(1)) }

// Ended says that a process has ended in good order, and so has logged out.
func (c *Checker) Ended() { c.push(processes(-1)) }

// Rotated says that the controller has been given another credential, which may be tried.
func (c *Checker) Rotated() { c.push(rotated{}) }

// push notes that something happens now.
func (c *Checker) push(what any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, event{now(), what})
}

// now is the time by the wall clock alone: other processes know no other.
func now() time.Time { return time.Now().Round(0) }

// merge takes in entries of the journal, which are all that happened before an instant, together with what else did. The
// caller holds the lock.
func (c *Checker) merge(entries []event, until time.Time) {
	var later, events []event
	for _, e := range c.waiting {
		if e.at.After(until) {
			later = append(later, e)
		} else {
			events = append(events, e)
		}
	}
	c.waiting = later
	// The journal first: of two things at one instant, a write comes after what it speaks of.
	events = append(slices.Clone(entries), events...)
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range events {
		c.state.feed(e)
	}
	c.state.advance(until)
	c.report()
}

// report fails the test for each new breach. The caller holds the lock.
func (c *Checker) report() {
	for _, b := range c.state.breaches[c.reported:] {
		c.reported++
		switch {
		case c.reported <= maxReported:
			c.world.T.Errorf("breach of %s", b)
		case c.reported == maxReported+1:
			c.world.T.Errorf("and further breaches")
		}
	}
}

// Breaches returns the breaches so far.
func (c *Checker) Breaches() []Breach {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.state.breaches)
}

// Mark begins to count for Quiet.
func (c *Checker) Mark() {
	c.drain()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marked.writes, c.marked.mutators = c.state.writes, c.state.mutators
}

// Quiet returns how many writes to the API server, Leases excepted, and how many calls that change vCenter there have been
// since Mark. At rest both are 0: that is I8.
func (c *Checker) Quiet() (writes, mutators int) {
	c.drain()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.writes - c.marked.writes, c.state.mutators - c.marked.mutators
}

// Close takes in all that has happened, answers what is open, checks what has to be true in the end, and reports. All
// controllers have to have ended, or to be left alone from now on. It may be called again.
func (c *Checker) Close() {
	c.once.Do(func() {
		c.drain()
		live, err := c.liveGroups()
		err = errors.Join(err, c.checkGuests(context.WithoutCancel(c.world.T.Context())))
		c.drain()
		c.stop()
		c.readers.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			c.world.T.Errorf("the invariants were not checked to the end: %v", c.failed)
			return
		}
		if err != nil {
			c.world.T.Errorf("the invariants were not checked in the end: %v", err)
			return
		}
		c.merge(nil, now())
		c.state.finish(now(), live)
		c.report()
	})
}

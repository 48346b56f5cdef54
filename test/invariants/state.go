package invariants

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Breach is an invariant that does not hold.
type Breach struct {
	Invariant string // such as "I3"
	At        time.Time
	Message   string
	Trace     string // what led there, a line each
}

func (b Breach) String() string { return b.Invariant + ": " + b.Message + "\n" + b.Trace }

// state is what is true at an instant, and the breaches so far. It is fed with events in the order of time.
type state struct {
	o   Options
	now time.Time

	vms     map[string]*vm            // by MoRef, those gone included
	folders map[string]control.Folder // by MoRef
	calls   map[int64]control.Entry   // that change something and have no answer yet, by number
	clones  map[string]*clone         // by task, those ended included
	groups  map[string]*group         // by UID, those gone included
	names   map[types.NamespacedName]*group
	owners  map[string]bool // whose stamps clients have asked for
	syncs   map[string]string
	logins

	doubts   []doubt
	breaches []Breach
	trace    trace
	writes   int // to the API server, by the controller, Leases excepted
	mutators int // calls to vCenter that change something
}

func newState(o Options) *state {
	s := &state{
		o: o.withDefaults(), vms: map[string]*vm{}, folders: map[string]control.Folder{}, calls: map[int64]control.Entry{},
		clones: map[string]*clone{}, groups: map[string]*group{}, names: map[types.NamespacedName]*group{},
		owners: map[string]bool{}, syncs: map[string]string{}, logins: newLogins(),
	}
	if s.o.Owner != "" {
		s.owners[s.o.Owner] = true
	}
	return s
}

// doubt is a question that is only answered when late news must have come.
type doubt struct {
	due       time.Time
	at        time.Time
	invariant string
	g         *group
	check     func() string // returns what is wrong, if anything is
}

// later asks a question after the time that outside changes may take to be noticed.
func (s *state) later(invariant string, g *group, check func() string) {
	s.doubts = append(s.doubts, doubt{s.now.Add(s.o.OutsideChange), s.now, invariant, g, check})
}

// breach notes a breach that is certain.
func (s *state) breach(invariant string, g *group, format string, args ...any) {
	s.add(invariant, s.now, g, fmt.Sprintf(format, args...))
}

func (s *state) add(invariant string, at time.Time, g *group, message string) {
	s.breaches = append(s.breaches, Breach{invariant, at, message, s.trace.text(g)})
}

// settle answers the questions that are due at an instant.
func (s *state) settle(at time.Time) {
	var open []doubt
	for _, d := range s.doubts {
		if d.due.After(at) {
			open = append(open, d)
			continue
		}
		if message := d.check(); message != "" {
			s.add(d.invariant, d.at, d.g, message)
		}
	}
	s.doubts = open
}

// advance says that nothing else has happened up to an instant.
func (s *state) advance(at time.Time) {
	if at.After(s.now) {
		s.settle(at)
		s.now = at
	}
}

// feed takes in the next event.
func (s *state) feed(e event) {
	s.advance(e.at)
	s.record(e)
	switch what := e.what.(type) {
	case control.Entry:
		s.entry(what)
	case groupSeen:
		s.see(what)
	case write:
		s.write(what)
	case refusal:
		s.refused(what)
	case unbounded:
		s.breach("I9", nil, "a call to vCenter at %s has no deadline", what.path)
	case processes:
		s.logins.allowed.set(s.now, s.logins.allowed.last()+int(what))
	case rotated:
		s.logins.refused = map[string]time.Time{}
	}
}

// entry takes in what happened in vCenter.
func (s *state) entry(e control.Entry) {
	switch e.Kind {
	case control.EntryCall:
		s.call(e)
	case control.EntryAnswer:
		delete(s.calls, e.Call)
	case control.EntryVM:
		s.putVM(*e.VM)
	case control.EntryVMGone:
		s.removeVM(e.MoRef)
	case control.EntryFolder:
		s.putFolder(*e.Folder)
	case control.EntryFolderGone:
		delete(s.folders, e.MoRef)
	case control.EntryClone:
		s.cloneBegins(*e.Clone)
	case control.EntryCloneEnd:
		s.cloneEnds(*e.Clone)
	case control.EntryLogin:
		s.login(e)
	case control.EntryLogout:
		s.logout(e)
	case control.EntryViolation:
		s.tripwire(*e.Violation)
	}
}

// call judges a call before it has any effect.
func (s *state) call(e control.Entry) {
	if !mutates(e.Method) {
		return
	}
	s.mutators++
	s.calls[e.Seq] = e
	s.checkTouch(e)
	s.checkFolderRemoval(e)
	if v := s.vms[e.MoRef]; v != nil && !v.gone && v.stamp != nil && e.Method != methodClone {
		g := s.groups[v.stamp.UID]
		if s.lately(v) {
			s.checkVictim(e, v, g)
		}
		s.checkForeignSync(e.OpID, g, e.Method+" of "+v.label())
		s.checkAtRest(g, e.Method+" of "+v.label())
	}
}

// see takes in a VmGroup.
func (s *state) see(seen groupSeen) {
	if !s.news(seen) {
		return
	}
	g := s.group(seen.vg)
	g.version, g.gone = versionOf(seen.vg), seen.gone
	s.learn(g, seen.vg)
}

// news reports whether a VmGroup is newer than what is known of it: it is seen in several ways.
func (s *state) news(seen groupSeen) bool {
	g := s.groups[string(seen.vg.UID)]
	return g == nil || !g.gone && (seen.gone || versionOf(seen.vg) > g.version)
}

// versionOf returns a resourceVersion as the number that it is for the objects of one kind.
func versionOf(vg *v1alpha1.VmGroup) uint64 {
	version, err := strconv.ParseUint(vg.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return version
}

// finish answers all that is open and checks what must be true in the end. live says which UIDs have a VmGroup.
func (s *state) finish(at time.Time, live map[string]bool) {
	s.settle(at.Add(s.o.OutsideChange))
	if at.After(s.now) {
		s.now = at
	}
	s.checkOrphans(live)
	s.checkExcessGone()
	s.checkSessionsLeft()
}

package invariants

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// logins is what is known of sessions.
type logins struct {
	refused map[string]time.Time // when a user was refused last, since it has its credential
	live    map[client]int       // sessions by client
	allowed history              // processes
}

// client is who has sessions of one kind. A process may have one of each kind: they have nothing to do with each other.
type client struct {
	agent string
	kind  control.SessionKind
}

func newLogins() logins { return logins{refused: map[string]time.Time{}, live: map[client]int{}} }

// sessions returns how many sessions there are of the kind that there are most of.
func (l *logins) sessions() int {
	kinds := map[control.SessionKind]int{}
	for c, n := range l.live {
		kinds[c.kind] += n
	}
	return slices.Max(append(slices.Collect(maps.Values(kinds)), 0))
}

// login is I10 for one that is refused, and I11 for one that is not. A session whose end is noticed late is given the moment
// that outside changes get.
func (s *state) login(e control.Entry) {
	if e.Fault != "" {
		if last, again := s.logins.refused[e.User]; again && s.now.Sub(last) < s.o.LoginEvery {
			s.breach("I10", nil, "user %s was refused again %s after the last time; once in %s may be tried",
				e.User, s.now.Sub(last).Round(time.Millisecond), s.o.LoginEvery)
		}
		s.logins.refused[e.User] = s.now
		return
	}
	c := client{e.Agent, e.Session}
	s.logins.live[c]++
	s.later("I11", nil, func() string { return s.tooMany(c) })
}

func (s *state) logout(e control.Entry) { s.logins.live[client{e.Agent, e.Session}]-- }

func (s *state) tooMany(c client) string {
	if s.o.Untapped {
		return ""
	}
	if n, m := s.logins.sessions(), s.logins.allowed.last(); n > m {
		return fmt.Sprintf("there are %d sessions of %d processes", n, m)
	}
	if n := s.logins.live[c]; s.o.AgentPerProcess && n > 1 {
		return fmt.Sprintf("%s has %d sessions", c.agent, n)
	}
	return ""
}

// checkSessionsLeft is I11 in the end: who has ended has logged out.
func (s *state) checkSessionsLeft() {
	if s.o.Untapped {
		return
	}
	if n, m := s.logins.sessions(), s.logins.allowed.last(); n > m {
		s.breach("I11", nil, "in the end there are %d sessions of %d processes", n, m)
	}
}

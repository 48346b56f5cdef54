package sim

import (
	"maps"
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// sessions knows the passwords, and what each session holds on the server: the stock simulator forgets a session that
// was terminated, but not the handlers that its views have registered.
type sessions struct {
	mu          sync.Mutex
	passwords   map[string]string
	ok, refused int
	lockouts    *lockouts                      // nil if failures lock nothing
	locked      func(user string)              // told of an account that has just been locked
	held        map[string]*simulator.Registry // by session key: the session's own objects
	known       map[string]knownSession        // by session key: all there ever were
}

// knownSession is a session, and whether its end is in the journal.
type knownSession struct {
	control.Session
	over bool
}

// validLogin implements SessionManager.ValidLogin.
func (s *sessions) validLogin(req *types.Login) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	password, known := s.passwords[req.UserName]
	right := known && password == req.Password
	if l := s.lockouts; l != nil {
		right = right && !l.locked(req.UserName)
		if !right && l.failed(req.UserName) {
			s.locked(req.UserName)
		}
	}
	if !right {
		s.refused++
		return false
	}
	s.ok++
	return true
}

// lockout tells how an account stands.
func (s *sessions) lockout(user string) control.Lockout {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lockouts == nil {
		return control.Lockout{}
	}
	return s.lockouts.state(user)
}

func (s *Simulator) accountLocked(user string) {
	s.violations.add(control.Violation{
		Kind: control.ViolationLockout, Method: "SessionManager.Login", Name: user, Refused: true,
		Reason: "too many failed logins have locked the account",
	})
}

func (s *sessions) setPassword(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwords[user] = password
}

// logins returns how many logins were accepted and how many were refused.
func (s *sessions) logins() (ok, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ok, s.refused
}

func (s *sessions) resetLogins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ok, s.refused = 0, 0
}

func (s *sessions) seen(session *simulator.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = make(map[string]*simulator.Registry)
	}
	s.held[session.Key] = session.Registry
	if s.known == nil {
		s.known = make(map[string]knownSession)
	}
	if _, ok := s.known[session.Key]; !ok {
		s.known[session.Key] = knownSession{Session: control.Session{User: session.UserName, UserAgent: session.UserAgent}}
	}
}

// liveSessions lists the sessions that can still make calls.
func (s *Simulator) liveSessions() []types.UserSession {
	ctx := s.background()
	manager := ctx.Session.Get(s.registry.SessionManager().Self).(*simulator.SessionManager)
	return manager.SessionList
}

// dead returns the sessions that were seen and are no longer live.
func (s *Simulator) deadSessions() []string {
	s.sessions.mu.Lock()
	dead := slices.Collect(maps.Keys(s.sessions.held)) // first: a session that is live by now may be younger than this list
	s.sessions.mu.Unlock()
	for _, session := range s.liveSessions() {
		dead = slices.DeleteFunc(dead, func(key string) bool { return key == session.Key })
	}
	return dead
}

// noteEndedSessions puts the end of sessions into the journal, and returns those that are dead and hold something.
func (s *Simulator) noteEndedSessions() (dead []string) {
	dead = s.deadSessions()
	for _, session := range s.sessions.end(dead) {
		s.journal.add(control.Entry{
			Kind: control.EntryLogout, Session: control.SessionSOAP, User: session.User, Agent: session.UserAgent,
		})
	}
	return dead
}

// end returns those of the sessions whose end was not known yet.
func (s *sessions) end(dead []string) []control.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []control.Session
	for _, key := range dead {
		if session := s.known[key]; !session.over {
			out = append(out, session.Session)
			session.over = true
			s.known[key] = session
		}
	}
	return out
}

// take forgets and returns what the dead held, and returns what others hold.
func (s *sessions) take(dead []string) (taken, left []*simulator.Registry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range dead {
		if registry, ok := s.held[key]; ok {
			taken = append(taken, registry)
			delete(s.held, key)
		}
	}
	return taken, slices.Collect(maps.Values(s.held))
}

// sweepSessions destroys what dead sessions held, and returns what live ones hold.
func (s *Simulator) sweepSessions() []*simulator.Registry {
	taken, left := s.sessions.take(s.noteEndedSessions())
	for _, registry := range taken {
		for _, obj := range registry.AllReference("") {
			switch o := obj.(type) {
			case *collector:
				o.close()
			case simulator.RegisterObject:
				s.registry.RemoveHandler(o)
			}
		}
	}
	return left
}

// endSession carries out Logout and TerminateSession, and destroys at once what the session held.
func (s *Simulator) endSession(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	res := s.stock(ctx, m)
	s.sweepSessions()
	return res
}

// endSessions terminates every session, of both endpoints.
func (s *Simulator) endSessions() {
	s.rest.endAll()
	var keys []string
	for _, session := range s.liveSessions() {
		keys = append(keys, session.Key)
	}
	manager := s.registry.SessionManager()
	for _, key := range keys { // one by one: a session that logs out meanwhile is NotFound
		manager.TerminateSession(s.background(), &types.TerminateSession{This: manager.Self, SessionId: []string{key}})
	}
	s.sweepSessions()
}

// alive reports whether the session of a call that is still running has not ended.
func alive(ctx *simulator.Context) bool {
	manager := ctx.Map.SessionManager()
	req := types.SessionIsActive{This: manager.Self, SessionID: ctx.Session.Key, UserName: ctx.Session.UserName}
	res := manager.SessionIsActive(ctx, &req).(*methods.SessionIsActiveBody)
	return res.Res != nil && res.Res.Returnval
}

func (s *Simulator) leaks() control.Leaks {
	out := control.Leaks{Sessions: len(s.liveSessions()), RESTSessions: len(s.rest.list())}
	for _, registry := range s.sweepSessions() {
		for _, obj := range registry.AllReference("") {
			switch o := obj.(type) {
			case *collector:
				if o.Self != s.rootCollector() {
					out.Collectors++
				}
				out.Filters += o.size()
			case *containerView, *simulator.ContainerView, *simulator.ListView:
				out.Views++
			}
		}
	}
	return out
}

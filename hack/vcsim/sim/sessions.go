package sim

import (
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
	held        map[string]*simulator.Registry // by session key: the session's own objects
}

// validLogin implements SessionManager.ValidLogin.
func (s *sessions) validLogin(req *types.Login) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	password, known := s.passwords[req.UserName]
	if !known || password != req.Password {
		s.refused++
		return false
	}
	s.ok++
	return true
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
}

// registries returns what live sessions hold, and forgets and returns what others held.
func (s *sessions) registries(live map[string]bool) (alive, dead []*simulator.Registry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, registry := range s.held {
		if live[key] {
			alive = append(alive, registry)
			continue
		}
		dead = append(dead, registry)
		delete(s.held, key)
	}
	return alive, dead
}

// liveSessions lists the sessions that can still make calls.
func (s *Simulator) liveSessions() []types.UserSession {
	ctx := s.background()
	manager := ctx.Session.Get(s.registry.SessionManager().Self).(*simulator.SessionManager)
	return manager.SessionList
}

// sweepSessions destroys what dead sessions held, and returns what live ones hold.
func (s *Simulator) sweepSessions() []*simulator.Registry {
	live := make(map[string]bool)
	for _, session := range s.liveSessions() {
		live[session.Key] = true
	}
	alive, dead := s.sessions.registries(live)
	for _, registry := range dead {
		for _, obj := range registry.AllReference("") {
			switch o := obj.(type) {
			case *collector:
				o.close()
			case simulator.RegisterObject:
				s.registry.RemoveHandler(o)
			}
		}
	}
	return alive
}

// endSession carries out Logout and TerminateSession, and destroys at once what the session held.
func (s *Simulator) endSession(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	res := s.stock(ctx, m)
	s.sweepSessions()
	return res
}

// endSessions terminates every session.
func (s *Simulator) endSessions() {
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
	out := control.Leaks{Sessions: len(s.liveSessions())}
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

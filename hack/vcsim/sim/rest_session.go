package sim

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const (
	restLogin = "session.Login"
	// restSessionHeader carries the identifier of a session.
	restSessionHeader = "vmware-api-session-id"
	// restIdle is how long a session lives that is not used. The documentation names no time; it is the SOAP endpoint's.
	restIdle = 30 * time.Minute
)

// sessionMethods are the calls on sessions, which both forms of the endpoint have.
func sessionMethods() []restMethod {
	const path, api = "/rest/com/vmware/cis/session", "/api/session"
	return []restMethod{
		{restLogin, "POST " + path, "", (*Simulator).restLogin},
		{restLogin, "POST " + api, "", (*Simulator).restLogin},
		{"session.Get", "POST " + path, "get", (*Simulator).restGetSession},
		{"session.Get", "GET " + path, "", (*Simulator).restGetSession},
		{"session.Get", "GET " + api, "", (*Simulator).restGetSession},
		{"session.Logout", "DELETE " + path, "", (*Simulator).restLogout},
		{"session.Logout", "DELETE " + api, "", (*Simulator).restLogout},
	}
}

// restSessions is the sessions of the REST endpoint. They have nothing to do with those of the SOAP endpoint.
type restSessions struct {
	now   func() time.Time
	ended func(control.Session) // told of each that has ended

	mu   sync.Mutex
	live map[string]restSession
}

// restSession is one session. The zero value is none.
type restSession struct {
	control.Session
	id   string
	used time.Time
}

func newRESTSessions(ended func(control.Session)) *restSessions {
	return &restSessions{now: time.Now, ended: ended, live: make(map[string]restSession)}
}

// open makes a session and returns its identifier.
func (r *restSessions) open(user, agent string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, id := r.now(), newUUID()
	r.live[id] = restSession{
		Session: control.Session{Kind: control.SessionREST, User: user, UserAgent: agent, LoginTime: now}, id: id, used: now,
	}
	return id
}

// seen returns a session that is used now.
func (r *restSessions) seen(id string) (restSession, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	session, ok := r.live[id]
	if ok {
		session.used = r.now()
		r.live[id] = session
	}
	return session, ok
}

// expire ends the sessions that were not used for too long. The caller holds the lock.
func (r *restSessions) expire() {
	for id, session := range r.live {
		if r.now().Sub(session.used) >= restIdle {
			r.drop(id)
		}
	}
}

// drop ends a session, if there is one. The caller holds the lock.
func (r *restSessions) drop(id string) {
	if session, ok := r.live[id]; ok {
		delete(r.live, id)
		r.ended(session.Session)
	}
}

func (r *restSessions) end(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(id)
}

func (r *restSessions) endAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.live {
		r.drop(id)
	}
}

// list returns the live sessions, the oldest first.
func (r *restSessions) list() []control.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	var out []control.Session
	for _, session := range slices.SortedFunc(maps.Values(r.live), func(a, b restSession) int {
		return cmp.Or(a.LoginTime.Compare(b.LoginTime), strings.Compare(a.id, b.id))
	}) {
		out = append(out, session.Session)
	}
	return out
}

// restSessionEnded puts the end of a session into the journal.
func (s *Simulator) restSessionEnded(session control.Session) {
	s.journal.add(control.Entry{
		Kind: control.EntryLogout, Session: session.Kind, User: session.User, Agent: session.UserAgent,
	})
}

// restLogin opens a session. The account and its lockout are the SOAP endpoint's.
func (s *Simulator) restLogin(c *restCall) (any, *restError) {
	user, password, ok := c.http.BasicAuth()
	if !ok {
		return nil, notLoggedIn()
	}
	entry := control.Entry{Kind: control.EntryLogin, Session: control.SessionREST, User: user, Agent: c.request.agent}
	if !s.sessions.validLogin(&types.Login{UserName: user, Password: password}) {
		err := notLoggedIn()
		entry.Fault = err.name()
		s.journal.add(entry)
		return nil, err
	}
	s.journal.add(entry)
	return s.rest.open(user, c.request.agent), nil
}

func (s *Simulator) restGetSession(c *restCall) (any, *restError) {
	return map[string]any{
		"user": c.session.User, "created_time": c.session.LoginTime, "last_accessed_time": c.session.used,
	}, nil
}

func (s *Simulator) restLogout(c *restCall) (any, *restError) {
	s.rest.end(c.session.id)
	return nil, nil
}

func (s *Simulator) opEndRESTSessions(control.Request) (any, error) {
	s.rest.endAll()
	return control.Reply{}, nil
}

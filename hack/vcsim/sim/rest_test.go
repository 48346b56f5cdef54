package sim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// rest returns a client of the REST endpoint that is logged in.
func (e *env) rest() *rest.Client {
	e.t.Helper()
	c := rest.NewClient(e.dial().Client)
	e.must(c.Login(e.ctx, url.UserPassword(e.sim.Username(), e.sim.Password())))
	return c
}

// wantStatus fails the test unless a call of the REST endpoint was answered with a status.
func wantStatus(t testing.TB, err error, status int) {
	t.Helper()
	if status == http.StatusBadRequest && err != nil && strings.HasPrefix(err.Error(), "400 ") { // govmomi has no type for it
		return
	}
	if !rest.IsStatusError(err, status) {
		t.Errorf("error %v, want status %d", err, status)
	}
}

// send makes one call of the REST endpoint, in whatever form, and returns its status and its body.
func (e *env) send(c *rest.Client, method, path, body string) (int, string) {
	e.t.Helper()
	u, err := url.Parse(e.sim.URL())
	e.must(err)
	u.Path, u.RawQuery, _ = strings.Cut(path, "?")
	req, err := http.NewRequest(method, u.String(), strings.NewReader(body))
	e.must(err)
	if id := c.SessionID(); id != "" {
		req.Header.Set("vmware-api-session-id", id)
	} else {
		req.SetBasicAuth(e.sim.Username(), e.sim.Password())
	}
	var status int
	var text []byte
	e.must(c.Client.Do(e.ctx, req, func(res *http.Response) error {
		status = res.StatusCode
		text, err = io.ReadAll(res.Body)
		return err
	}))
	return status, string(bytes.TrimSpace(text))
}

// restSessions lists the sessions of the REST endpoint.
func (e *env) restSessions() []control.Session {
	e.t.Helper()
	sessions, err := e.control.Sessions(e.ctx)
	e.must(err)
	var out []control.Session
	for _, session := range sessions {
		if session.Kind == control.SessionREST {
			out = append(out, session)
		}
	}
	return out
}

func TestRESTSession(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	since := e.now()
	c := e.rest()
	session, err := c.Session(e.ctx)
	e.must(err)
	if session == nil || session.User != "user" || session.Created.IsZero() || session.LastAccessed.Before(session.Created) {
		t.Errorf("session: %+v", session)
	}
	all, err := e.control.Sessions(e.ctx)
	e.must(err)
	if len(all) != 2 || all[0].Kind != control.SessionSOAP || all[1].Kind != control.SessionREST || all[1].UserAgent != c.UserAgent {
		t.Errorf("sessions: %+v", all)
	}
	leaks, err := e.control.Leaks(e.ctx)
	e.must(err)
	if leaks.RESTSessions != 1 || leaks.Sessions != 1 {
		t.Errorf("held: %+v", leaks)
	}
	e.must(c.Logout(e.ctx))
	if session, err = c.Session(e.ctx); session != nil || err != nil {
		t.Errorf("after the logout: %+v, %v", session, err)
	}
	wantStatus(t, c.Logout(e.ctx), http.StatusUnauthorized)
	leaks, err = e.control.Leaks(e.ctx)
	e.must(err)
	if leaks.RESTSessions != 0 || leaks.Sessions != 1 {
		t.Errorf("left: %+v", leaks)
	}
	calls, err := e.control.Calls(e.ctx)
	e.must(err)
	if m := calls.Methods; m["session.Login"] != 1 || m["session.Get"] != 2 || m["session.Logout"] != 2 || calls.LoginsOK != 2 {
		t.Errorf("calls: %+v", calls)
	}
	entries := e.journal(since)
	for _, kind := range []control.EntryKind{control.EntryLogin, control.EntryLogout} {
		entry := find(t, entries, string(kind), func(e control.Entry) bool { return e.Kind == kind && e.Session == control.SessionREST })
		if entry.User != "user" || entry.Agent != c.UserAgent || entry.Fault != "" {
			t.Errorf("%+v", entry)
		}
	}
	find(t, entries, "refused answer", func(e control.Entry) bool {
		return e.Kind == control.EntryAnswer && e.Method == "session.Logout" && e.Fault == "Unauthenticated"
	})
}

// Both forms of the endpoint open the same sessions.
func TestRESTForms(t *testing.T) {
	e := start(t, sim.Options{})
	c := rest.NewClient(e.dial().Client)
	status, body := e.send(c, http.MethodPost, "/api/session", "")
	var id string
	e.must(json.Unmarshal([]byte(body), &id))
	if status != http.StatusCreated || id == "" {
		t.Fatalf("login: %d %s", status, body)
	}
	c.SessionID(id)
	for _, path := range []string{"/api/session", "/rest/com/vmware/cis/session"} {
		if status, body := e.send(c, http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(body, `"user":"user"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := e.send(c, http.MethodDelete, "/api/session", ""); status != http.StatusNoContent || body != "" {
		t.Errorf("logout: %d %s", status, body)
	}
	status, body = e.send(c, http.MethodGet, "/api/session", "")
	if status != http.StatusUnauthorized || !strings.Contains(body, `"error_type":"UNAUTHENTICATED"`) {
		t.Errorf("after the logout: %d %s", status, body)
	}
	status, body = e.send(c, http.MethodGet, "/rest/com/vmware/cis/session", "")
	if status != http.StatusUnauthorized || !strings.Contains(body, `"type":"com.vmware.vapi.std.errors.unauthenticated"`) {
		t.Errorf("after the logout: %d %s", status, body)
	}
}

// Wrong passwords lock the account, whichever endpoint they come to.
func TestRESTLockout(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	c := rest.NewClient(e.dial().Client)
	for range 4 {
		wantStatus(t, c.Login(e.ctx, url.UserPassword("user", "wrong")), http.StatusUnauthorized)
	}
	e.rest() // not yet
	wantStatus(t, c.Login(e.ctx, url.UserPassword("user", "wrong")), http.StatusUnauthorized)
	wantStatus(t, c.Login(e.ctx, url.UserPassword("user", "pass")), http.StatusUnauthorized)
	wantFault[*types.InvalidLogin](t, e.dial().Login(e.ctx, url.UserPassword("user", "pass")))
	if v := e.violations(); len(v) != 1 || v[0].Kind != control.ViolationLockout {
		t.Errorf("violations: %v", v)
	}
	calls, err := e.control.Calls(e.ctx)
	e.must(err)
	if calls.LoginsOK != 2 || calls.LoginsRefused != 7 {
		t.Errorf("%d logins and %d refused ones, want 2 and 7", calls.LoginsOK, calls.LoginsRefused)
	}
	wantStatus(t, c.Login(e.ctx, nil), http.StatusUnauthorized) // nobody: no account to lock
}

func TestRESTSessionsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*env) error
		soap bool // whether sessions of the SOAP endpoint end too
	}{
		"REST alone": {func(e *env) error { return e.control.EndRESTSessions(e.ctx) }, false},
		"all":        {func(e *env) error { return e.control.EndSessions(e.ctx) }, true},
		"restart":    {func(e *env) error { return e.control.Restart(e.ctx, 1, control.TasksFail) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, sim.Options{})
			c, since := e.rest(), e.now()
			e.must(test.end(e))
			c.CloseIdleConnections() // a restart has cut them, and a call that meets one is not sent again
			if session, err := c.Session(e.ctx); session != nil || err != nil {
				t.Errorf("session %+v, %v", session, err)
			}
			find(t, e.journal(since), "end of the session", func(e control.Entry) bool {
				return e.Kind == control.EntryLogout && e.Session == control.SessionREST
			})
			if _, err := methods.GetCurrentTime(e.ctx, e.client); (err != nil) != test.soap {
				t.Errorf("the session of the SOAP endpoint: %v", err)
			}
			e.rest()
			if n := len(e.restSessions()); n != 1 {
				t.Errorf("%d sessions, want 1", n)
			}
		})
	}
}

// In strict mode it is a violation to call what is not simulated, or what the controller need not call.
func TestRESTUnknownMethod(t *testing.T) {
	for _, strict := range []bool{false, true} {
		e := start(t, sim.Options{Strict: strict})
		status, _ := e.send(e.rest(), http.MethodGet, "/rest/vcenter/vm", "")
		if want := map[bool]int{false: http.StatusNotFound, true: http.StatusForbidden}[strict]; status != want {
			t.Errorf("strict %t: status %d, want %d", strict, status, want)
		}
		calls, err := e.control.Calls(e.ctx)
		e.must(err)
		if calls.Methods["GET /rest/vcenter/vm"] != 1 {
			t.Errorf("calls: %v", calls.Methods)
		}
		violations := e.violations()
		if strict && (len(violations) != 1 || violations[0].Kind != control.ViolationPrivilege) || !strict && len(violations) > 0 {
			t.Errorf("strict %t: violations %v", strict, violations)
		}
	}
}

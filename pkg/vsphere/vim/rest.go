package vim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// restLoginAfter is how long no login is tried after one that was not answered. It may have been refused, and is not to use up the
// attempts that SOAP has before the account is locked.
const restLoginAfter = unansweredFor + time.Minute

// restSession is the session of vCenter's REST endpoint, which alone knows tags and cluster modules. It is apart from that of SOAP, and
// outlives the connections as that does. It is safe for concurrent use.
type restSession struct {
	mu        sync.Mutex
	id        string    // empty: there is none
	used      time.Time // when it was last seen alive
	notBefore time.Time // of the next login
}

func (s *restSession) get() (id string, used time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id, s.used
}

func (s *restSession) set(id string, used time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.used = id, used
}

// loginAt returns when the next login may be tried.
func (s *restSession) loginAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notBefore
}

func (s *restSession) putOff(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notBefore = until
}

// restClient returns a client of the REST endpoint with the transport of another client, and the session that there is.
func (s *shared) restClient(from *soap.Client) *rest.Client {
	client := rest.NewClient(&vim25.Client{Client: from})
	client.Transport, client.CheckRedirect = from.Transport, from.CheckRedirect
	id, _ := s.rest.get()
	client.SessionID(id)
	return client
}

// restCaller makes the calls of the REST endpoint. It logs in by itself.
type restCaller struct {
	*connection
	client *rest.Client
}

func (c *connection) newRESTCaller() *restCaller {
	return &restCaller{c, c.restClient(c.client.Client)}
}

// restCall is one call.
type restCall struct {
	method    string // as metrics have it
	what      string // what is tried, as the beginning of a sentence
	privilege string // that vCenter asks for
	reads     bool   // it changes nothing: the guard is not asked
}

// do makes one call. A session that has ended is replaced, once.
func (r *restCaller) do(ctx context.Context, of restCall, call func(context.Context) error) *vsphere.Error {
	err := r.try(ctx, of, call)
	if rest.IsStatusError(err, http.StatusUnauthorized) {
		err = r.try(ctx, of, call)
	}
	return r.failREST(of, err)
}

func (r *restCaller) try(ctx context.Context, of restCall, call func(context.Context) error) error {
	if err := r.login(ctx); err != nil {
		return err
	}
	if !of.reads {
		if refused := r.cfg.Guard(); refused != nil {
			return &guardError{refused}
		}
	}
	return r.send(ctx, of.method, call)
}

// send gives a call its deadline. It notes whether the session lives.
func (r *restCaller) send(ctx context.Context, method string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.CallTimeout)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	r.cfg.Observe(method, time.Since(start), err)
	switch {
	case err == nil && r.client.SessionID() != "":
		r.rest.set(r.client.SessionID(), r.cfg.Clock.Now())
	case rest.IsStatusError(err, http.StatusUnauthorized): // it timed out, or somebody has ended it
		r.endSession()
	}
	return err
}

func (r *restCaller) endSession() {
	r.rest.set("", time.Time{})
	r.client.SessionID("")
}

// failREST turns the error of a call into one that crosses the port, nil if there is none. What it says is the same each time for the
// same trouble: other words would wake everybody.
func (r *restCaller) failREST(of restCall, err error) *vsphere.Error {
	out := &vsphere.Error{Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Err: err}
	guarded, refused := errors.AsType[*guardError](err)
	own, isOwn := errors.AsType[*vsphere.Error](err)
	_, unanswered := errors.AsType[*url.Error](err)
	switch {
	case err == nil:
		return nil
	case refused:
		return guardFailure(of.what, guarded)
	case isOwn:
		*out = *own
		out.Err = err // which may say when to try again
	case rest.IsStatusError(err, http.StatusForbidden):
		out.Class, out.Reason = vsphere.ClassInvalid, v1alpha1.ReasonNoPermission
		out.Message = fmt.Sprintf("%s: the controller's account lacks the privilege %s; grant it in vCenter.", of.what, of.privilege)
	case rest.IsStatusError(err, http.StatusNotFound):
		out.Message = of.what + ": vCenter does not know it (404): it has just gone, or this vCenter has no such REST endpoint, which is there since 7.0. It is tried again."
	case unanswered:
		out.Message = of.what + ": vCenter's REST endpoint does not answer; it is tried again. Check vCenter's service vapi-endpoint."
	default:
		out.Message = fmt.Sprintf("%s: %s; it is tried again.", of.what, transportText(err))
	}
	return out
}

// login makes a session unless there is one. It passes the same gate as the session of SOAP, for vCenter locks the same account. One that
// is not answered puts off the next, so that SOAP has attempts left.
func (r *restCaller) login(ctx context.Context) error {
	if id, _ := r.rest.get(); id != "" {
		return nil
	}
	if at := r.rest.loginAt(); r.cfg.Clock.Now().Before(at) {
		return &loginPutOff{until: at, err: &vsphere.Error{
			Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
			Message: "vCenter's REST endpoint has not answered a login; another one is tried some minutes later, lest the account is locked.",
		}}
	}
	return r.logins.attempt(ctx, func(user, password string) error {
		patient, cancel := untilGrace(ctx)
		defer cancel()
		var sent atomic.Bool
		patient = httptrace.WithClientTrace(patient, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
		err := r.send(patient, "session.Login", func(ctx context.Context) error {
			return r.client.Login(ctx, url.UserPassword(user, password))
		})
		if err == nil {
			return nil
		}
		refused := rest.IsStatusError(err, http.StatusUnauthorized) || rest.IsStatusError(err, http.StatusForbidden)
		_, lost := errors.AsType[*url.Error](err)
		if lost && sent.Load() {
			r.rest.putOff(r.cfg.Clock.Now().Add(restLoginAfter))
		}
		return &restLoginError{err, refused, lost && sent.Load()}
	})
}

// restLoginError is a login at the REST endpoint that has failed.
type restLoginError struct {
	error
	refused, unanswered bool
}

func (e *restLoginError) Unwrap() error { return e.error }

// keepSession keeps a session alive that is needed, and ends one that is not.
func (r *restCaller) keepSession(ctx context.Context, needed bool) error {
	id, used := r.rest.get()
	switch {
	case id == "" || needed && r.cfg.Clock.Since(used) < restKeepEvery:
		return nil
	case !needed:
		return r.send(ctx, "session.Logout", func(ctx context.Context) error { return r.logoutREST(ctx, r.client) })
	}
	return r.send(ctx, "session.Get", func(ctx context.Context) error {
		session, err := r.client.Session(ctx)
		if err == nil && session == nil { // so the client tells of a session that has ended
			r.endSession()
		}
		return err
	})
}

// logoutREST ends the session of the REST endpoint, if there is one. That there is none any more is a success.
func (s *shared) logoutREST(ctx context.Context, client *rest.Client) error {
	id, _ := s.rest.get()
	if id == "" {
		return nil
	}
	client.SessionID(id)
	err := client.Logout(ctx)
	if err == nil || rest.IsStatusError(err, http.StatusUnauthorized) {
		s.rest.set("", time.Time{})
		client.SessionID("")
		return nil
	}
	return fmt.Errorf("log out of the REST endpoint: %w", err)
}

package vim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// restSession is the session of vCenter's REST endpoint, which alone knows tags and cluster modules. It is apart from that of SOAP, and
// outlives the connections as that does. It is safe for concurrent use.
type restSession struct {
	mu   sync.Mutex
	id   string // empty: there is none
	used time.Time
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

// do makes one call, named as metrics have it. Unless it only reads, the guard has to agree. what says what is tried, as the beginning of
// a sentence, and privilege what vCenter asks for.
func (r *restCaller) do(ctx context.Context, method, what, privilege string, reads bool, call func(context.Context) error) *vsphere.Error {
	err := r.login(ctx)
	if err == nil && !reads {
		if refused := r.cfg.Guard(); refused != nil {
			err = &guardError{refused}
		}
	}
	if err == nil {
		err = r.send(ctx, method, call)
	}
	return r.failREST(what, privilege, err)
}

func (r *restCaller) send(ctx context.Context, method string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.CallTimeout)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	r.cfg.Observe(method, time.Since(start), err)
	if rest.IsStatusError(err, http.StatusUnauthorized) { // it timed out, or somebody has ended it
		r.rest.set("", time.Time{})
		r.client.SessionID("")
	} else if id := r.client.SessionID(); id != "" {
		r.rest.set(id, r.cfg.Clock.Now())
	}
	return err
}

// failREST turns the error of a call into one that crosses the port, nil if there is none.
func (r *restCaller) failREST(what, privilege string, err error) *vsphere.Error {
	out := &vsphere.Error{Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Err: err}
	guarded, refused := errors.AsType[*guardError](err)
	own, isOwn := errors.AsType[*vsphere.Error](err)
	_, unanswered := errors.AsType[*url.Error](err)
	switch {
	case err == nil:
		return nil
	case refused:
		return guardFailure(what, guarded)
	case isOwn:
		return own
	case rest.IsStatusError(err, http.StatusForbidden):
		out.Class, out.Reason = vsphere.ClassInvalid, v1alpha1.ReasonNoPermission
		out.Message = fmt.Sprintf("%s: the controller's account lacks the privilege %s; grant it in vCenter.", what, privilege)
	case unanswered: // in the same words each time: other words wake everybody
		out.Message = what + ": vCenter's REST endpoint does not answer; it is tried again. Check vCenter's service vapi-endpoint."
	default:
		out.Message = fmt.Sprintf("%s: %s; it is tried again.", what, transportText(err))
	}
	return out
}

// login makes a session unless there is one. It passes the same gate as the session of SOAP, for vCenter locks the same account.
func (r *restCaller) login(ctx context.Context) error {
	if id, _ := r.rest.get(); id != "" {
		return nil
	}
	return r.logins.attempt(ctx, func(user, password string) error {
		patient, cancel := untilGrace(ctx)
		defer cancel()
		err := r.send(patient, "session.Login", func(ctx context.Context) error {
			return r.client.Login(ctx, url.UserPassword(user, password))
		})
		if err != nil {
			refused := rest.IsStatusError(err, http.StatusUnauthorized) || rest.IsStatusError(err, http.StatusForbidden)
			_, unanswered := errors.AsType[*url.Error](err)
			return &restLoginError{err, refused, unanswered}
		}
		return nil
	})
}

// restLoginError is a login at the REST endpoint that has failed.
type restLoginError struct {
	error
	refused, unanswered bool
}

func (e *restLoginError) Unwrap() error { return e.error }

// keepSession keeps a session alive that is needed, and ends one that is not.
func (r *restCaller) keepSession(ctx context.Context, needed bool) *vsphere.Error {
	id, used := r.rest.get()
	switch {
	case id == "":
		return nil
	case !needed:
		return r.failREST("Log out of the REST endpoint", "", r.logoutREST(ctx, r.client))
	case r.cfg.Clock.Since(used) < restKeepEvery:
		return nil
	}
	var gone bool
	err := r.send(ctx, "session.Get", func(ctx context.Context) error {
		session, err := r.client.Session(ctx)
		gone = err == nil && session == nil
		return err
	})
	if gone {
		r.rest.set("", time.Time{})
		r.client.SessionID("")
	}
	return r.failREST("Keep the session of the REST endpoint", "", err)
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

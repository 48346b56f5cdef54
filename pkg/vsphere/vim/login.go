package vim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	govmomisession "github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// refusedFor is how long credentials that were refused are not tried again. vCenter's default policy locks the
	// account at 5 failures within 180 s.
	refusedFor = 5 * time.Minute
	// askCredentialsEvery is how often it is looked whether they have changed meanwhile.
	askCredentialsEvery = 2 * time.Second
	// unansweredFor and maxUnanswered bound the logins whose answer was lost: each may have been a failure.
	unansweredFor = 3 * time.Minute
	maxUnanswered = 3
	// loginGrace is how long a login that is under way is waited for when the process is to end.
	loginGrace = 2 * time.Second
)

// loginThrottle remembers what came of the last logins. Only one goroutine uses it at a time: the session loop, or, while that waits for a
// connection to end, what keeps tags and cluster modules. It repeats the rules of the gate on
// purpose: a gate's record may be lost with its Lease, or there may be no gate, and the account is locked all the same. It
// also keeps the words of the refusal, and knows the answer without a call to the API server.
type loginThrottle struct {
	credentials func() (user, password string, err error)
	clock       clock.WithTicker
	gate        LoginGate // nil: there is none

	refused    [sha256.Size]byte // of the credentials that were refused last
	until      time.Time         // not to be tried again before
	why        error             // how they were refused
	unanswered []time.Time
}

// loginPutOff means that no login was tried, or that one was refused, and when the next may be.
type loginPutOff struct {
	until       time.Time
	credentials [sha256.Size]byte // others may be tried at once
	err         *vsphere.Error
}

func (e *loginPutOff) Error() string { return e.err.Error() }

func (e *loginPutOff) Unwrap() error { return e.err }

// fingerprint compares credentials in memory without keeping them.
func fingerprint(user, password string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(user), user, password))
}

// login makes a session. The caller has made sure that there is none.
func (t *loginThrottle) login(ctx context.Context, client *vim25.Client) (*types.UserSession, error) {
	var session types.UserSession
	err := t.attempt(ctx, func(user, password string) error {
		res, err := askToLogin(ctx, client, user, password)
		if err == nil {
			session = res.Returnval
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &session, nil
}

// attempt has ask send a login, if that may be tried, and notes what came of it.
func (t *loginThrottle) attempt(ctx context.Context, ask func(user, password string) error) error {
	user, password, err := t.credentials()
	if err != nil {
		return &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonCredentialsUnreadable, Err: err,
			Message: fmt.Sprintf("the credentials of vCenter cannot be read: %v.", err),
		}
	}
	key := fingerprint(user, password)
	if err := t.mayLogin(ctx, user, password, key); err != nil {
		return err
	}
	return t.noteLogin(ctx, user, key, ask(user, password))
}

// untilGrace returns a context that ends a little later than ctx: without the answer to a login nobody can end the session that it may
// have made.
func untilGrace(ctx context.Context) (patient context.Context, cancel context.CancelFunc) {
	patient, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(loginGrace, end) })
	return patient, func() { stop(); end() }
}

// askToLogin sends the login.
func askToLogin(ctx context.Context, client *vim25.Client, user, password string) (*types.LoginResponse, error) {
	patient, cancel := untilGrace(ctx)
	defer cancel()
	return methods.Login(patient, client, &types.Login{
		This: *client.ServiceContent.SessionManager, UserName: user, Password: password, Locale: govmomisession.Locale,
	})
}

// mayLogin asks the throttles, our own and the persisted one, for one attempt.
func (t *loginThrottle) mayLogin(ctx context.Context, user, password string, key [sha256.Size]byte) error {
	now := t.clock.Now()
	if t.refused == key && now.Before(t.until) {
		return &loginPutOff{t.until, key, loginRejected(user, t.until, t.why)}
	}
	for len(t.unanswered) > 0 && now.Sub(t.unanswered[0]) >= unansweredFor {
		t.unanswered = t.unanswered[1:]
	}
	if len(t.unanswered) >= maxUnanswered {
		return &loginPutOff{until: t.unanswered[0].Add(unansweredFor), err: &vsphere.Error{
			Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonVCenterUnreachable,
			Message: "vCenter has not answered several logins; waiting, lest the account is locked.",
		}}
	}
	if t.gate == nil {
		return nil
	}
	allowed, after, err := t.gate.Begin(ctx, user, password)
	if err != nil {
		return &vsphere.Error{
			Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonVCenterUnreachable, Err: err,
			Message: fmt.Sprintf("no login to vCenter was tried, because it cannot be recorded first: %v.", err),
		}
	}
	if !allowed {
		until := now.Add(after)
		return &loginPutOff{until, key, loginRejected(user, until, nil)}
	}
	return nil
}

// noteLogin records what came of an attempt, and tells an attempt that was refused from one that got no answer.
func (t *loginThrottle) noteLogin(ctx context.Context, user string, key [sha256.Size]byte, err error) error {
	f := faultOf(err)
	_, wrong := f.(types.BaseInvalidLogin)
	_, denied := f.(*types.NoPermission)
	atREST, ok := errors.AsType[*restLoginError](err)
	refused := wrong || denied || ok && atREST.refused
	call, _ := errors.AsType[*callError](err)
	unanswered := f == nil && call != nil && call.sent || ok && atREST.unanswered
	if gateErr := t.endLogin(ctx, refused, unanswered); gateErr != nil {
		// The record goes on saying "tried", which counts as a refusal may: that delays at most a later login.
		klog.FromContext(ctx).Info("What came of a login could not be recorded", "err", gateErr)
	}
	now := t.clock.Now()
	switch {
	case err == nil:
		t.refused, t.until, t.why, t.unanswered = [sha256.Size]byte{}, time.Time{}, nil, nil
		return nil
	case refused:
		t.refused, t.until, t.why, t.unanswered = key, now.Add(refusedFor), err, nil
		return &loginPutOff{t.until, key, loginRejected(user, t.until, err)}
	case unanswered:
		t.unanswered = append(t.unanswered, now)
	}
	return err
}

// endLogin tells the persisted throttle what came of an attempt.
func (t *loginThrottle) endLogin(ctx context.Context, refused, unanswered bool) error {
	switch {
	case t.gate == nil:
		return nil
	case unanswered:
		return t.gate.Unanswered(ctx)
	default:
		return t.gate.End(ctx, refused)
	}
}

// loginRejected says why no login is tried until then. Without err, an earlier process or another replica has tried.
func loginRejected(user string, until time.Time, err error) *vsphere.Error {
	if err == nil {
		return &vsphere.Error{
			Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonCredentialsRejected,
			Message: fmt.Sprintf("vCenter refused logins of %q lately, or did not answer them. The next is tried at %s, and at once when the credentials change, lest the account is locked.",
				user, until.UTC().Format(time.RFC3339)),
		}
	}
	return &vsphere.Error{
		Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonCredentialsRejected, Err: err,
		Message: fmt.Sprintf("vCenter refused the user name or the password of %q. They are tried again at %s, and at once when they change.",
			user, until.UTC().Format(time.RFC3339)),
	}
}

// waitForLogin waits until a login that was put off may be tried, or the credentials have changed.
func (t *loginThrottle) waitForLogin(ctx context.Context, putOff *loginPutOff) {
	ticker := t.clock.NewTicker(askCredentialsEvery)
	defer ticker.Stop()
	for t.clock.Now().Before(putOff.until) {
		user, password, err := t.credentials()
		if err == nil && putOff.credentials != [sha256.Size]byte{} && fingerprint(user, password) != putOff.credentials {
			return
		}
		select {
		case <-ticker.C():
		case <-ctx.Done():
			return
		}
	}
}

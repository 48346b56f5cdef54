package vim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	govmomisession "github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxIdleConns is how many connections to vCenter are kept open: one for the long poll and some for the workers.
const maxIdleConns = 16

const (
	minBackoff = time.Second
	// maxBackoff leaves room for the inventory to be read, and for the groups to be synced, within the 30 s after an outage
	// that are promised.
	maxBackoff = 20 * time.Second
	// logoutTimeout bounds all attempts to log out of one endpoint together.
	logoutTimeout  = 5 * time.Second
	logoutAttempts = 2
	// steadyAfter is how long a connection must have been synced for its loss to be answered at once.
	steadyAfter = 30 * time.Second
)

// Run connects to vCenter and keeps the inventory in step with it until ctx ends. Then it logs out, and leaves everything
// else in vCenter as it is. It fails only if it could not log out. It is to be called once.
func (v *VCenter) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("vcenter")
	ctx = klog.NewContext(ctx, logger)
	for failures := 0; ctx.Err() == nil; {
		began := v.cfg.Clock.Now()
		err := v.runConnection(ctx)
		if ctx.Err() != nil {
			break
		}
		state := v.State()
		stood := v.cfg.Clock.Since(state.Since)
		failure := v.connectFailure(err, state.Synced)
		if v.setLost(failure) {
			logger.Info("No connection to vCenter", "reason", failure.Reason, "err", failure)
		} else {
			logger.V(2).Info("Still no connection to vCenter", "reason", failure.Reason, "err", failure)
		}
		if state.Synced && stood >= state.Since.Sub(began) { // it has worked, and not only cost what it takes to make one
			failures = 0
		}
		if state.Synced && (errors.Is(err, errRewatch) || stood >= steadyAfter) {
			failures = 0
			continue
		}
		v.waitToRetry(ctx, failures, err)
		failures++
	}
	v.setLost(syncing("The controller is stopping."))
	return v.logout(ctx)
}

// connectFailure says why there is no connection. stood is true if there was one, which was in step. What went wrong in the
// middle of it, such as a collector that has vanished with its session, is no more than that for everybody else.
func (v *VCenter) connectFailure(err error, stood bool) *vsphere.Error {
	if errors.Is(err, errRewatch) {
		return syncing("The root folder or a template folder has changed; reading the inventory anew.")
	}
	lost := lostCall(err)
	var failure *vsphere.Error
	switch {
	case lost != nil && !stood:
		failure = silent(vsphere.ClassUnavailable, "Connect to vCenter", err)
	case lost != nil && lost.ends:
		failure = &vsphere.Error{
			Class: vsphere.ClassUnavailable, Err: err,
			Message: fmt.Sprintf("vCenter does not answer: several calls in a row got no answer, %s the last of them: %s. Check vCenter, and the network between it and the controller.",
				lost.method, transportText(lost)),
		}
	case stood:
		failure = v.fail("Stay connected to vCenter", err)
	default:
		failure = v.fail("Connect to vCenter", err)
	}
	_, deliberate := errors.AsType[*vsphere.Error](err)
	if deliberate || failure.Class == vsphere.ClassInvalid || failure.Reason == v1alpha1.ReasonCertificateRejected {
		return failure
	}
	failure.Reason = v1alpha1.ReasonVCenterUnreachable
	return failure
}

// waitToRetry waits 1 s, doubling to 20 s, less up to a half; or, after a login that was put off, until it may be tried.
func (v *VCenter) waitToRetry(ctx context.Context, failures int, err error) {
	if putOff, ok := errors.AsType[*loginPutOff](err); ok {
		v.logins.waitForLogin(ctx, putOff)
		return
	}
	d := min(minBackoff<<min(failures, 10), maxBackoff)
	select {
	case <-v.cfg.Clock.After(d - rand.N(d/2)):
	case <-ctx.Done():
	}
}

// runConnection makes one connection and lives with it until it breaks.
func (v *VCenter) runConnection(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := v.connect(ctx, cancel)
	if err != nil {
		return err
	}
	err = c.run(ctx, func() { v.setSynced(c) })
	c.handOver()
	if cause := context.Cause(ctx); cause != nil {
		return cause // what a worker has found out first
	}
	return err
}

// connect makes a client, finds out whether there is a session, and logs in only if there is none.
func (v *VCenter) connect(ctx context.Context, lost context.CancelCauseFunc) (*connection, error) {
	soapClient, err := v.newSoapClient()
	if err != nil {
		return nil, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonCertificateRejected, Err: err,
			Message: fmt.Sprintf("vCenter's certificate cannot be verified: %v. Put the certificate of who has signed it there.", err),
		}
	}
	call := &caller{
		next: soapClient, guard: v.cfg.Guard, timeout: v.cfg.CallTimeout, observe: v.cfg.Observe, lost: lost,
	}
	client := &vim25.Client{Client: soapClient, RoundTripper: call}
	content, err := serviceContent(ctx, client)
	if err != nil {
		soapClient.CloseIdleConnections()
		return nil, err
	}
	client.ServiceContent = content
	v.adopt(client)

	sessions := govmomisession.NewManager(client)
	current, err := sessions.UserSession(ctx)
	if err != nil {
		return nil, err
	}
	if current == nil {
		v.takeLeftovers() // they went with their session
		if current, err = v.logins.login(ctx, client); err != nil {
			return nil, err
		}
		klog.FromContext(ctx).Info("Logged in to vCenter", "version", content.About.Version)
	}
	v.noteUser(current.UserName)
	c := newConnection(v.shared, client, lost)
	c.policies = newPolicyCaller(call, soapClient)
	return c, nil
}

// adopt makes client the one that is logged out in the end, and forgets the inventory if it talks to another vCenter.
func (v *VCenter) adopt(client *vim25.Client) {
	about := client.ServiceContent.About
	v.mu.Lock()
	previous := v.last
	another := v.state.InstanceUUID != "" && v.state.InstanceUUID != about.InstanceUuid
	v.last = client
	v.state.InstanceUUID, v.state.Version = about.InstanceUuid, about.Version
	v.mu.Unlock()
	if previous != nil {
		previous.CloseIdleConnections()
	}
	if another {
		v.shared.reset()
	}
}

func serviceContent(ctx context.Context, client *vim25.Client) (types.ServiceContent, error) {
	full, err := vim25.NewClient(ctx, client.RoundTripper)
	if err != nil {
		return types.ServiceContent{}, err
	}
	return full.ServiceContent, nil
}

// logout ends the session of a client. That there is none is a success.
func logout(ctx context.Context, client *vim25.Client) error {
	err := govmomisession.NewManager(client).Logout(ctx)
	if _, ended := faultOf(err).(*types.NotAuthenticated); ended || err == nil {
		return nil
	}
	return fmt.Errorf("log out: %w", err)
}

// newSoapClient returns a client of its own connections that shares the cookies of jar, and so the session.
func (v *VCenter) newSoapClient() (*soap.Client, error) {
	cfg, err := v.cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	c := soap.NewClient(v.endpoint, v.cfg.TLS.Insecure)
	t := c.DefaultTransport()
	t.TLSClientConfig = cfg
	t.DialTLSContext = nil // govmomi's has no deadline; net/http's own has
	t.MaxIdleConnsPerHost = maxIdleConns
	if v.cfg.WrapTransport != nil {
		c.Client.Transport = v.cfg.WrapTransport(t)
	}
	c.Jar = v.jar
	c.UserAgent = v.cfg.UserAgent
	// A redirected POST is either no POST any more or a second one.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Namespace, c.Version = "urn:"+vim25.Namespace, vim25.Version
	return c, nil
}

// logout ends the sessions, if there are any, each within a short time of its own.
func (v *VCenter) logout(ctx context.Context) error {
	v.mu.Lock()
	client := v.last
	v.mu.Unlock()
	if client == nil {
		return nil
	}
	defer client.CloseIdleConnections()
	atREST := v.restClient(client.Client)
	return errors.Join(
		tryLogout(ctx, func(ctx context.Context) error { return logout(ctx, client) }),
		tryLogout(ctx, func(ctx context.Context) error { return v.logoutREST(ctx, atREST) }),
	)
}

// tryLogout tries a logout more than once: a session that is left counts against vCenter's limit until it times out.
func tryLogout(ctx context.Context, logout func(context.Context) error) (err error) {
	for range logoutAttempts {
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout/logoutAttempts)
		err = logout(attempt)
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

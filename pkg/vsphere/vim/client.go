package vim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxIdleConns is how many connections to vCenter are kept open: one for the long poll and some for the workers.
const maxIdleConns = 16

// TLS says how vCenter's certificate is verified. The zero value verifies it against the system's certificate
// authorities.
type TLS struct {
	// Insecure turns verification off.
	Insecure bool
	// CAFile holds certificate authorities in PEM form, to be trusted instead of the system's; several files are separated
	// as in $PATH. It is read again at each connection, so that it can come late, and be replaced while the controller runs.
	CAFile string
	// Thumbprint is the SHA-256 (or, as older vCenters show it, SHA-1) fingerprint of the one certificate that is
	// accepted, whoever has signed it.
	Thumbprint string
}

// config returns the configuration of a connection.
func (t TLS) config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		var err error
		if cfg.RootCAs, err = readAuthorities(t.CAFile); err != nil {
			return nil, err
		}
	}
	if t.Thumbprint != "" {
		cfg.InsecureSkipVerify = true // replaced by the comparison below
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return verifyThumbprint(t.Thumbprint, state) }
	}
	return cfg, nil
}

func readAuthorities(files string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, file := range filepath.SplitList(files) {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("-vcenter-ca-file or GOVC_TLS_CA_CERTS names %q, which cannot be read: %w", file, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-vcenter-ca-file or GOVC_TLS_CA_CERTS names %q, which holds no certificate in PEM form", file)
		}
	}
	return pool, nil
}

// errThumbprint means that vCenter has shown another certificate than the one that was asked for.
var errThumbprint = errors.New("vCenter's certificate has another thumbprint")

func verifyThumbprint(want string, state tls.ConnectionState) error {
	plain := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, ":", "")) }
	for _, cert := range state.PeerCertificates[:min(1, len(state.PeerCertificates))] {
		for _, have := range []string{soap.ThumbprintSHA256(cert), soap.ThumbprintSHA1(cert)} {
			if have != "" && plain(have) == plain(want) {
				return nil
			}
		}
	}
	return errThumbprint
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

// caller is the one way to vCenter: it gives each call its deadline, asks the guard before each one that changes
// anything and until its request is sent, and notes what an error says about the connection.
type caller struct {
	next    soap.RoundTripper
	guard   func() error
	timeout time.Duration
	observe func(method string, d time.Duration, err error)
	lost    func(error)
	// unanswered counts the calls in a row that had no answer within their deadline.
	unanswered atomic.Int32
}

// maxUnansweredCalls is how many calls in a row without an answer mean that vCenter hangs. One may merely have been slow.
const maxUnansweredCalls = 2

// readers are the methods that change nothing but our own session. Any other is asked for at the guard, so that one that
// somebody adds later cannot slip past it.
var readers = map[string]bool{
	"RetrieveServiceContent": true, "RetrieveProperties": true, "RetrievePropertiesEx": true,
	"ContinueRetrievePropertiesEx": true, "CancelRetrievePropertiesEx": true, "CurrentTime": true,
	"FindChild": true, "QueryEvents": true, "Login": true, "Logout": true,
	"CreatePropertyCollector": true, "DestroyPropertyCollector": true, "CreateFilter": true, "DestroyPropertyFilter": true,
	"WaitForUpdatesEx": true, "CancelWaitForUpdates": true,
	"CreateContainerView": true, "CreateListView": true, "ModifyListView": true, "ResetListView": true, "DestroyView": true,
}

// RoundTrip makes one call. Its error is a *callError.
func (c *caller) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	method := methodName(req)
	call := &callError{method: method, mutating: !readers[method]}
	if call.mutating {
		if err := c.guard(); err != nil {
			call.err = &guardError{err}
			return call
		}
	}
	timeout := c.timeout
	if method == "WaitForUpdatesEx" {
		timeout = pollTimeout
	}
	if id := vsphere.OpID(ctx); id != "" {
		ctx = context.WithValue(ctx, types.ID{}, id)
	}
	callCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	if call.mutating {
		var written func()
		callCtx, written = c.guardSending(callCtx)
		defer written()
		trace.WroteRequest = func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				written()
			}
		}
	}
	callCtx = httptrace.WithClientTrace(callCtx, trace)

	start := time.Now()
	err := c.next.RoundTrip(callCtx, req, res)
	if err == nil {
		c.unanswered.Store(0)
		c.observe(method, time.Since(start), nil)
		return nil
	}
	call.err, call.sent = redact(err), sent.Load()
	refusal, cut := errors.AsType[*guardError](context.Cause(callCtx))
	if cut && !call.sent {
		call.err = refusal
	}
	c.observe(method, time.Since(start), call)
	if ctx.Err() == nil && !cut && (call.breaks() || c.hangs(call)) {
		c.lost(call)
	}
	return call
}

// hangs counts a call that failed, and tells whether vCenter is to be taken for one that hangs: it accepts calls and answers
// none. Without that, only the long poll would notice, more than a minute later.
func (c *caller) hangs(call *callError) bool {
	if !errors.Is(call.err, context.DeadlineExceeded) {
		c.unanswered.Store(0)
		return false
	}
	return c.unanswered.Add(1) >= maxUnansweredCalls
}

// guardAgain is how often the guard is asked while a request is not sent yet. It is a small part of the time between the
// moment when the guard gives up the lease and the one when somebody else may have it.
const guardAgain = 100 * time.Millisecond

// guardSending returns a context that ends when the guard refuses, until written is called: to reach vCenter may take
// longer than the lease lasts. A request that is written in full is vCenter's, and to cut it off would only lose the answer.
func (c *caller) guardSending(ctx context.Context) (_ context.Context, written func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		again := time.NewTicker(guardAgain)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				if err := c.guard(); err != nil {
					cancel(&guardError{err})
					return
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() { close(done) })
}

// methodName returns the name of the method that a request body belongs to.
func methodName(req soap.HasFault) string {
	return strings.TrimSuffix(reflect.TypeOf(req).Elem().Name(), "Body")
}

// redact drops the URL that net/http repeats in its errors.
func redact(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// callError is a call that failed.
type callError struct {
	method   string
	mutating bool
	sent     bool // vCenter may have got the request
	err      error
}

func (e *callError) Error() string { return e.method + ": " + e.err.Error() }

func (e *callError) Unwrap() error { return e.err }

// breaks tells whether the error speaks of the connection or the session rather than of the call. A call that was merely
// slow does not: see caller.hangs.
func (e *callError) breaks() bool {
	if f := faultOf(e.err); f != nil {
		_, ok := f.(*types.NotAuthenticated)
		return ok
	}
	return !errors.Is(e.err, context.DeadlineExceeded)
}

// guardError is a refusal of the guard: nothing was sent.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }

func (e *guardError) Unwrap() error { return e.err }

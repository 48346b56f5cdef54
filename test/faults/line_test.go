package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// hangsFor stands for the deadline of a call, as the runs' clock is faster than time.
const hangsFor = 300 * time.Millisecond

var errDead = errors.New("the process that sends this is dead")

// line is the wire between one incarnation of the controller and both servers. It numbers the calls, and does to one of
// them what the plan says.
type line struct {
	incarnation int
	record      func(incarnation int, c Call) (Mode, bool)
	die         func(incarnation int)
	simulator   *control.Client

	mu     sync.Mutex
	counts map[string]int
	dead   bool
}

func (l *line) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// cut makes every later call fail without being sent.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

// side returns a wrapper for the transports to one of the servers.
func (l *line) side(side Side) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper { return &end{line: l, side: side, next: next} }
}

// end is one end of a line.
type end struct {
	line *line
	side Side
	next http.RoundTripper
}

// CloseIdleConnections is called by http.Client.
func (e *end) CloseIdleConnections() {
	if next, ok := e.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// WrappedRoundTripper lets client-go find the transport whose connections it closes.
func (e *end) WrappedRoundTripper() http.RoundTripper { return e.next }

// RoundTrip implements http.RoundTripper.
func (e *end) RoundTrip(r *http.Request) (*http.Response, error) {
	if e.line.isDead() {
		return nil, errDead
	}
	call, err := identify(e.side, r)
	if err != nil {
		return nil, err
	}
	mode, hit := e.line.number(&call)
	if !hit {
		return e.deliver(r)
	}
	return e.spoil(r, call, mode)
}

// number gives a call its number and asks what is to happen to it.
func (l *line) number(c *Call) (Mode, bool) {
	l.mu.Lock()
	l.counts[c.kind()]++
	c.N = l.counts[c.kind()]
	l.mu.Unlock()
	return l.record(l.incarnation, *c)
}

// deliver sends a request, and loses the answer if the process has died meanwhile.
func (e *end) deliver(r *http.Request) (*http.Response, error) {
	res, err := e.next.RoundTrip(r)
	if err == nil && e.line.isDead() {
		return nil, errors.Join(errDead, discard(res))
	}
	return res, err
}

func (e *end) spoil(r *http.Request, call Call, mode Mode) (*http.Response, error) {
	switch mode {
	case Refused:
		return nil, &connError{"dial", syscall.ECONNREFUSED}
	case AnswerLost:
		return nil, errors.Join(e.lose(r), &connError{"read", syscall.ECONNRESET})
	case CrashBefore:
		e.line.die(e.line.incarnation)
		return nil, errDead
	case CrashAfter:
		err := e.lose(r)
		e.line.die(e.line.incarnation)
		return nil, errors.Join(errDead, err)
	case Hangs:
		return nil, hang(r)
	}
	if call.Side == Kubernetes || mode == "503" {
		return e.refuse(r, call.Side, mode)
	}
	fault := control.Fault{Method: call.Verb, Type: strings.TrimPrefix(string(mode), taskFault), Count: 1}
	fault.TaskLevel = strings.HasPrefix(string(mode), taskFault)
	if fault.Type == "NoPermission" {
		fault.PrivilegeID = "VirtualMachine.Test"
	}
	if err := e.line.simulator.AddFault(r.Context(), fault); err != nil {
		return nil, err
	}
	return e.deliver(r)
}

// lose has a request carried out and throws the answer away. A request that fails was not carried out, and that is as
// good.
func (e *end) lose(r *http.Request) error {
	res, err := e.next.RoundTrip(r)
	if err != nil {
		return err
	}
	return discard(res)
}

func discard(res *http.Response) error {
	if res.Request != nil && res.Request.URL.Query().Get("watch") != "" {
		return res.Body.Close() // it has no end
	}
	_, err := io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}

// hang lets the deadline of a call pass. The request counts as sent: it is the server that is silent.
func hang(r *http.Request) error {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	select {
	case <-time.After(hangsFor):
		return context.DeadlineExceeded
	case <-r.Context().Done():
		return context.Cause(r.Context())
	}
}

// refuse answers with an HTTP status, and sends nothing.
func (e *end) refuse(r *http.Request, side Side, mode Mode) (*http.Response, error) {
	if r.Body != nil {
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	var code int
	if _, err := fmt.Sscan(string(mode), &code); err != nil {
		return nil, fmt.Errorf("mode %q is no HTTP status: %w", mode, err)
	}
	reasons := map[int]string{403: "Forbidden", 409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
	header, body := http.Header{"Content-Type": {"text/plain"}}, "out of service"
	if side == Kubernetes {
		header.Set("Content-Type", "application/json")
		body = fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"made up","code":%d}`, reasons[code], code)
	}
	return &http.Response{
		Status: http.StatusText(code), StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewBufferString(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// connError is what net reports of a connection.
type connError struct {
	op  string
	err error
}

func (e *connError) Error() string { return e.op + ": " + e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

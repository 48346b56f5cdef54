package vim

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http/httptrace"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// maxRepeats is how often a call is sent again: with the first time, as often as it takes to tell an outage.
	maxRepeats = maxLost - 1
	// repeatAfter is the pause before the first repetition, less up to a half; it doubles.
	repeatAfter = 50 * time.Millisecond
)

const (
	// maxLost is how many lost answers in a row are an outage. Where every tenth answer is lost, that happens to one call in
	// 100,000; where vCenter is away, it takes a second to tell.
	maxLost = 5
	// maxHung is how many of them may have hung until their deadline: vCenter accepts calls and answers none. Without that,
	// minutes would pass.
	maxHung = 2
)

// guardAgain is how often the guard runs while a request is not sent yet. It is a small part of the time between the
// moment when the guard gives up the lease and the one when somebody else may have it.
const guardAgain = 100 * time.Millisecond

const (
	// pollSeconds is how long vCenter holds a poll that has nothing to tell; pollTimeout is its deadline, so that a dead
	// path is noticed.
	pollSeconds = 60
	pollTimeout = (pollSeconds + 5) * time.Second
	// A poll that got no answer within its deadline is sent once more, and vCenter is to answer soon: it may be that one
	// answer that was lost, or the path.
	againSeconds = 1
	againTimeout = 10 * time.Second
)

// caller is the one way to vCenter: it gives each call its deadline, asks the guard before each one that changes anything
// and until its request is sent, and judges what an error says about the connection. An answer is lost if it does not come,
// or cannot be read: the connection breaks, an HTTP status stands in its place, or half of it is missing. In order:
//
//  1. the session has ended, or vCenter's certificate is not trusted: the connection ends
//  2. any other answer, a fault included: vCenter is there
//  3. several answers in a row were lost, of whatever calls but those aside: an outage, and the connection ends (see silence)
//  4. a lost answer concerns its call alone: if it may be repeated, it is sent again after a pause, and not too often; if
//     not, its outcome is unknown
type caller struct {
	next    soap.RoundTripper
	guard   func() error
	timeout time.Duration
	observe func(method string, d time.Duration, err error)
	lost    func(error)
	silence silence
}

// readers are the methods that change nothing but our own session. Any other has to pass the guard, and so does one
// that is added later. True are those that may be sent again when their answer was lost. The others:
//
//   - Login may have been refused, and refusals lock the account; Logout has attempts of its own
//   - ContinueRetrievePropertiesEx uses its token up: the read begins anew (see retrieve)
//   - a twin of a filter reports everything twice: it is looked for (see createFilter)
//
// A twin of a view or of a collector that nothing hangs on costs nothing, and goes with the session. An object may be added
// to a list that holds it.
var readers = map[string]bool{
	"RetrieveServiceContent": true, "RetrieveProperties": true, "RetrievePropertiesEx": true, "CurrentTime": true,
	"FindChild": true, "QueryEvents": true, "RecommendDatastores": true, "GetCustomizationSpec": true,
	"PbmRetrieveServiceContent": true, "PbmQueryProfile": true, "PbmRetrieveContent": true, "PbmCheckRequirements": true,
	"CreatePropertyCollector": true, "DestroyPropertyCollector": true, "DestroyPropertyFilter": true,
	"WaitForUpdatesEx":     true, // with the same version, which vCenter takes for what was acknowledged, and repeats the rest
	"CancelWaitForUpdates": true, "CancelRetrievePropertiesEx": true,
	"CreateContainerView": true, "CreateListView": true, "ModifyListView": true, "ResetListView": true, "DestroyView": true,

	"Login": false, "Logout": false, "ContinueRetrievePropertiesEx": false, "CreateFilter": false,
}

// RoundTrip makes one call. Its error is a *callError.
func (c *caller) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	timeout := c.timeoutOf(req)
	_, polls := req.(*methods.WaitForUpdatesExBody)
	for n, deadline := 0, time.Now().Add(timeout); ; n++ {
		if polls { // nobody waits for it: each has its whole time
			deadline = time.Now().Add(timeout)
		}
		call := c.send(ctx, deadline, req, res)
		if call == nil {
			return nil
		}
		d, late := repeatAfter<<n, time.Until(deadline) < timeout/2 && !polls
		if n == maxRepeats || late || !c.mayRepeat(call) || pause(ctx, d-rand.N(d/2)) != nil {
			return call
		}
		klog.FromContext(ctx).V(2).Info("An answer of vCenter was lost; asking again", "method", call.method, "err", call)
		reflect.ValueOf(res).Elem().SetZero() // half of the answer may be in it
	}
}

// mayRepeat reports whether a call that failed may be sent again. The first call of a connection is not: while vCenter is away,
// it is asked once at a time.
func (c *caller) mayRepeat(call *callError) bool {
	return readers[call.method] && call.worthRepeating() && c.silence.wasBroken()
}

// timeoutOf returns how long a call may take, all repetitions included, but for those of a poll.
func (c *caller) timeoutOf(req soap.HasFault) time.Duration {
	poll, ok := req.(*methods.WaitForUpdatesExBody)
	switch {
	case !ok || poll.Req == nil:
		return c.timeout
	case poll.Req.Options != nil && poll.Req.Options.MaxWaitSeconds != nil && *poll.Req.Options.MaxWaitSeconds == againSeconds:
		return againTimeout
	default:
		return pollTimeout
	}
}

// send sends a call once.
func (c *caller) send(ctx context.Context, deadline time.Time, req, res soap.HasFault) *callError {
	method := methodName(req)
	_, reads := readers[method]
	call := &callError{method: method, mutating: !reads}
	if call.mutating {
		if err := c.guard(); err != nil {
			call.err = &guardError{err}
			return call
		}
	}
	if id := vsphere.OpID(ctx); id != "" {
		ctx = context.WithValue(ctx, types.ID{}, id)
	}
	callCtx, cancel := context.WithDeadline(ctx, deadline)
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
		c.silence.ends()
		c.observe(method, time.Since(start), nil)
		return nil
	}
	call.err, call.sent = redact(err), sent.Load()
	refusal, cut := errors.AsType[*guardError](context.Cause(callCtx))
	if cut && !call.sent {
		call.err = refusal
	}
	c.observe(method, time.Since(start), call)
	if ctx.Err() == nil && !cut {
		c.judge(call)
	}
	return call
}

// aside are the methods whose answers come from a service of their own, which may hang while the rest of vCenter answers. Their silence
// is no outage.
var aside = []string{"RecommendDatastores", "GetCustomizationSpec"}

// judge applies the rules of the caller to a call that has failed.
func (c *caller) judge(call *callError) {
	switch {
	case call.breaks():
		call.ends = true
	case faultOf(call.err) != nil:
		c.silence.ends()
	case slices.Contains(aside, call.method):
	default:
		call.ends = c.silence.lasts(call.hung())
	}
	if call.ends {
		c.lost(call)
	}
}

// silence counts the calls in a row that got no answer. It is safe for concurrent use.
type silence struct {
	mu         sync.Mutex
	broken     bool // there was an answer
	lost, hung int
}

// ends notes an answer.
func (s *silence) ends() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.lost, s.hung = true, 0, 0
}

// lasts notes a lost answer, and reports whether it is an outage by now.
func (s *silence) lasts(hung bool) (outage bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost++
	if hung {
		s.hung++
	}
	return s.lost >= maxLost || s.hung >= maxHung
}

func (s *silence) wasBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

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

// pause waits for d, or until ctx ends. It goes by the real clock, whatever Config.Clock is: it spaces calls, and how fast
// vCenter answers them is not ours to say.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

package vim

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// contextRoundTripper answers calls by what becomes of their context.
type contextRoundTripper func(ctx context.Context) error

func (f contextRoundTripper) RoundTrip(ctx context.Context, _, _ soap.HasFault) error { return f(ctx) }

// The lease ends a second after the call has begun, and the network takes its time.
func TestGuardWhileTheRequestIsOnItsWay(t *testing.T) {
	block := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, tt := range []struct {
		name   string
		next   contextRoundTripper
		class  vsphere.Class
		reason string
		took   time.Duration
	}{
		{"no connection yet", block, vsphere.ClassUnavailable, vsphere.ReasonWriteForbidden, time.Second},
		{"half sent", func(ctx context.Context) error {
			httptrace.ContextClientTrace(ctx).WroteHeaders()
			return block(ctx)
		}, vsphere.ClassUnknown, v1alpha1.ReasonOutcomeUnknown, time.Second},
		{"half sent, and to be sent again", func(ctx context.Context) error {
			httptrace.ContextClientTrace(ctx).WroteHeaders()
			httptrace.ContextClientTrace(ctx).WroteRequest(httptrace.WroteRequestInfo{Err: errors.New("broken pipe")})
			return block(ctx)
		}, vsphere.ClassUnknown, v1alpha1.ReasonOutcomeUnknown, time.Second},
		{"sent: the answer is worth waiting for", func(ctx context.Context) error {
			httptrace.ContextClientTrace(ctx).WroteHeaders()
			httptrace.ContextClientTrace(ctx).WroteRequest(httptrace.WroteRequestInfo{})
			select {
			case <-time.After(10 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, "", "", 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				c := &caller{
					next: tt.next, timeout: 30 * time.Second, observe: func(string, time.Duration, error) {},
					lost: func(err error) { t.Errorf("the connection is given up: %v", err) },
					guard: func() error {
						if time.Since(begin) >= time.Second {
							return errors.New("the lease is not surely ours")
						}
						return nil
					},
				}
				err := c.RoundTrip(t.Context(), &methods.CloneVM_TaskBody{}, &methods.CloneVM_TaskBody{})
				if took := time.Since(begin); took != tt.took {
					t.Errorf("it took %s, want %s", took, tt.took)
				}
				if tt.class == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if failure := testConnection(t).v.fail("Clone", err); failure.Class != tt.class || failure.Reason != tt.reason {
					t.Errorf("%s, %s: %v", failure.Class, failure.Reason, failure)
				}
			})
		})
	}
}

func TestAVCenterThatHangsIsNoticed(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	answer := func(context.Context) error { return nil }
	fault := func(context.Context) error { return soap.WrapVimFault(&types.InvalidState{}) }
	for _, tt := range []struct {
		name  string
		calls []contextRoundTripper
		lost  int
	}{
		{"one slow call", []contextRoundTripper{hang}, 0},
		{"two in a row", []contextRoundTripper{hang, hang}, 1},
		{"an answer between them", []contextRoundTripper{hang, answer, hang}, 0},
		{"a fault is an answer", []contextRoundTripper{hang, fault, hang}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lost := 0
				c := &caller{
					timeout: 30 * time.Second, observe: func(string, time.Duration, error) {},
					lost: func(error) { lost++ },
				}
				for _, next := range tt.calls {
					c.next = next
					_ = c.RoundTrip(t.Context(), &methods.FindChildBody{}, &methods.FindChildBody{})
				}
				if lost != tt.lost {
					t.Errorf("the connection was given up %d times, want %d", lost, tt.lost)
				}
			})
		})
	}
	// Who asks may be in a hurry: that says nothing of vCenter.
	c := &caller{
		next: contextRoundTripper(hang), timeout: time.Minute, observe: func(string, time.Duration, error) {},
		lost: func(err error) { t.Errorf("the connection is given up: %v", err) },
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		_ = c.RoundTrip(ctx, &methods.FindChildBody{}, &methods.FindChildBody{})
		cancel()
	}
}

// What a call is answered with, in turn: the rules of the caller.
func TestLostAnswersByTheRulesOfTheCaller(t *testing.T) {
	answer := func(context.Context) error { return nil }
	fault := func(context.Context) error { return soap.WrapVimFault(&types.InvalidState{}) }
	ended := func(context.Context) error { return soap.WrapVimFault(&types.NotAuthenticated{}) }
	lost := func(context.Context) error { return io.ErrUnexpectedEOF }
	untrusted := func(context.Context) error { return errThumbprint }
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	lostLate := func(ctx context.Context) error { // after more than half of the time that a call or a poll has
		select {
		case <-time.After(50 * time.Second):
			return io.ErrUnexpectedEOF
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	read, change := &methods.FindChildBody{}, &methods.CloneVM_TaskBody{}
	// silent is as many lost answers as are an outage.
	silent := []contextRoundTripper{lost, lost, lost, lost, lost}
	for _, tt := range []struct {
		name    string
		call    soap.HasFault
		answers []contextRoundTripper // each call that is made takes the next
		calls   int
		sent    int
		lost    bool // the connection
	}{
		{"1. the session has ended", read, []contextRoundTripper{answer, ended}, 2, 2, true},
		{"1. the certificate is not trusted", read, []contextRoundTripper{answer, untrusted}, 2, 2, true},
		{"2. a fault is an answer", read, []contextRoundTripper{answer, lost, fault}, 2, 3, false},
		{"3. several in a row", read, slices.Concat([]contextRoundTripper{answer}, silent), 2, 6, true},
		{"3. several in a row, of calls that are not repeated", change, slices.Concat([]contextRoundTripper{answer}, silent), 6, 6, true},
		{"3. an answer between them", change, []contextRoundTripper{answer, lost, lost, lost, lost, answer, lost, lost, lost, lost}, 10, 10, false},
		{"3. a fault between them", change, []contextRoundTripper{answer, lost, lost, lost, lost, fault, lost}, 7, 7, false},
		{"4. a read is sent again", read, []contextRoundTripper{answer, lost, answer}, 2, 3, false},
		{"4. a poll is sent again", &methods.WaitForUpdatesExBody{}, []contextRoundTripper{answer, lost, answer}, 2, 3, false},
		{"4. also late", &methods.WaitForUpdatesExBody{}, []contextRoundTripper{answer, lostLate, lostLate, answer}, 2, 4, false},
		{"4. a read that is late is not", read, []contextRoundTripper{answer, lostLate, answer}, 2, 2, false},
		{"4. a change is not", change, []contextRoundTripper{answer, lost}, 2, 2, false},
		{"4. a login is not", &methods.LoginBody{}, []contextRoundTripper{answer, lost}, 2, 2, false},
		{"4. a filter is not", &methods.CreateFilterBody{}, []contextRoundTripper{answer, lost}, 2, 2, false},
		{"4. a read that has had its time is not", read, []contextRoundTripper{answer, hang}, 2, 2, false},
		{"4. nor one that nobody has answered before", read, []contextRoundTripper{lost}, 1, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent, lost := 0, false
				c := &caller{
					timeout: time.Minute, observe: func(string, time.Duration, error) {}, guard: func() error { return nil },
					lost: func(error) { lost = true },
					next: contextRoundTripper(func(ctx context.Context) error {
						next := tt.answers[min(sent, len(tt.answers)-1)]
						sent++
						return next(ctx)
					}),
				}
				for range tt.calls {
					_ = c.RoundTrip(t.Context(), tt.call, tt.call)
				}
				if sent != tt.sent || lost != tt.lost {
					t.Errorf("%d requests were sent, want %d; the connection was given up: %t", sent, tt.sent, lost)
				}
			})
		})
	}
}

// Half an answer must not be left in the whole one.
func TestNothingIsLeftOfHalfAnAnswer(t *testing.T) {
	sent := 0
	c := &caller{
		timeout: time.Minute, observe: func(string, time.Duration, error) {},
		next: roundTripper(func(_, res soap.HasFault) error {
			body := res.(*methods.FindChildBody)
			switch sent++; sent {
			case 2:
				body.Res = &types.FindChildResponse{Returnval: &types.ManagedObjectReference{Value: "vm-1"}}
				return io.ErrUnexpectedEOF
			case 3:
				if body.Res != nil {
					t.Errorf("the answer begins with %+v", body.Res)
				}
			}
			return nil
		}),
	}
	for range 2 {
		if err := c.RoundTrip(t.Context(), &methods.FindChildBody{}, &methods.FindChildBody{}); err != nil {
			t.Error(err)
		}
	}
}

// A poll that hangs is asked once more, with the same version, and to be answered soon.
func TestAPollThatHangsIsAskedAgain(t *testing.T) {
	hung := &callError{method: "WaitForUpdatesEx", err: context.DeadlineExceeded}
	s := &script{fails: fails{"WaitForUpdatesEx": {hung, noAnswer}}}
	c := scripted(t, s)
	var asked []int32
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		poll := req.(*methods.WaitForUpdatesExBody)
		if poll.Req.Version != "7" {
			t.Errorf("asked with version %q", poll.Req.Version)
		}
		asked = append(asked, *poll.Req.Options.MaxWaitSeconds)
		return s.RoundTrip(t.Context(), req, res)
	})
	if err := c.watch(t.Context(), "7"); !errors.Is(err, noAnswer) || !slices.Equal(asked, []int32{pollSeconds, againSeconds}) {
		t.Errorf("%v, after waits of %v s", err, asked)
	}
	for want, wait := range map[time.Duration]int32{pollTimeout: pollSeconds, againTimeout: againSeconds} {
		req := &types.WaitForUpdatesEx{Options: &types.WaitOptions{MaxWaitSeconds: &wait}}
		if got := (&caller{}).timeoutOf(&methods.WaitForUpdatesExBody{Req: req}); got != want {
			t.Errorf("a poll of %d s may take %s, want %s", wait, got, want)
		}
	}
}

package vim

import (
	"context"
	"errors"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

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
		}, vsphere.ClassUnknown, reasonOutcomeUnknown, time.Second},
		{"half sent, and to be sent again", func(ctx context.Context) error {
			httptrace.ContextClientTrace(ctx).WroteHeaders()
			httptrace.ContextClientTrace(ctx).WroteRequest(httptrace.WroteRequestInfo{Err: errors.New("broken pipe")})
			return block(ctx)
		}, vsphere.ClassUnknown, reasonOutcomeUnknown, time.Second},
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

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

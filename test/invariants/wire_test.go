package invariants

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type answer func(*http.Request) (*http.Response, error)

func (a answer) RoundTrip(req *http.Request) (*http.Response, error) { return a(req) }

// TestTap sees what a controller writes, and what it is shown, and changes neither.
func TestTap(t *testing.T) {
	const vgs = "https://api/apis/vsphere.vmware.com/v1alpha1/namespaces/ns/vmgroups/"
	const object = `{"kind":"VmGroup","metadata":{"name":"web","namespace":"ns","uid":"u1","resourceVersion":"7","generation":2}}`
	for name, c := range map[string]struct {
		method, url, body string
		code              int
		want              []string
	}{
		"finalizers": {http.MethodPatch, vgs + "web", `{"metadata":{"uid":"u1","finalizers":["a"]}}`, 200, []string{"write u1 finalizers [a]", "seen u1 2"}},
		"status":     {http.MethodPut, vgs + "web/status", `{"metadata":{"uid":"u1"},"status":{"availableReplicas":3}}`, 200, []string{"write u1 status 3", "seen u1 2"}},
		"refused":    {http.MethodPatch, vgs + "web", `{"metadata":{"uid":"u1","finalizers":[]}}`, 409, []string{"write u1 finalizers []", "refusal u1 409"}},
		"read":       {http.MethodGet, vgs + "web", "", 200, []string{"seen u1 2"}},
		"event":      {http.MethodPost, "https://api/api/v1/namespaces/ns/events", "{}", 200, []string{"write "}},
		"Lease":      {http.MethodPut, "https://api/apis/coordination.k8s.io/v1/namespaces/ns/leases/x", "{}", 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			checker := &Checker{state: newState(Options{})}
			sent := ""
			tapped := checker.Kubernetes(answer(func(req *http.Request) (*http.Response, error) {
				if req.Body != nil {
					body, err := io.ReadAll(req.Body)
					if err != nil {
						return nil, err
					}
					sent = string(body)
				}
				return &http.Response{StatusCode: c.code, Body: io.NopCloser(strings.NewReader(object))}, nil
			}))
			req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := tapped.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil || string(got) != object || sent != c.body {
				t.Errorf("sent %q and got %q, %v", sent, got, err)
			}
			if err := res.Body.Close(); err != nil {
				t.Error(err)
			}
			var said []string
			for _, e := range checker.waiting {
				said = append(said, describe(e))
			}
			if diff := cmp.Diff(c.want, said); diff != "" {
				t.Errorf("the checker was told (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDoubtIsSettledAtRest says what is wrong although nothing happens any more.
func TestDoubtIsSettledAtRest(t *testing.T) {
	s := newState(Options{})
	for _, step := range []any{seen("u1", 1, 0), cloneOf("t", "u1", 0)} {
		if what, ok := step.(groupSeen); ok {
			what.vg.ResourceVersion = "1"
		}
		s.feed(event{begin, step})
	}
	s.advance(begin.Add(time.Second))
	if len(s.breaches) != 0 {
		t.Errorf("a breach too early: %v", s.breaches)
	}
	s.advance(begin.Add(long))
	if len(s.breaches) != 1 || s.breaches[0].Invariant != "I3" {
		t.Errorf("got %v, want a breach of I3", s.breaches)
	}
}

// TestUnboundedCall sees a call to vCenter that has no deadline.
func TestUnboundedCall(t *testing.T) {
	checker := &Checker{state: newState(Options{})}
	tapped := checker.VCenter(answer(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}))
	bounded, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for n, ctx := range []context.Context{bounded, context.Background()} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://vcenter/sdk", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tapped.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if len(checker.waiting) != n {
			t.Errorf("%d events after %d calls", len(checker.waiting), n+1)
		}
	}
	for _, e := range checker.waiting {
		checker.state.feed(e)
	}
	if b := checker.state.breaches; len(b) != 1 || !strings.Contains(b[0].String(), "I9") {
		t.Errorf("%v", b)
	}
}

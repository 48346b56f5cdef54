package vim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// hearing counts the notifications of each group.
type hearing struct {
	mu    sync.Mutex
	heard map[vsphere.GroupID]int
}

func (h *hearing) Notify(g vsphere.GroupID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard == nil {
		h.heard = map[vsphere.GroupID]int{}
	}
	h.heard[g]++
}

func (h *hearing) NotifyAll() { h.Notify(vsphere.GroupID{}) }

func (h *hearing) of(g vsphere.GroupID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard[g]
}

// listening is a connection whose notifications are counted.
func listening(t *testing.T, s *script) (*testConn, *hearing) {
	t.Helper()
	c, heard := scripted(t, s), &hearing{}
	c.v.cfg.Notifier, c.requests.notify = heard, heard.Notify
	t.Cleanup(c.requests.end)
	return c, heard
}

func testKey(n int) requestKey {
	return requestKey{group: vsphere.GroupID{UID: fmt.Sprint("uid-", n)}, what: "something"}
}

// The numbers are those of the life cycle of requests.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, heard := listening(t, &script{})
		const asked = 3 * maxRequests
		var mu sync.Mutex
		running, most, begun := 0, 0, 0
		goOn := make(chan struct{})
		ask := func(n int) error {
			return c.requests.do(t.Context(), testKey(n), func(context.Context) error {
				mu.Lock()
				running, begun = running+1, begun+1
				most = max(most, running)
				mu.Unlock()
				<-goOn
				mu.Lock()
				running--
				mu.Unlock()
				return fmt.Errorf("answer %d", n)
			})
		}
		for range 2 {
			for n := range asked {
				if err := ask(n); !errors.Is(err, vsphere.ErrPending) {
					t.Errorf("1: %v", err)
				}
			}
		}
		synctest.Wait()
		if begun != maxRequests {
			t.Errorf("1: %d are under way, want %d", begun, maxRequests)
		}
		close(goOn)
		synctest.Wait()
		if begun != asked || most != maxRequests {
			t.Errorf("2: %d were worked on, %d at once; want %d and %d", begun, most, asked, maxRequests)
		}
		for n := range asked {
			if got := heard.of(testKey(n).group); got != 1 {
				t.Errorf("3: group %d was notified %d times", n, got)
			}
			if err := ask(n); err == nil || err.Error() != fmt.Sprint("answer ", n) {
				t.Errorf("3: %v", err)
			}
		}
		if err := ask(0); !errors.Is(err, vsphere.ErrPending) {
			t.Errorf("the answer was taken, and there is another: %v", err)
		}
		c.v.Forget(testKey(0).group)
		synctest.Wait()
		if len(c.requests.byKey) != 0 {
			t.Errorf("%d are left", len(c.requests.byKey))
		}
	})
}

// A call that hangs costs its own group some time, and nobody else.
func TestARequestThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := listening(t, &script{})
		hang := func() error {
			return c.requests.do(t.Context(), testKey(1), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		}
		if err := hang(); !errors.Is(err, vsphere.ErrPending) {
			t.Fatal(err)
		}
		time.Sleep(requestTimeout) // moves the clock of the bubble, and waits for nothing real
		synctest.Wait()
		if err := hang(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// The worker that has asked is gone when the answer is found.
func TestARequestOutlivesTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := listening(t, &script{})
		gone := make(chan struct{})
		ctx, cancel := context.WithCancel(vsphere.WithOpID(t.Context(), "op-1"))
		ask := func() error {
			return c.requests.do(ctx, testKey(1), func(ctx context.Context) error {
				<-gone
				return fmt.Errorf("%s: %v", vsphere.OpID(ctx), ctx.Err())
			})
		}
		_ = ask()
		cancel()
		close(gone)
		synctest.Wait()
		if err := ask(); err == nil || err.Error() != "op-1: <nil>" {
			t.Errorf("%v", err)
		}
	})
}

func TestRequestsEndWithTheirConnection(t *testing.T) {
	c, heard := listening(t, &script{})
	ask := func(n int) error {
		return c.requests.do(t.Context(), testKey(n), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	}
	for n := range 2 * maxRequests {
		_ = ask(n)
	}
	c.requests.end() // returns only if nobody waits for a place any more
	wantClass(t, "asked again", ask(0), vsphere.ClassUnavailable)
	wantClass(t, "asked later", ask(99), vsphere.ClassUnavailable)
	if heard.of(testKey(99).group) != 0 {
		t.Error("somebody works on it all the same")
	}
}

// A refusal may be over by the time the group asks again, and nobody would wake it a second time.
func TestARefusalOfTheGuardIsNoAnswer(t *testing.T) {
	c, heard := listening(t, &script{})
	ask := func() error {
		return c.requests.do(t.Context(), testKey(1), func(context.Context) error {
			return guardFailure("Remove", &guardError{errors.New("the lease is not surely ours")})
		})
	}
	for n := range 3 {
		if err := answer(t, func() error {
			if heard.of(testKey(1).group) > n {
				return nil
			}
			return ask()
		}); err != nil {
			t.Errorf("it is kept: %v", err)
		}
	}
}

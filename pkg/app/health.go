package app

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection"
)

// health answers /livez and /readyz, in the form of Kubernetes' own components.
//
// Alive is a process that a restart would not help: it says nothing of vCenter. Ready is one that does its work: as the
// leader it has its VmGroups and its vCenter, as a standby it could take over.
type health struct {
	cluster  *state
	election *leaderelection.HealthzAdaptor

	mu      sync.Mutex
	working []check // what the leader adds
}

// check is one line of an answer.
type check struct {
	name string
	err  func() error
}

// state is an error, or nil, that somebody reports.
type state struct {
	mu  sync.Mutex
	err error
}

func (s *state) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *state) get() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// newHealth returns a health that is alive and not ready. An elector that is stuck for longer than patience after its
// Lease has expired is dead.
func newHealth(patience time.Duration) *health {
	return &health{
		cluster:  &state{err: errors.New("has not been asked yet")},
		election: leaderelection.NewLeaderHealthzAdaptor(patience),
	}
}

// setWorking replaces the checks of the leader; none means standby.
func (h *health) setWorking(checks ...check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.working = checks
}

func (h *health) live(r *http.Request) []check {
	return []check{
		{"ping", func() error { return nil }},
		{"leader-election", func() error { return h.election.Check(r) }},
	}
}

func (h *health) ready(r *http.Request) []check {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]check{
		{"kubernetes", h.cluster.get},
		{"leader-election", func() error { return h.election.Check(r) }},
	}, h.working...)
}

// handler answers for both.
func (h *health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(w http.ResponseWriter, r *http.Request) { answer(w, "livez", h.live(r)) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, "readyz", h.ready(r)) })
	return mux
}

func answer(w http.ResponseWriter, name string, checks []check) {
	var text strings.Builder
	verdict, code := "passed", http.StatusOK
	for _, c := range checks {
		if err := c.err(); err != nil {
			fmt.Fprintf(&text, "[-]%s failed: %v\n", c.name, err)
			verdict, code = "failed", http.StatusInternalServerError
			continue
		}
		fmt.Fprintf(&text, "[+]%s ok\n", c.name)
	}
	fmt.Fprintf(&text, "%s check %s\n", name, verdict)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	// A client that has gone is no trouble of ours.
	_, _ = w.Write([]byte(text.String()))
}

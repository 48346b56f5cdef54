package sim

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// gate stands between the connection and the simulator and plays outages.
type gate struct {
	cut func() // closes every connection

	mu      sync.Mutex
	mode    control.Outage
	changed chan struct{} // closed when mode changes
}

func newGate() *gate {
	return &gate{cut: func() {}, mode: control.OutageOff, changed: make(chan struct{})}
}

func (g *gate) set(mode control.Outage) error {
	switch mode {
	case control.OutageOff, control.OutageRefuse, control.OutageUnavailable, control.OutageHang:
	default:
		return fmt.Errorf("no outage mode %q", mode)
	}
	g.mu.Lock()
	g.mode = mode
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	if mode == control.OutageRefuse || mode == control.OutageUnavailable {
		g.cut()
	}
	return nil
}

// pass returns when the call may go on, and true if it must be answered with 503. It panics with ErrAbortHandler,
// which cuts the connection, if the call must not be answered at all.
func (g *gate) pass(ctx context.Context) (unavailable bool) {
	for {
		g.mu.Lock()
		mode, changed := g.mode, g.changed
		g.mu.Unlock()
		switch mode {
		case control.OutageRefuse:
			panic(http.ErrAbortHandler)
		case control.OutageUnavailable:
			return true
		case control.OutageHang:
			select {
			case <-changed:
			case <-ctx.Done():
				panic(http.ErrAbortHandler)
			}
		default:
			return false
		}
	}
}

func (g *gate) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.pass(r.Context()) {
			http.Error(w, "the service is not available", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

package sim

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// gate stands between the connection and the simulator and plays outages.
type gate struct {
	cut func() // closes every connection

	mu      sync.Mutex
	mode    control.Outage
	delay   time.Duration // of OutageSlow
	down    bool          // vCenter restarts: as OutageRefuse, whatever the mode
	changed chan struct{} // closed when mode changes
}

func newGate() *gate {
	return &gate{cut: func() {}, mode: control.OutageOff, changed: make(chan struct{})}
}

func (g *gate) set(mode control.Outage, delay time.Duration) error {
	switch mode {
	case control.OutageOff, control.OutageSlow, control.OutageCut, control.OutageRefuse, control.OutageUnavailable, control.OutageHang:
	default:
		return fmt.Errorf("no outage mode %q", mode)
	}
	g.mu.Lock()
	g.mode, g.delay = mode, delay
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	if mode == control.OutageRefuse || mode == control.OutageUnavailable {
		g.cut()
	}
	return nil
}

// setDown begins or ends a restart.
func (g *gate) setDown(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
	close(g.changed)
	g.changed = make(chan struct{})
}

// answers says how late an answer has to be, and whether it has to be cut.
func (g *gate) answers() (late time.Duration, cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mode == control.OutageSlow {
		late = g.delay
	}
	return late, g.mode == control.OutageCut
}

// pass returns when the call may go on, and true if it must be answered with 503. It panics with ErrAbortHandler,
// which cuts the connection, if the call must not be answered at all.
func (g *gate) pass(ctx context.Context) (unavailable bool) {
	for {
		g.mu.Lock()
		mode, changed := g.mode, g.changed
		if g.down {
			mode = control.OutageRefuse
		}
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

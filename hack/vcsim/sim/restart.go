package sim

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// opRestart is a restart of vCenter: what its database holds stays, and what its memory holds goes.
func (s *Simulator) opRestart(ctx context.Context, r control.Request) (any, error) {
	switch r.Tasks {
	case control.TasksFail, control.TasksFinish:
	default:
		return nil, fmt.Errorf("tasks %q: want %s or %s", r.Tasks, control.TasksFail, control.TasksFinish)
	}
	s.restarting.Lock()
	defer s.restarting.Unlock()
	up := time.NewTimer(r.Delay)
	defer up.Stop()
	old := s.endpoint.Load()
	address := old.addr()
	s.gate.setDown(true) // calls that are still being carried out get no answer
	if err := old.stop(); err != nil {
		return nil, err
	}
	if err := s.endClones(ctx, r.Tasks); err != nil {
		return nil, err
	}
	s.endSessions() // now that nobody can log in any more
	select {
	case <-up.C:
	case <-s.closed:
	}
	s.gate.setDown(false)
	if s.isClosed() {
		return nil, fmt.Errorf("the simulator is closed")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s.answerAt(listener)
	return control.Reply{}, nil
}

// endClones makes the clone tasks that run fail, or finish at once, and waits for them.
func (s *Simulator) endClones(ctx context.Context, how string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(s.clones.list()) > 0 {
		if how == control.TasksFail {
			s.tasks.cancelAll()
		} else {
			s.tasks.hurryAll()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closed:
			return fmt.Errorf("the simulator is closed")
		}
	}
	return nil
}

// answerAt serves the vSphere endpoint.
func (s *Simulator) answerAt(listener net.Listener) {
	config := &tls.Config{Certificates: []tls.Certificate{s.cert.tls}, MinVersion: tls.VersionTLS12}
	soap, rest := s.requests.handler(s.gate, s.model.Service.ServeMux), s.restHandler()
	handler := s.gate.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isREST(r) {
			rest.ServeHTTP(w, r)
		} else {
			soap.ServeHTTP(w, r)
		}
	}))
	s.endpoint.Store(newServer(tls.NewListener(listener, config), handler))
}

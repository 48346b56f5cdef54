package sim

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// serve opens both ports. It takes the place of Service.NewServer, which panics when it cannot listen, can be called
// only once, and leaves no room for an outage between the connection and the simulator.
func (s *Simulator) serve() error {
	var err error
	if s.cert, err = newCertificate(s.options.Listen); err != nil {
		return err
	}
	if s.caFile, err = writeTemp("vcsim-ca-*.pem", s.cert.pem); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return err
	}
	service := s.model.Service
	// A user that is not the stock default makes the simulator ask ValidLogin.
	service.Listen = &url.URL{
		Scheme: "https", Host: listener.Addr().String(), Path: s.registry.Path,
		User: url.UserPassword(s.options.Username, s.options.Password),
	}
	s.registry.SessionManager().ServiceHostName = service.Listen.Host
	service.RegisterSDK(s.registry)
	service.RegisterSDK(newPolicyService(s))
	s.answerAt(listener)
	s.gate.cut = func() { s.endpoint.Load().cut() }

	listener, err = net.Listen("tcp", s.options.ControlListen)
	if err != nil {
		return err
	}
	s.control = newServer(listener, s.controlHandler())
	return nil
}

func writeTemp(pattern string, data []byte) (name string, err error) {
	f, err := os.CreateTemp("", pattern)
	if err != nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return f.Name(), fmt.Errorf("write temporary file: %w", err)
	}
	return f.Name(), nil
}

// server is an HTTP server that can cut its connections without being closed. A nil server can be closed.
type server struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newServer(listener net.Listener, handler http.Handler) *server {
	s := &server{listener: listener, done: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	s.http = &http.Server{Handler: handler, ConnState: s.track, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("serving on %s has ended: %v", listener.Addr(), err)
		}
	}()
	return s
}

func (s *server) track(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[conn] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, conn)
	default: // it goes on
	}
}

// stop stops listening and closes every connection, at once.
func (s *server) stop() error {
	err := s.http.Close()
	<-s.done
	return err
}

// cut closes every connection. Their calls run to their end; their answers are lost.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *server) addr() string { return s.listener.Addr().String() }

// close stops listening and waits a little for calls in flight, so that none writes to files that are being removed.
func (s *server) close() error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}

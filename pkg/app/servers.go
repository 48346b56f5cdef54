package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	basemetrics "k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

const serverStopTimeout = 2 * time.Second

// servers are those for health and metrics.
type servers struct {
	running []*http.Server
	ended   sync.WaitGroup
}

// serve starts them. It fails if it cannot listen.
func (a *app) serve(ctx context.Context) (*servers, error) {
	metrics := http.NewServeMux()
	metrics.Handle("/metrics", basemetrics.HandlerFor(
		// client-go's metrics, and those of the Go runtime, are one set per process; ours is one per Run.
		prometheus.Gatherers{legacyregistry.DefaultGatherer, a.metrics.Gatherer()},
		basemetrics.HandlerOpts{ErrorHandling: basemetrics.ContinueOnError},
	))
	if a.options.Profiling {
		addProfiling(metrics)
	}
	s := &servers{}
	for _, server := range []struct {
		flag, addr string
		handler    http.Handler
	}{
		{"health-addr", a.options.HealthAddr, a.health.handler()},
		{"metrics-addr", a.options.MetricsAddr, metrics},
	} {
		if options.Disabled(server.addr) {
			continue
		}
		if err := s.start(ctx, server.addr, server.handler); err != nil {
			return nil, errors.Join(fmt.Errorf("-%s is %q: %w", server.flag, server.addr, err), s.stop())
		}
	}
	return s, nil
}

// addProfiling serves what net/http/pprof has, at the paths of the Kubernetes components. The package also registers them
// at http.DefaultServeMux, which nobody serves.
func addProfiling(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}

func (s *servers) start(ctx context.Context, addr string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	logger := klog.FromContext(ctx)
	logger.Info("Serving", "address", listener.Addr().String())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	s.running = append(s.running, server)
	s.ended.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error(err, "Serving has ended", "address", listener.Addr().String())
		}
	})
	return nil
}

// stop lets requests end, within a short time.
func (s *servers) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), serverStopTimeout)
	defer cancel()
	var errs []error
	for _, server := range s.running {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, server.Close())
		}
	}
	s.ended.Wait()
	return errors.Join(errs...)
}

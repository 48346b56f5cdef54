package app

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// These go as far as one gets without an API server; test/integration goes all the way.

func newOptions(t *testing.T, apiServer string) *options.Options {
	t.Helper()
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	o := options.NewOptions()
	o.Master = apiServer
	o.VCenter.Host, o.VCenter.Username, o.VCenter.Password = "127.0.0.1", "user", "pass"
	o.LeaderElection.ResourceNamespace = "ns"
	o.MetricsAddr, o.HealthAddr = "127.0.0.1:0", "127.0.0.1:0"
	return o
}

func TestRunWaitsForTheClusterAndStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NotFound(w, r)
		asked <- struct{}{}
	}))
	defer server.Close()
	o := newOptions(t, server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var runs sync.WaitGroup
	for range 2 { // in parallel: there are no globals
		runs.Go(func() {
			if err := Run(ctx, o); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	<-asked
	<-asked
	cancel()
	runs.Wait()
}

func TestRunRefusesWhatCannotWork(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := map[string]struct {
		change func(*options.Options)
		want   string
	}{
		"wrong options":  {change: func(o *options.Options) { o.Workers = 0 }, want: "-workers is 0"},
		"no kubeconfig":  {change: func(o *options.Options) { o.Kubeconfig = "/nowhere" }, want: "-kubeconfig"},
		"port is taken":  {change: func(o *options.Options) { o.MetricsAddr = taken.Addr().String() }, want: "-metrics-addr"},
		"nobody at home": {change: func(o *options.Options) { o.Master = "" }, want: "-kubeconfig"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOptions(t, "http://127.0.0.1:1")
			tc.change(o)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := Run(ctx, o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to contain %q", err, tc.want)
			}
		})
	}
}

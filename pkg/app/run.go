package app

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	// What client-go measures of itself: requests, queues, watches, elections.
	_ "k8s.io/component-base/metrics/prometheus/clientgo"

	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// Overrides replace the clock and the transports of a controller, for tests. The zero value replaces nothing.
type Overrides struct {
	// Clock is what backoffs, rhythms and deadlines of operations go by. Deadlines of calls, and the Lease of the leader,
	// stay in real time: neither the API server nor vCenter knows of another.
	Clock clock.WithTicker
	// WrapKubernetes and WrapVCenter wrap each transport of one side.
	WrapKubernetes, WrapVCenter func(http.RoundTripper) http.RoundTripper
}

func (s Overrides) withDefaults() Overrides {
	same := func(rt http.RoundTripper) http.RoundTripper { return rt }
	if s.Clock == nil {
		s.Clock = clock.RealClock{}
	}
	if s.WrapKubernetes == nil {
		s.WrapKubernetes = same
	}
	if s.WrapVCenter == nil {
		s.WrapVCenter = same
	}
	return s
}

// app is one running controller.
type app struct {
	options     *options.Options
	clients     *clients
	metrics     *metrics.Metrics
	health      *health
	clock       clock.WithTicker
	wrapVCenter func(http.RoundTripper) http.RoundTripper
}

// Run runs the controller until ctx ends, and returns nil then. It returns an error if the options are wrong, if it cannot
// listen, or if the Lease was lost: whoever runs it should start it again. Nothing else ends it: a cluster that is not
// ready and a vCenter that does not answer are waited for.
func Run(ctx context.Context, o *options.Options) error {
	return RunWith(ctx, o, Overrides{})
}

// RunWith is Run with overrides.
func RunWith(ctx context.Context, o *options.Options, with Overrides) (err error) {
	with = with.withDefaults()
	if errs := o.Validate(); len(errs) > 0 {
		return errors.Join(errs...)
	}
	clients, err := newClients(o, with.WrapKubernetes)
	if err != nil {
		return err
	}
	defer clients.close()
	a := &app{options: o, clients: clients, metrics: metrics.New(), clock: with.Clock, wrapVCenter: with.WrapVCenter}
	a.metrics.ControllerInfo.WithLabelValues(o.ControllerName).Set(1)
	a.health = newHealth(o.LeaderElection.RenewDeadline)

	servers, err := a.serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.stop()) }()

	logger := klog.FromContext(ctx)
	logger.Info("Starting", "version", o.UserAgent, "apiServer", clients.host, "leaseNamespace", clients.namespace, "readOnly", o.ReadOnly)
	defer logger.Info("Stopped")
	owner, err := a.awaitCluster(ctx)
	if err != nil {
		return nil // ctx has ended
	}
	if !o.LeaderElection.LeaderElect {
		return a.work(ctx, owner, alwaysLeader{})
	}
	return a.lead(ctx, owner)
}

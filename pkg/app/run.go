package app

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	// What client-go measures of itself: requests, queues, watches, elections.
	_ "k8s.io/component-base/metrics/prometheus/clientgo"

	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// app is one running controller.
type app struct {
	options *options.Options
	clients *clients
	metrics *metrics.Metrics
	health  *health
	clock   clock.WithTicker
}

// Run runs the controller until ctx ends, and returns nil then. It returns an error if the options are wrong, if it cannot
// listen, or if the Lease was lost: whoever runs it should start it again. Nothing else ends it: a cluster that is not
// ready and a vCenter that does not answer are waited for.
func Run(ctx context.Context, o *options.Options) (err error) {
	if errs := o.Validate(); len(errs) > 0 {
		return errors.Join(errs...)
	}
	clients, err := newClients(o)
	if err != nil {
		return err
	}
	defer clients.close()
	a := &app{options: o, clients: clients, metrics: metrics.New(), clock: clock.RealClock{}}
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
		return a.work(ctx, owner, alone{})
	}
	return a.lead(ctx, owner)
}

// tenure is the right to change anything.
type tenure interface {
	// sure returns an error unless this process may surely write now.
	sure() error
	// onRecovery has wake called when it is sure again after it was not.
	onRecovery(wake func())
}

// alone is the tenure of a process that was told to be the only one.
type alone struct{}

func (alone) sure() error       { return nil }
func (alone) onRecovery(func()) {}

// guard returns what the adapter asks before it changes anything in vCenter.
func (a *app) guard(t tenure) func() error {
	return func() error {
		if a.options.ReadOnly {
			return errors.New("-read-only is set: nothing in vCenter is changed")
		}
		if err := t.sure(); err != nil {
			return fmt.Errorf("nothing in vCenter is changed: %w", err)
		}
		return nil
	}
}

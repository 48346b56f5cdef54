package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/connect"
	"github.com/vmgroup/vmgroup-controller/pkg/login"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
)

// firstView is how long the workers wait at a start for the inventory. Without it each VmGroup would be PENDING for a
// moment at each restart; with a vCenter that is away, people are told after that time at the latest.
const firstView = 10 * time.Second

// vCenter is the adapter, and what is measured of it.
type vCenter struct {
	*vim.VCenter
	vsphere.Notifier // the controller
	classes          keepers
	metrics          *metrics.Metrics
	clock            clock.Clock

	known sync.Once
	view  chan struct{} // closed when it is known whether there is a view of the inventory

	mu    sync.Mutex
	since time.Time // of the last view; zero: none yet
}

func (a *app) newVCenter(owner string, notifier vsphere.Notifier, guard func() error) (*vCenter, error) {
	v := &vCenter{Notifier: notifier, metrics: a.metrics, clock: a.clock, view: make(chan struct{})}
	logins := &logins{
		Gate:    login.NewGate(a.clients.kube.CoordinationV1().Leases(a.clients.namespace), loginLease(a.options.LeaseName()), a.clock),
		metrics: a.metrics,
	}
	config := connect.VCenter(a.options, owner)
	config.Notifier, config.Guard, config.Gate = v, guard, logins
	config.Observe = func(method string, _ time.Duration, err error) {
		a.metrics.SOAPRequests.WithLabelValues(method, result(err)).Inc()
		logins.observe(method, err)
	}
	config.OnFault = func(class vsphere.Class, fault string) {
		a.metrics.Faults.WithLabelValues(string(class), fault).Inc()
	}
	config.OnUnclassified = func(fault string) { a.metrics.UnclassifiedFaults.WithLabelValues(fault).Inc() }
	config.Operations = operations{a.metrics}
	config.Clock, config.WrapTransport = a.clock, a.wrapVCenter
	var err error
	v.VCenter, err = vim.New(config)
	if err != nil {
		return nil, fmt.Errorf("vCenter: %w", err)
	}
	return v, nil
}

// run keeps the session until ctx ends, and logs out.
func (v *vCenter) run(ctx context.Context) {
	defer v.metrics.VCenterConnected.Set(0)
	if err := v.Run(ctx); err != nil {
		klog.FromContext(ctx).Error(err, "vCenter keeps a session until it times out")
	}
}

// await waits until it is known whether there is a view of the inventory, but not for long.
func (v *vCenter) await(ctx context.Context) {
	timer := v.clock.NewTimer(firstView)
	defer timer.Stop()
	select {
	case <-v.view:
	case <-timer.C():
	case <-ctx.Done():
	}
}

// NotifyAll implements vsphere.Notifier. The adapter calls it whenever its state has changed.
func (v *vCenter) NotifyAll() {
	state := v.State()
	v.mu.Lock()
	v.metrics.DisappearedVMs.Set(unproven(state.Disappearance))
	switch {
	case !state.Synced:
		v.metrics.VCenterConnected.Set(0)
	case v.since.IsZero():
		v.metrics.VCenterConnected.Set(1)
		v.since = state.Since
	case !v.since.Equal(state.Since):
		v.metrics.VCenterConnected.Set(1)
		v.metrics.WatchRestarts.Inc()
		v.since = state.Since
	}
	v.mu.Unlock()
	v.known.Do(func() { close(v.view) })
	v.Notifier.NotifyAll()
	v.classes.NotifyAll()
}

// state adds what there is in vCenter to what there is of the groups.
func (v *vCenter) state(s metrics.State) metrics.State {
	s.Operations = map[string]int{}
	for kind, n := range v.InFlight() {
		s.Operations[string(kind)] = n
	}
	if err := v.State().Err; err != nil {
		s.Unavailable = map[string]int{err.Reason: 1}
	}
	return s
}

// operations measures operations.
type operations struct{ metrics *metrics.Metrics }

// Began implements operations.Observer.
func (o operations) Began(kind vsphere.OperationKind, waited time.Duration) {
	o.metrics.BudgetWait.WithLabelValues(string(kind)).Observe(waited.Seconds())
}

// Ended implements operations.Observer.
func (o operations) Ended(kind vsphere.OperationKind, took time.Duration, class vsphere.Class) {
	result := cmp.Or(string(class), metrics.ResultSuccess)
	o.metrics.OperationDuration.WithLabelValues(string(kind), result).Observe(took.Seconds())
}

// unproven is how many VMs hold back all clones.
func unproven(d *vsphere.Disappearance) float64 {
	if d == nil {
		return 0
	}
	return float64(d.Unproven)
}

// ready says why there is no view of the inventory.
func (v *vCenter) ready() error {
	switch state := v.State(); {
	case state.Synced:
		return nil
	case state.Err != nil:
		return state.Err
	default:
		return errors.New("not connected")
	}
}

// logins is the gate, and counts what came of each login.
type logins struct {
	*login.Gate
	metrics *metrics.Metrics
	failed  atomic.Bool // the last call of Login
}

func (l *logins) observe(method string, err error) {
	if method == "Login" {
		l.failed.Store(err != nil)
	}
}

// End implements vim.LoginGate.
func (l *logins) End(ctx context.Context, refused bool) error {
	switch {
	case refused:
		l.metrics.Logins.WithLabelValues(metrics.ResultRefused).Inc()
	case l.failed.Load():
		l.metrics.Logins.WithLabelValues(metrics.ResultError).Inc()
	default:
		l.metrics.Logins.WithLabelValues(metrics.ResultSuccess).Inc()
	}
	return l.Gate.End(ctx, refused)
}

// Unanswered implements vim.LoginGate.
func (l *logins) Unanswered(ctx context.Context) error {
	l.metrics.Logins.WithLabelValues(metrics.ResultError).Inc()
	return l.Gate.Unanswered(ctx)
}

func result(err error) string {
	if err != nil {
		return metrics.ResultError
	}
	return metrics.ResultSuccess
}

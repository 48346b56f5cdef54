package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/controller"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/scheme"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions"
	vsphereinformers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vspheresync"
)

const (
	component = "vmgroup-controller"
	// maxGrace is how long syncs may go on at a stop. They wait for no task, so it is plenty.
	maxGrace = 5 * time.Second
	// resyncJitter keeps several controllers from asking at the same time.
	resyncJitter = 0.2
)

// leadership is the right to change anything.
type leadership interface {
	// sure returns an error unless this process may surely write now.
	sure() error
	// onRecovery has wake called when it is sure again after it was not.
	onRecovery(wake func())
}

// alwaysLeader is the leadership of a process that was told to be the only one.
type alwaysLeader struct{}

func (alwaysLeader) sure() error       { return nil }
func (alwaysLeader) onRecovery(func()) {}

// components are the parts of a controller that work under the Lease.
type components struct {
	informers  informers.SharedInformerFactory
	release    func() // lets go of the informers' name
	listing    *state // the last error of the first list
	revisions  *revisions
	vcenter    *vCenter
	classes    keepers
	events     record.EventBroadcaster
	syncer     *vspheresync.Syncer
	orphans    *vspheresync.Orphans
	controller *controller.Controller
}

// build makes the components. Of what it returns only the event broadcaster runs, until ctx ends.
func (a *app) build(ctx context.Context, owner string, lead leadership) (*components, error) {
	c := &components{listing: &state{}}
	c.informers, c.release = a.newInformers()
	groups := c.informers.Vsphere().V1alpha1().VmGroups()
	writes := controller.NewWrites(a.clock)
	err := watchErrors(groups.Informer(), c.listing)
	if err == nil {
		c.controller, err = a.newController(ctx, groups.TypedInformer(), writes)
	}
	if err == nil {
		c.vcenter, err = a.newVCenter(owner, c.controller, a.guard(lead))
	}
	if err == nil {
		c.revisions, err = a.newRevisions(c.controller)
	}
	if err == nil {
		c.classes, err = a.newKeepers(c, lead)
	}
	if err != nil {
		c.release()
		return nil, err
	}
	c.vcenter.classes = c.classes
	lead.onRecovery(func() { c.controller.NotifyAll(); c.classes.NotifyAll() })
	c.events = record.NewBroadcaster(record.WithContext(ctx))
	c.events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: a.clients.events.CoreV1().Events("")})
	c.syncer = vspheresync.New(vspheresync.Config{
		Name:           a.options.ControllerName,
		VCenter:        c.vcenter,
		KeeperOf:       c.classes.KeeperOf,
		Client:         a.clients.groups.VsphereV1alpha1(),
		Lister:         groups.Lister(),
		Revisions:      c.revisions.of,
		RevisionClient: a.clients.kube.AppsV1(),
		UserData:       vspheresync.SecretReader{Client: a.clients.kube.CoreV1().RESTClient()},
		Recorder:       c.events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component}),
		Clock:          a.clock,
		Wrote:          writes.Wrote,
		Sure:           lead.sure,
		ReadOnly:       a.options.ReadOnly,
	})
	c.orphans = vspheresync.NewOrphans(vspheresync.OrphansConfig{
		VCenter:   c.vcenter,
		Client:    a.clients.groups.VsphereV1alpha1(),
		Lister:    groups.Lister(),
		Namespace: a.options.Namespace,
		Period:    a.options.ResyncPeriod,
		Count:     func(n int) { a.metrics.Orphans.Set(float64(n)) },
		Clock:     a.clock,
	})
	return c, nil
}

// guard returns what the adapter asks before it changes anything in vCenter.
func (a *app) guard(lead leadership) func() error {
	return func() error {
		if a.options.ReadOnly {
			return errors.New("-read-only is set: nothing in vCenter is changed")
		}
		if err := lead.sure(); err != nil {
			return fmt.Errorf("nothing in vCenter is changed: %w", err)
		}
		return nil
	}
}

// newInformers returns the informers, and a function that lets go of their name.
func (a *app) newInformers() (factory informers.SharedInformerFactory, release func()) {
	options := []informers.SharedInformerOption{
		informers.WithNamespace(a.options.Namespace), informers.WithTransform(dropManagedFields),
	}
	// Without a name there are no metrics of informers. Only one controller of a process can have it, and only in tests are
	// there several.
	name, err := cache.NewInformerName(component)
	if err == nil {
		options = append(options, informers.WithInformerName(name))
	}
	release = func() {
		if name != nil {
			name.Release()
		}
	}
	return informers.NewSharedInformerFactoryWithOptions(a.clients.watches, wait.Jitter(a.options.ResyncPeriod, resyncJitter), options...), release
}

// dropManagedFields keeps out of memory what nobody reads, and what is half of a small object.
func dropManagedFields(obj any) (any, error) {
	if object, ok := obj.(metav1.Object); ok {
		object.SetManagedFields(nil)
	}
	return obj, nil
}

func (a *app) newController(ctx context.Context, informer vsphereinformers.VmGroupIndexInformer, writes *controller.Writes) (*controller.Controller, error) {
	election := a.options.LeaderElection
	return controller.New(controller.Config{
		Informer: informer,
		Writes:   writes,
		Metrics:  a.metrics,
		Clock:    a.clock,
		Logger:   klog.FromContext(ctx),
		Workers:  a.options.Workers,
		// The elector gives up at RetryPeriod + RenewDeadline after the last renewal at the latest. Nobody else has the
		// Lease before it expires; until then the workers may end their syncs.
		Grace: max(0, min(maxGrace, election.LeaseDuration-election.RenewDeadline-election.RetryPeriod)),
	})
}

// watchErrors keeps the last error of the first list for /readyz. client-go logs and retries.
func watchErrors(informer cache.SharedIndexInformer, last *state) error {
	err := informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		last.set(err)
		cache.DefaultWatchErrorHandler(ctx, r, err)
	})
	if err != nil {
		return fmt.Errorf("keep the errors of a watch: %w", err)
	}
	return nil
}

// show adds the components to what health and metrics tell, and returns a function that takes them off again.
func (a *app) show(c *components) (hide func()) {
	hideMetrics := a.metrics.Show(func() metrics.State { return c.vcenter.state(c.syncer.State()) })
	a.health.setWorking(
		check{"vmgroups", func() error { return listed(c.controller.HasSynced(), c.listing) }},
		check{"vcenter", c.vcenter.ready},
	)
	return func() {
		a.health.setWorking()
		hideMetrics()
	}
}

func listed(synced bool, last *state) error {
	switch {
	case synced:
		return nil
	case last.get() != nil:
		return fmt.Errorf("the VmGroups have not been listed yet: %w", last.get())
	default:
		return errors.New("the VmGroups have not been listed yet")
	}
}

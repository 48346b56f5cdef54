package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/controller"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/scheme"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions"
	vsphereinformers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
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

// work does the controller's work until ctx ends, and returns when everything it has started has ended.
func (a *app) work(ctx context.Context, owner string, tenure tenure) (err error) {
	// What the workers use outlives them.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()

	factory, release := a.newInformers()
	defer release()
	defer factory.Shutdown()
	defer stopServing() // or Shutdown waits forever
	groups := factory.Vsphere().V1alpha1().VmGroups()
	listing := &state{}
	if err := watchErrors(groups.Informer(), listing); err != nil {
		return err
	}
	writes := controller.NewWrites(a.clock)
	ctrl, err := a.newController(ctx, groups.TypedInformer(), writes)
	if err != nil {
		return err
	}
	tenure.onRecovery(ctrl.NotifyAll)
	vcenter, err := a.newVCenter(owner, ctrl, a.guard(tenure))
	if err != nil {
		return err
	}
	events := record.NewBroadcaster(record.WithContext(serving))
	defer events.Shutdown()
	events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: a.clients.kube.CoreV1().Events("")})
	syncer := vspheresync.New(vspheresync.Config{
		VCenter:  vcenter,
		Client:   a.clients.groups.VsphereV1alpha1(),
		Lister:   groups.Lister(),
		Recorder: events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component}),
		Clock:    a.clock,
		Wrote:    writes.Wrote,
		Sure:     tenure.sure,
		ReadOnly: a.options.ReadOnly,
	})
	defer a.metrics.Show(func() metrics.State { return vcenter.state(syncer.State()) })()
	a.health.setWorking(
		check{"vmgroups", func() error { return listed(ctrl.HasSynced(), listing) }},
		check{"vcenter", vcenter.ready},
	)
	defer a.health.setWorking()

	factory.StartWithContext(serving)
	var session sync.WaitGroup
	session.Go(func() { vcenter.run(serving) })
	vcenter.await(ctx)
	session.Go(func() { a.newOrphans(vcenter, groups.Lister()).Run(ctx) })
	ctrl.Run(ctx, syncer) // returns when the last worker has ended
	stopServing()
	session.Wait() // logged out
	return nil
}

func (a *app) newOrphans(vcenter *vCenter, groups listers.VmGroupLister) *vspheresync.Orphans {
	return vspheresync.NewOrphans(vspheresync.OrphansConfig{
		VCenter:   vcenter,
		Client:    a.clients.groups.VsphereV1alpha1(),
		Lister:    groups,
		Namespace: a.options.Namespace,
		Period:    a.options.ResyncPeriod,
		Count:     func(n int) { a.metrics.Orphans.Set(float64(n)) },
		Clock:     a.clock,
	})
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
	if vg, ok := obj.(*v1alpha1.VmGroup); ok {
		vg.ManagedFields = nil
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
		return fmt.Errorf("watch VmGroups: %w", err)
	}
	return nil
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

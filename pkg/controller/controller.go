package controller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Syncer brings one VmGroup closer to its spec. Different groups are synced concurrently, one group never.
type Syncer interface {
	// Sync must not change vg, which is shared with the cache. It submits and does not wait for vCenter's tasks.
	// If after is not 0 the group is looked at again after that time, also when there is an error, whose class decides
	// on a retry of its own.
	Sync(ctx context.Context, vg *v1alpha1.VmGroup) (after time.Duration, err error)
	// Forget drops what is remembered of a VmGroup that is gone from the API. There may be another one of that name by
	// now. The UID is empty if nobody saw the object before it went.
	Forget(key cache.ObjectName, uid types.UID)
}

// Config is what a Controller is made of. All fields are required.
type Config struct {
	// Informer is not started by the controller.
	Informer informers.VmGroupIndexInformer
	// Writes gets from the Syncer what it has written.
	Writes  *Writes
	Metrics *metrics.Metrics
	Clock   clock.WithTicker
	Logger  klog.Logger

	Workers int
	// Grace is how long syncs that are under way at a stop may go on before their context is cancelled.
	Grace time.Duration
}

// Controller feeds VmGroups to a Syncer. It implements vsphere.Notifier from New on, so that a vCenter can be given it
// before there is a Syncer that uses that vCenter.
type Controller struct {
	informer informers.VmGroupIndexInformer
	lister   listers.VmGroupLister
	handler  cache.ResourceEventHandlerRegistration
	writes   *Writes
	metrics  *metrics.Metrics
	clock    clock.WithTicker
	workers  int
	grace    time.Duration

	priority      *priorityQueue
	queue         workqueue.TypedDelayingInterface[cache.ObjectName]
	backoff       *backoff
	notifications *coalescer
	deleted       *deletedUIDs
}

// New registers handlers and an index with the informer, which must not be running yet.
func New(cfg Config) (*Controller, error) {
	priority := newPriorityQueue()
	c := &Controller{
		informer: cfg.Informer,
		lister:   listers.NewVmGroupLister(cfg.Informer.GetIndexer()),
		writes:   cfg.Writes,
		metrics:  cfg.Metrics,
		clock:    cfg.Clock,
		workers:  cfg.Workers,
		grace:    cfg.Grace,

		priority:      priority,
		queue:         newQueue(cfg, priority),
		backoff:       newBackoff(),
		notifications: newCoalescer(cfg.Clock),
		deleted:       newDeletedUIDs(),
	}
	if err := cfg.Informer.AddTypedIndexers(informers.VmGroupIndexers{uidIndex: indexByUID}); err != nil {
		return nil, fmt.Errorf("index VmGroups by UID: %w", err)
	}
	handler, err := cfg.Informer.AddTypedEventHandler(c)
	if err != nil {
		return nil, fmt.Errorf("register a handler for VmGroups: %w", err)
	}
	c.handler = handler
	return c, nil
}

// newQueue returns a queue from which keys leave by their priority.
func newQueue(cfg Config, priority *priorityQueue) workqueue.TypedDelayingInterface[cache.ObjectName] {
	const name = "vmgroup"
	return workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[cache.ObjectName]{
		Logger: &cfg.Logger,
		Name:   name,
		Clock:  cfg.Clock,
		Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[cache.ObjectName]{
			Name:  name,
			Clock: cfg.Clock,
			Queue: priority,
		}),
	})
}

// HasSynced reports whether the queue has seen every VmGroup there was when the informer started.
func (c *Controller) HasSynced() bool { return c.handler.HasSynced() }

// Run syncs until ctx ends, then takes nothing more from the queue, and returns when the syncs under way have ended. It
// runs once.
func (c *Controller) Run(ctx context.Context, syncer Syncer) {
	logger := klog.FromContext(ctx)
	defer c.queue.ShutDown()
	if !cache.WaitFor(ctx, "VmGroups", c.handler.HasSyncedChecker()) {
		return // ctx has ended
	}
	logger.Info("Starting workers", "count", c.workers)

	syncCtx, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var workers sync.WaitGroup
	for range c.workers {
		workers.Go(func() {
			for c.processNextWorkItem(ctx, syncCtx, syncer) {
			}
		})
	}
	<-ctx.Done()
	c.queue.ShutDown()

	drained := make(chan struct{})
	go func() { workers.Wait(); close(drained) }()
	grace := c.clock.NewTimer(c.grace)
	defer grace.Stop()
	select {
	case <-drained:
	case <-grace.C():
		abort()
		<-drained
	}
	logger.Info("All workers have ended")
}

// processNextWorkItem syncs one key and reports whether there may be another one.
func (c *Controller) processNextWorkItem(stop, ctx context.Context, syncer Syncer) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	if stop.Err() != nil {
		return true // what waited is seen by the next process: it lists everything
	}
	opID := utilrand.String(8)
	logger := klog.LoggerWithValues(klog.FromContext(ctx), "vmGroup", klog.KRef(key.Namespace, key.Name), "opID", opID)
	ctx = vsphere.WithOpID(klog.NewContext(ctx, logger), opID)

	start := c.clock.Now()
	after, err := c.syncHandler(ctx, key, syncer)
	c.metrics.SyncDuration.Observe(c.clock.Since(start).Seconds())
	c.requeue(ctx, key, after, err)
	return true
}

// syncHandler syncs a key with what the cache has of it. A panic is an error like any other.
func (c *Controller) syncHandler(ctx context.Context, key cache.ObjectName, syncer Syncer) (after time.Duration, err error) {
	defer c.handleCrash(&err)
	for _, uid := range c.deleted.take(key) {
		syncer.Forget(key, uid)
	}
	vg, err := c.lister.VmGroups(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.writes.forget(key)
		c.notifications.forget(key)
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get VmGroup from the cache: %w", err)
	}
	if c.writes.ahead(vg) {
		return 0, errStale
	}
	return syncer.Sync(ctx, vg)
}

// handleCrash makes an error of a panic. It has to be deferred.
func (c *Controller) handleCrash(err *error) {
	if r := recover(); r != nil {
		c.metrics.Panics.Inc()
		*err = &panicError{value: r, stack: debug.Stack()}
	}
}

// errStale means that the cache does not have our own last write yet.
var errStale = errors.New("the cache is older than our own last write")

// panicError is a panic in a sync.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

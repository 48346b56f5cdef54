package controller

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// staleRetry is when a sync that found a stale cache looks again. The event that it waits for comes sooner, see OnUpdate.
const staleRetry = time.Second

// requeue decides when a key is synced again. It is the only place that acts on classes of errors:
//
//   - success: when something happens, or after the time that the sync asked for
//   - stale cache: when the cache has our own write
//   - another writer of the same object came first: as Transient, for by then the cache has that write; quietly
//   - Conflict: soon, quietly
//   - Unavailable: not at all, for the session loop wakes all keys when vCenter is back
//   - Invalid: when something happens, and every 5 min
//   - Exhausted: 1 min, doubling to 10 min
//   - Transient, UnknownOutcome, a panic: 1 s, doubling to 2 min
//
// An event or a notification may come first, and no key is ever given up.
func (c *Controller) requeue(ctx context.Context, key cache.ObjectName, after time.Duration, err error) {
	logger := klog.FromContext(ctx)
	class := classOf(err)
	c.metrics.Syncs.WithLabelValues(class).Inc()
	if after > 0 {
		c.queue.AddAfter(key, after)
	}
	if err == nil {
		c.queue.Forget(key)
		return
	}
	if errors.Is(err, errStale) { // not counted: it says nothing about how the syncs go
		logger.V(4).Info("Waiting for the cache", "reason", err)
		c.queue.AddAfter(key, staleRetry)
		return
	}
	n := c.limiter.failed(key, class)
	switch {
	case ctx.Err() != nil: // the queue takes nothing more, and the next process lists everything
		logger.V(2).Info("Sync was cut short by the stop", "reason", err)
		return
	case class == string(vsphere.ClassUnavailable):
		logger.V(4).Info("Waiting for vCenter", "reason", err)
		return
	case class == metrics.ResultOvertaken, class == string(vsphere.ClassConflict):
		logger.V(4).Info("Looking again soon", "reason", err)
	case class == string(vsphere.ClassInvalid), class == string(vsphere.ClassExhausted):
		logger.V(2).Info("Sync cannot go on", "class", class, "reason", err, "failures", n)
	default: // Transient, UnknownOutcome, a panic
		logger.Error(err, "Sync failed", "class", class, "failures", n)
	}
	c.queue.AddRateLimited(key)
}

// classOf returns the class of an error, or what stands in its place: Success, StaleCache, Overtaken, Panic.
func classOf(err error) string {
	_, panicked := errors.AsType[*panicError](err)
	switch {
	case err == nil:
		return metrics.ResultSuccess
	case panicked:
		return metrics.ResultPanic
	case errors.Is(err, errStale):
		return metrics.ResultStale
	case apierrors.IsConflict(err):
		return metrics.ResultOvertaken
	default:
		return string(vsphere.ClassOf(err))
	}
}

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

const (
	// classAPIConflict: somebody else has written the VmGroup first. vCenter has conflicts of its own, with delays of their own.
	classAPIConflict vsphere.Class = "APIConflict"
	classPanic       vsphere.Class = "Panic"
)

// requeue decides when a key is synced again. It is the only place that acts on classes of errors:
//
//   - success: when something happens, or after the time that the sync asked for
//   - stale cache: when the cache has our own write
//   - a conflict in the API (somebody else has written the VmGroup first): as Transient, for by then the cache has that
//     write; quietly
//   - Conflict, in vCenter: soon, quietly
//   - Unavailable: not at all, for the session loop wakes all keys when vCenter is back
//   - Invalid: when something happens, and every 5 min
//   - Exhausted: 1 min, doubling to 10 min
//   - Transient, UnknownOutcome, a panic: 1 s, doubling to 2 min
//
// An event or a notification may come first, and no key is ever given up.
func (c *Controller) requeue(ctx context.Context, key cache.ObjectName, after time.Duration, err error) {
	logger := klog.FromContext(ctx)
	class := classOf(err)
	c.metrics.Syncs.WithLabelValues(result(err, class)).Inc()
	if after > 0 {
		c.queue.AddAfter(key, after)
	}
	if err == nil {
		c.backoff.reset(key)
		return
	}
	if errors.Is(err, errStale) { // not counted: it says nothing about how the syncs go
		logger.V(4).Info("Waiting for the cache", "reason", err)
		c.queue.AddAfter(key, staleRetry)
		return
	}
	delay, n := c.backoff.next(key, class)
	switch {
	case ctx.Err() != nil: // the queue takes nothing more, and the next process lists everything
		logger.V(2).Info("Sync was cut short by the stop", "reason", err)
		return
	case class == vsphere.ClassUnavailable:
		logger.V(4).Info("Waiting for vCenter", "reason", err)
		return
	case class == classAPIConflict, class == vsphere.ClassConflict:
		logger.V(4).Info("Looking again soon", "reason", err)
	case class == vsphere.ClassInvalid, class == vsphere.ClassExhausted:
		logger.V(2).Info("Sync cannot go on", "class", class, "reason", err, "failures", n)
	default: // Transient, UnknownOutcome, a panic
		logger.Error(err, "Sync failed", "class", class, "failures", n)
	}
	c.queue.AddAfter(key, delay)
}

// classOf returns the class of an error. An error that is not vCenter's has one too.
func classOf(err error) vsphere.Class {
	_, panicked := errors.AsType[*panicError](err)
	switch {
	case panicked:
		return classPanic
	case apierrors.IsConflict(err):
		return classAPIConflict
	default:
		return vsphere.ClassOf(err)
	}
}

// result returns what the metric calls the end of a sync.
func result(err error, class vsphere.Class) string {
	switch {
	case err == nil:
		return metrics.ResultSuccess
	case errors.Is(err, errStale):
		return metrics.ResultStale
	case class == classAPIConflict:
		return string(vsphere.ClassConflict)
	case class == classPanic:
		return metrics.ResultPanic
	default:
		return string(class)
	}
}

package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// jitter is the part of a delay by which it may be longer, so that what failed together is not retried together.
const jitter = 0.2

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
		c.failures.forget(key)
		return
	}
	if errors.Is(err, errStale) { // not counted: it says nothing about how the syncs go
		logger.V(4).Info("Waiting for the cache", "reason", err)
		c.queue.AddAfter(key, staleRetry)
		return
	}
	n := c.failures.count(key, class)
	retry := wait.Jitter(vsphere.RetryDelay(vsphere.Class(class), n), jitter)
	switch {
	case ctx.Err() != nil: // the queue takes nothing more, and the next process lists everything
		logger.V(2).Info("Sync was cut short by the stop", "reason", err)
		return
	case class == string(vsphere.ClassUnavailable):
		logger.V(4).Info("Waiting for vCenter", "reason", err)
		return
	case apierrors.IsConflict(err):
		retry = wait.Jitter(vsphere.RetryDelay(vsphere.ClassTransient, n), jitter)
		logger.V(4).Info("Another writer came first", "reason", err, "retryAfter", retry)
	case class == string(vsphere.ClassConflict):
		logger.V(4).Info("Looking again soon", "reason", err, "retryAfter", retry)
	case class == string(vsphere.ClassInvalid), class == string(vsphere.ClassExhausted):
		logger.V(2).Info("Sync cannot go on", "class", class, "reason", err, "failures", n, "retryAfter", retry)
	default: // Transient, UnknownOutcome, a panic
		logger.Error(err, "Sync failed", "class", class, "failures", n, "retryAfter", retry)
	}
	c.queue.AddAfter(key, retry)
}

// classOf returns the class of an error, or what stands in its place: Success, StaleCache, Panic.
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
		return string(vsphere.ClassConflict)
	default:
		return string(vsphere.ClassOf(err))
	}
}

// failures counts, for each key, the consecutive failures of the last class.
type failures struct {
	mu   sync.Mutex
	last map[cache.ObjectName]failure
}

type failure struct {
	class string
	n     int
}

func newFailures() *failures { return &failures{last: map[cache.ObjectName]failure{}} }

func (f *failures) count(key cache.ObjectName, class string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.last[key]
	if last.class != class {
		last = failure{class: class}
	}
	last.n++
	f.last[key] = last
	return last.n
}

func (f *failures) forget(key cache.ObjectName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.last, key)
}

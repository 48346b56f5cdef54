package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// jitter is the part of a delay by which it may be longer, so that what failed together is not retried together.
const jitter = 0.2

// limiter is the queue's rate limiter. It spaces the retries of a key by the class of its last error, and by how often in a
// row it was of that class. It is safe for concurrent use.
type limiter struct {
	mu   sync.Mutex
	last map[cache.ObjectName]failure
}

type failure struct {
	class string
	n     int
}

var _ workqueue.TypedRateLimiter[cache.ObjectName] = &limiter{}

func newLimiter() *limiter { return &limiter{last: map[cache.ObjectName]failure{}} }

// failed counts a failure and returns how many there were in a row, of the same class.
func (l *limiter) failed(key cache.ObjectName, class string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[key]
	if last.class != class {
		last = failure{class: class}
	}
	last.n++
	l.last[key] = last
	return last.n
}

// When returns the delay after the failures that were counted. It counts none itself.
func (l *limiter) When(key cache.ObjectName) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[key]
	return wait.Jitter(vsphere.RetryDelay(vsphere.Class(last.class), last.n), jitter)
}

// NumRequeues returns how many failures there were in a row.
func (l *limiter) NumRequeues(key cache.ObjectName) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[key].n
}

// Forget starts anew, after a success.
func (l *limiter) Forget(key cache.ObjectName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, key)
}

package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// jitter is the part of a delay by which it may be longer, so that what failed together is not retried together.
const jitter = 0.2

// backoff spaces the retries of a key by the class of its last error, and by how often in a row it was of that class. It is no
// workqueue.TypedRateLimiter, which knows keys and no errors. It is safe for concurrent use.
type backoff struct {
	mu   sync.Mutex
	last map[cache.ObjectName]failures
}

type failures struct {
	class vsphere.Class
	n     int
}

func newBackoff() *backoff { return &backoff{last: map[cache.ObjectName]failures{}} }

// next counts a failure. It returns after how long to retry, and how many failures of that class there were in a row.
func (b *backoff) next(key cache.ObjectName, class vsphere.Class) (delay time.Duration, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.last[key]
	if last.class != class {
		last = failures{class: class}
	}
	last.n++
	b.last[key] = last
	return wait.Jitter(vsphere.RetryDelay(class, last.n), jitter), last.n
}

// reset starts anew, after a success.
func (b *backoff) reset(key cache.ObjectName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.last, key)
}

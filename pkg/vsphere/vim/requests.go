package vim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// maxRequests is how many requests run at once. The others wait for a place.
	maxRequests = 8
	// requestTimeout bounds one request, from when it has its place.
	requestTimeout = time.Minute
)

var errConnectionEnded = syncing("The connection to vCenter has ended just now.")

// requests are what groups ask of vCenter that takes longer than a worker may wait. The life cycle of one:
//
//  1. pending: it waits for one of maxRequests places.
//  2. running, for requestTimeout at most.
//  3. answered: the adapter notifies the group. The answer stays until the group takes it, or is forgotten.
//
// Requests end with their connection. The loss of the connection, which notifies all groups, is no answer.
type requests struct {
	places chan struct{}
	life   context.Context // of the connection
	stop   context.CancelFunc

	mu      sync.Mutex
	ended   bool
	byKey   map[requestKey]*request
	running sync.WaitGroup
}

// requestKey tells requests apart.
type requestKey struct {
	group vsphere.GroupID
	what  string
}

type request struct {
	answered bool
	err      error // the answer
}

func newRequests() *requests {
	life, stop := context.WithCancel(context.Background())
	return &requests{places: make(chan struct{}, maxRequests), life: life, stop: stop, byKey: map[requestKey]*request{}}
}

// request returns the answer to a request, once, or ErrPending. The first call starts work, which returns the answer.
func (c *connection) request(ctx context.Context, key requestKey, work func(context.Context) error) error {
	r := c.requests
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return errConnectionEnded
	}
	if q := r.byKey[key]; q != nil {
		if !q.answered {
			return vsphere.ErrPending
		}
		delete(r.byKey, key)
		return q.err
	}
	q := &request{}
	r.byKey[key] = q
	r.start(ctx, func(ctx context.Context) {
		select {
		case r.places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		err := work(ctx)
		cancel()
		<-r.places
		r.answer(key, q, err)
		c.v.cfg.Notifier.Notify(key.group)
	})
	return vsphere.ErrPending
}

// answer keeps the answer to a request until the group takes it. A refusal of the guard is no answer: it may be over when the
// group asks again.
func (r *requests) answer(key requestKey, q *request, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.answered, q.err = true, err
	if _, refused := errors.AsType[*guardError](err); refused && r.byKey[key] == q {
		delete(r.byKey, key)
	}
}

// start runs do beside the workers, with the caller's opID and logger, until the connection ends. The caller holds r.mu.
func (r *requests) start(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the worker goes on to another group
	stop := context.AfterFunc(r.life, cancel)
	r.running.Go(func() {
		defer cancel()
		defer stop()
		do(ctx)
	})
}

// forget drops the requests of a group that exists no more.
func (r *requests) forget(g vsphere.GroupID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.byKey {
		if key.group == g {
			delete(r.byKey, key)
		}
	}
}

// end ends all requests, and returns when none runs any more.
func (r *requests) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.stop()
	r.running.Wait()
}

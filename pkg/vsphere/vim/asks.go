package vim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// maxAsks is how many questions are worked on at once. The others wait for a place.
	maxAsks = 8
	// askTimeout bounds the work on one question, from when it has its place.
	askTimeout = time.Minute
)

var errConnectionEnded = syncing("The connection to vCenter has ended just now.")

// asks are the questions of groups that take more than a moment: workers ask them and do not wait. The life cycle of one:
//
//  1. asked: it waits for one of maxAsks places.
//  2. under way, for askTimeout at most.
//  3. answered: the group is notified. The answer is kept until the group takes it or is forgotten.
//
// They end with their connection, and nothing is concluded from what was not answered.
type asks struct {
	notify func(vsphere.GroupID)
	places chan struct{}
	life   context.Context // of the connection
	stop   context.CancelFunc

	mu      sync.Mutex
	ended   bool
	byKey   map[askKey]*ask
	running sync.WaitGroup
}

// askKey tells questions apart.
type askKey struct {
	group vsphere.GroupID
	what  string
}

type ask struct {
	answered bool
	err      error // the answer
}

func newAsks(notify func(vsphere.GroupID)) *asks {
	life, stop := context.WithCancel(context.Background())
	return &asks{notify: notify, places: make(chan struct{}, maxAsks), life: life, stop: stop, byKey: map[askKey]*ask{}}
}

// ask returns the answer to a question, once, or ErrPending. The first time it lets work find the answer.
func (a *asks) ask(ctx context.Context, key askKey, work func(context.Context) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return errConnectionEnded
	}
	if q := a.byKey[key]; q != nil {
		if !q.answered {
			return vsphere.ErrPending
		}
		delete(a.byKey, key)
		return q.err
	}
	q := &ask{}
	a.byKey[key] = q
	a.start(ctx, func(ctx context.Context) {
		select {
		case a.places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		err := work(ctx)
		cancel()
		<-a.places
		a.answer(key, q, err)
		a.notify(key.group)
	})
	return vsphere.ErrPending
}

// answer keeps the answer to a question until it is taken. A refusal of the guard is none: it may be over when the group asks
// again.
func (a *asks) answer(key askKey, q *ask, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.answered, q.err = true, err
	if _, refused := errors.AsType[*guardError](err); refused && a.byKey[key] == q {
		delete(a.byKey, key)
	}
}

// start lets do run beside the workers, with the caller's opID and logger, until the connection ends. a.mu is held.
func (a *asks) start(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the worker goes on to something else
	stop := context.AfterFunc(a.life, cancel)
	a.running.Go(func() {
		defer cancel()
		defer stop()
		do(ctx)
	})
}

// forget drops the answers for a group that exists no more.
func (a *asks) forget(g vsphere.GroupID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key := range a.byKey {
		if key.group == g {
			delete(a.byKey, key)
		}
	}
}

// end ends all questions, and returns when nobody works on any.
func (a *asks) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.stop()
	a.running.Wait()
}

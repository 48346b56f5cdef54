package controller

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// maxHighInARow is after how many keys of high priority one of low priority leaves the queue, so that none starves.
const maxHighInARow = 8

// priorityQueue is the order in which keys leave the queue. What a person has done (a VmGroup created, edited, deleted) has
// high priority. The first list, resyncs, notifications and retries have low priority. Within a priority, first come, first
// served. A key of low priority that waits gets high priority when a person edits its VmGroup.
//
// The queue calls all methods but raise with its own lock held.
type priorityQueue struct {
	high, low  []cache.ObjectName
	highInARow int // keys of high priority that have left since one of low priority has

	mu     sync.Mutex
	raised sets.Set[cache.ObjectName]
}

var _ workqueue.Queue[cache.ObjectName] = &priorityQueue{}

func newPriorityQueue() *priorityQueue {
	return &priorityQueue{raised: sets.New[cache.ObjectName]()}
}

// raise gives high priority to a key that is about to be added. It may be called from anywhere.
func (q *priorityQueue) raise(key cache.ObjectName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.raised.Insert(key)
}

// takeRaised reports whether a key was raised since it was last asked for.
func (q *priorityQueue) takeRaised(key cache.ObjectName) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	raised := q.raised.Has(key)
	q.raised.Delete(key)
	return raised
}

// Push implements workqueue.Queue.
func (q *priorityQueue) Push(key cache.ObjectName) {
	if q.takeRaised(key) {
		q.high = append(q.high, key)
	} else {
		q.low = append(q.low, key)
	}
}

// Touch implements workqueue.Queue: a key that waits already is added again.
func (q *priorityQueue) Touch(key cache.ObjectName) {
	if !q.takeRaised(key) {
		return
	}
	if i := slices.Index(q.low, key); i >= 0 {
		q.low = slices.Delete(q.low, i, i+1)
		q.high = append(q.high, key)
	}
}

// Len implements workqueue.Queue.
func (q *priorityQueue) Len() int { return len(q.high) + len(q.low) }

// Pop implements workqueue.Queue. The queue calls it only if Len is not 0.
func (q *priorityQueue) Pop() (key cache.ObjectName) {
	if len(q.low) == 0 || len(q.high) > 0 && q.highInARow < maxHighInARow {
		key, q.high = q.high[0], q.high[1:]
		q.highInARow++
		return key
	}
	key, q.low = q.low[0], q.low[1:]
	q.highInARow = 0
	return key
}

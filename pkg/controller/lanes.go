package controller

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// turn is after how many keys of the fast lane one of the slow lane is let in, so that it never starves.
const turn = 8

// lanes is the order in which keys leave the queue: what a person has done (a VmGroup created, edited, deleted) goes
// first, what is routine (the first list, resyncs, notifications, retries) after it. Within a lane, first come, first
// served. A key that waits in the slow lane changes over when a person's edit of it arrives.
//
// The queue calls all methods but hurry with its own lock held.
type lanes struct {
	fast, slow []cache.ObjectName
	inARow     int // keys taken from the fast lane since one was taken from the slow lane

	mu     sync.Mutex
	marked sets.Set[cache.ObjectName] // to go into the fast lane
}

var _ workqueue.Queue[cache.ObjectName] = &lanes{}

func newLanes() *lanes { return &lanes{marked: sets.New[cache.ObjectName]()} }

// hurry marks a key that is about to be added. It may be called from anywhere.
func (l *lanes) hurry(key cache.ObjectName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked.Insert(key)
}

// takeMark says whether the key was marked, and unmarks it.
func (l *lanes) takeMark(key cache.ObjectName) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	marked := l.marked.Has(key)
	l.marked.Delete(key)
	return marked
}

// Push implements workqueue.Queue.
func (l *lanes) Push(key cache.ObjectName) {
	if l.takeMark(key) {
		l.fast = append(l.fast, key)
	} else {
		l.slow = append(l.slow, key)
	}
}

// Touch implements workqueue.Queue: a key that waits already is added again.
func (l *lanes) Touch(key cache.ObjectName) {
	if !l.takeMark(key) {
		return
	}
	if i := slices.Index(l.slow, key); i >= 0 {
		l.slow = slices.Delete(l.slow, i, i+1)
		l.fast = append(l.fast, key)
	}
}

// Len implements workqueue.Queue.
func (l *lanes) Len() int { return len(l.fast) + len(l.slow) }

// Pop implements workqueue.Queue. It is called only if Len is not 0.
func (l *lanes) Pop() (key cache.ObjectName) {
	if len(l.slow) == 0 || len(l.fast) > 0 && l.inARow < turn {
		key, l.fast = l.fast[0], l.fast[1:]
		l.inARow++
		return key
	}
	key, l.slow = l.slow[0], l.slow[1:]
	l.inARow = 0
	return key
}

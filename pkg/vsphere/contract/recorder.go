package contract

import (
	"sync"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// recorder counts notifications and lets tests wait for the next.
type recorder struct {
	mu    sync.Mutex
	heard []vsphere.GroupID // the zero GroupID stands for all groups
	next  chan struct{}     // closed by the next notification
}

func newRecorder() *recorder { return &recorder{next: make(chan struct{})} }

// Notify implements vsphere.Notifier.
func (r *recorder) Notify(g vsphere.GroupID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, g)
	close(r.next)
	r.next = make(chan struct{})
}

// NotifyAll implements vsphere.Notifier.
func (r *recorder) NotifyAll() { r.Notify(vsphere.GroupID{}) }

// of returns how often a group was notified so far, and a channel that is closed by the next notification of anybody.
func (r *recorder) of(g vsphere.GroupID) (int, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, h := range r.heard {
		if (h.UID == "" || h.UID == g.UID) && (h.Name == "" || (h.Namespace == g.Namespace && h.Name == g.Name)) {
			n++
		}
	}
	return n, r.next
}

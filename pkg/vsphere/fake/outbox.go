package fake

import (
	"sync"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// outbox keeps notifications until the vCenter's lock is released.
type outbox struct {
	mu     sync.Mutex
	groups []vsphere.GroupID
	all    bool
}

func (o *outbox) Notify(g vsphere.GroupID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.groups = append(o.groups, g)
}

func (o *outbox) NotifyAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = true
}

// take empties the outbox and returns what is to be called, in order. Nobody may be listening.
func (o *outbox) take(to vsphere.Notifier) []func() {
	o.mu.Lock()
	defer o.mu.Unlock()
	groups, all := o.groups, o.all
	o.groups, o.all = nil, false
	if to == nil {
		return nil
	}
	if all {
		return []func(){to.NotifyAll}
	}
	var out []func()
	for _, g := range groups {
		out = append(out, func() { to.Notify(g) })
	}
	return out
}

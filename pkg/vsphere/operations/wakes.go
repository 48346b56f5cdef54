package operations

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// wakes collects who is to be notified once the lock is released.
type wakes struct {
	groups []vsphere.GroupID
	all    bool
}

func (w *wakes) add(g vsphere.GroupID) { w.groups = append(w.groups, g) }

func (t *Tracker) lock() *wakes {
	t.mu.Lock()
	return &wakes{}
}

// wake hands freed places to the groups that wait, releases the lock, and notifies.
func (t *Tracker) wake(w *wakes) {
	now := t.cfg.Clock.Now()
	for _, b := range t.budgets {
		w.groups = append(w.groups, b.grant(now)...)
	}
	w.groups, t.limits.woken = append(w.groups, t.limits.woken...), nil
	t.mu.Unlock()
	if w.all {
		t.cfg.Notifier.NotifyAll()
		return
	}
	for _, g := range w.groups {
		t.cfg.Notifier.Notify(g)
	}
}

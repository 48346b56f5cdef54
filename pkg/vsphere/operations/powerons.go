package operations

import (
	"cmp"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// powerOns are those of one group.
type powerOns struct {
	byVM map[vsphere.Ref]vsphere.PowerOn
	list *Sorted[vsphere.PowerOn]
	// none has proven to last before this time.
	until time.Time
}

// provenAt is when a VM that was powered on has stayed on, or was waited for longer than needed.
func provenAt(p vsphere.PowerOn) time.Time {
	return p.At.Add(vsphere.PowerOnDelay(p.Count) + vsphere.StableAfter)
}

// poweredOn counts a power-on that has succeeded. One after the VM has stayed on is the first of a new row.
func (t *Tracker) poweredOn(uid string, vm vsphere.Ref) {
	t.forgetStable(uid)
	now, group := t.cfg.Clock.Now(), t.powerOns[uid]
	if group == nil {
		group = &powerOns{
			byVM: map[vsphere.Ref]vsphere.PowerOn{},
			list: NewSorted(func(a, b vsphere.PowerOn) int { return cmp.Compare(a.VM, b.VM) }),
		}
		t.powerOns[uid] = group
	}
	p := vsphere.PowerOn{VM: vm, Count: group.byVM[vm].Count + 1, At: now}
	if at := provenAt(p); len(group.byVM) == 0 || at.Before(group.until) {
		group.until = at
	}
	group.byVM[vm] = p
	group.list.Put(p)
}

// PowerOns returns the power-ons of a group's VMs that have not proven to last, ordered by VM. They
// are shared, and not to be changed.
func (t *Tracker) PowerOns(uid string) []vsphere.PowerOn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetStable(uid)
	if t.powerOns[uid] == nil {
		return nil
	}
	return t.powerOns[uid].list.All()
}

// forgetStable drops what was so long ago that the VM has stayed on since, or was waited for longer than needed.
func (t *Tracker) forgetStable(uid string) {
	now, group := t.cfg.Clock.Now(), t.powerOns[uid]
	if group == nil || now.Before(group.until) {
		return
	}
	var next time.Time
	for vm, p := range group.byVM {
		switch at := provenAt(p); {
		case !now.Before(at):
			t.forgetPowerOn(uid, vm)
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	group.until = next
}

func (t *Tracker) forgetPowerOn(uid string, vm vsphere.Ref) {
	group := t.powerOns[uid]
	if group == nil {
		return
	}
	if p, ok := group.byVM[vm]; ok {
		delete(group.byVM, vm)
		group.list.Remove(p)
	}
	if len(group.byVM) == 0 {
		delete(t.powerOns, uid)
	}
}

package tracker

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// poweredOn counts a power-on that has succeeded. One after the VM has stayed on is the first of a new row.
func (t *Tracker) poweredOn(uid string, vm vsphere.Ref) {
	t.forgetStable(uid)
	if t.powerOns[uid] == nil {
		t.powerOns[uid] = map[vsphere.Ref]vsphere.PowerOn{}
	}
	t.powerOns[uid][vm] = vsphere.PowerOn{VM: vm, Count: t.powerOns[uid][vm].Count + 1, At: t.cfg.Clock.Now()}
}

// PowerOns returns the power-ons of a group's VMs that have not proven to last, ordered by VM.
func (t *Tracker) PowerOns(uid string) []vsphere.PowerOn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetStable(uid)
	var out []vsphere.PowerOn
	for _, p := range t.powerOns[uid] {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b vsphere.PowerOn) int { return cmp.Compare(a.VM, b.VM) })
	return out
}

// forgetStable drops what was so long ago that the VM has stayed on since, or was waited for longer than needed.
func (t *Tracker) forgetStable(uid string) {
	now := t.cfg.Clock.Now()
	for vm, p := range t.powerOns[uid] {
		if now.Sub(p.At) >= vsphere.PowerOnDelay(p.Count)+vsphere.StableAfter {
			t.forgetPowerOn(uid, vm)
		}
	}
}

func (t *Tracker) forgetPowerOn(uid string, vm vsphere.Ref) {
	delete(t.powerOns[uid], vm)
	if len(t.powerOns[uid]) == 0 {
		delete(t.powerOns, uid)
	}
}

package plan

import (
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// keepsOff reports whether the VMs of a group are to be off.
func keepsOff(g *v1alpha1.VmGroup) bool {
	return g.Spec.Power != nil && ptr.Deref(g.Spec.Power.State, v1alpha1.StatePoweredOn) == v1alpha1.StatePoweredOff
}

// replacesOnPowerOff reports whether a VM that is found off is made anew.
func replacesOnPowerOff(g *v1alpha1.VmGroup) bool {
	return g.Spec.Power != nil && ptr.Deref(g.Spec.Power.OnPowerOff, v1alpha1.OnPowerOffPowerOn) == v1alpha1.OnPowerOffReplace
}

// maxUnhealthy returns how many VMs of a group may be wrong at once before the controller takes something else for the cause.
func maxUnhealthy(g *v1alpha1.VmGroup) int {
	most := intstr.FromString("40%")
	if g.Spec.Health != nil {
		most = ptr.Deref(g.Spec.Health.MaxUnhealthy, most)
	}
	return absolute(&most, int(g.DesiredReplicas()), true)
}

// Replacement is how often in a row the VM of a slot was found off and made anew, and when the last time.
type Replacement struct {
	VM    vsphere.Ref // that was off
	Count int
	At    time.Time
}

// setCompleted finds the VMs that have done their work: see OnPowerOffReplace. The first that applies:
//
//  1. the group does not ask for it, or spec.members protects the VM: no
//  2. it is not off, the controller cannot reach it, or it lies outside the root folder: no
//  3. it has not been ready since somebody last powered it on, or its host was away meanwhile: no
//  4. more than maxUnhealthy are like that at once: none has
//  5. yes. It goes when the pause of its slot is over
//
// It returns the replacements, for the next plan.
func (ms *membership) setCompleted(in Input, ready map[vsphere.Ref]bool) map[int]Replacement {
	if !replacesOnPowerOff(in.Group) || in.Group.DeletionTimestamp != nil {
		return nil
	}
	completed := filter(ms.ours, func(m *member) bool {
		return m.vm.Power == vsphere.PoweredOff && m.reachable() && !m.outsideRoot() && !m.cloning() && !m.untold() && !m.protected() && ready[m.vm.Ref]
	})
	replaced := maps.Clone(in.Clocks.Replaced)
	if in.Clocks.BeenReady == nil {
		replaced = ms.lately(in.Now)
	}
	if len(completed) > maxUnhealthy(in.Group) {
		return replaced
	}
	for _, m := range completed {
		slot := m.vm.Stamp.Slot
		last := replaced[slot]
		m.completed = &last
		if last.VM == m.vm.Ref || completedBackOff(last, in.Now) > 0 || heldBy(in) != "" {
			continue
		}
		if in.Now.Sub(last.At) >= vsphere.PowerOnDelay(last.Count)+vsphere.StableAfter {
			last.Count = 0
		}
		if replaced == nil {
			replaced = map[int]Replacement{}
		}
		last = Replacement{VM: m.vm.Ref, Count: last.Count + 1, At: in.Now}
		replaced[slot] = last
	}
	return replaced
}

// lately takes VMs that were made a while ago for replacements: a process that has just started knows no more of them.
func (ms *membership) lately(now time.Time) map[int]Replacement {
	replaced := map[int]Replacement{}
	for _, m := range ms.ours {
		if now.Sub(m.vm.Created) < vsphere.PowerOnDelay(1)+vsphere.StableAfter {
			replaced[m.vm.Stamp.Slot] = Replacement{Count: 1, At: m.vm.Created}
		}
	}
	return replaced
}

// forgetSwitched drops from the clocks what was observed of VMs that the plan switches, resets or changes.
func (p *Plan) forgetSwitched() {
	for _, r := range p.Requests {
		if !r.Kind.Removes() {
			delete(p.Clocks.BeenReady, r.VM)
			delete(p.Clocks.UnreadySince, r.VM)
		}
	}
}

// completedBackOff returns how long the next replacement of a slot has to wait.
func completedBackOff(last Replacement, now time.Time) time.Duration {
	if last.Count == 0 {
		return 0
	}
	return max(0, last.At.Add(vsphere.PowerOnDelay(last.Count)).Sub(now))
}

// waitsCompleted returns how long a VM that has done its work stays until it is replaced.
func (m *member) waitsCompleted(now time.Time) time.Duration {
	if m.completed == nil || m.completed.VM == m.vm.Ref {
		return 0
	}
	return completedBackOff(*m.completed, now)
}

// going returns the VMs that go whatever the numbers say, because they do no work any more: they have ended, are to be replaced by
// spec.health, or were never finished and cannot be. Nothing is gained from VMs that are not in service, and their slots are made again.
func (p *Plan) going(in Input) []*member {
	var going []*member
	for _, m := range p.members.ours {
		wait := m.waitsCompleted(in.Now)
		p.RetryAfter = sooner(p.RetryAfter, wait)
		if m.completed != nil && wait == 0 || m.help == v1alpha1.HealthReplace || m.unfinished {
			going = append(going, m)
		}
	}
	return going
}

// powerOff plans to switch off VMs that are to be off. The first that applies:
//
//  1. the guest is on its way down: see switchOff
//  2. another operation is in flight: wait
//  3. the last attempt has failed: wait for the end of the back-off
//  4. see switchOff
func (p *Plan) powerOff(in Input) {
	if !keepsOff(in.Group) {
		return
	}
	for _, m := range p.members.ours {
		if m.victim || m.untold() || !m.reachable() || m.next() != vsphere.OperationPowerOff {
			continue
		}
		p.due.powerOffs++
		f := m.failure()
		switch {
		case m.op != nil && !m.shuttingDown():
		case f != nil && backOff(f, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
		default:
			p.switchOff(m, in)
		}
	}
}

// whyCompleted says why a VM that has done its work is still there. goes is true if VMs may go, and failure is how that has failed.
func (m *member) whyCompleted(goes bool, failure *vsphere.Failure) string {
	const found = "it was found off after it had been ready"
	switch {
	case failure != nil:
		return found + "; not removed: " + failure.Err.Error()
	case m.victim && goes:
		return found + "; being removed"
	case m.completed.Count == 0:
		return found + ", and is to be made anew"
	}
	return fmt.Sprintf("%s, %s in a row; made anew after %s",
		found, count(m.completed.Count, "time"), m.completed.At.Add(vsphere.PowerOnDelay(m.completed.Count)).UTC().Format(time.RFC3339))
}

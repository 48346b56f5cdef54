package plan

import (
	"fmt"
	"time"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// observesReady reports whether anybody asks which VMs have been ready.
func observesReady(g *v1alpha1.VmGroup) bool { return replacesOnPowerOff(g) || g.Spec.Health != nil }

// haveBeenReady returns which VMs of ours have been ready since they were last powered on or reset, as far as is known. The first
// that applies:
//
//  1. the controller switches, resets or changes the VM, or cannot reach it: no
//  2. it is ready: yes
//  3. the group's own observation knows
//  4. the group has not observed until now, and the status says that it was ready: yes
//  5. no
func (ms *membership) haveBeenReady(in Input) map[vsphere.Ref]bool {
	if !observesReady(in.Group) {
		return nil
	}
	next := map[vsphere.Ref]bool{}
	for _, m := range ms.ours {
		switched := m.op != nil && !m.cloning() && !removesVM(m)
		switch {
		case switched || !m.reachable():
		case m.ready(), in.Clocks.BeenReady[m.vm.Ref], in.Clocks.BeenReady == nil && wasReady(in, m.vm.Ref):
			next[m.vm.Ref] = true
		}
	}
	return next
}

// removesVM reports whether the operation in flight on a VM destroys it.
func removesVM(m *member) bool { return m.op != nil && m.op.Kind.Removes() }

// wasReady reports whether the status counts a VM among the ready ones, see wasAvailable.
func wasReady(in Input, vm vsphere.Ref) bool {
	for _, listed := range in.Group.Status.VMs {
		if vsphere.Ref(listed.MoRef) == vm {
			return (listed.Ready || listed.State == v1alpha1.VMCompleted) && in.Group.Status.Folder != nil && in.Group.Status.Folder.VCenter == in.Snapshot.VCenter
		}
	}
	return wasAvailable(in, vm)
}

// unreadySince returns since when each VM of ours that is on is not ready. A VM that the controller cannot reach, or that it is
// switching or resetting, begins anew.
func (ms *membership) unreadySince(in Input) map[vsphere.Ref]time.Time {
	if in.Group.Spec.Health == nil {
		return nil
	}
	next := map[vsphere.Ref]time.Time{}
	for _, m := range ms.ours {
		if m.op != nil || !m.serving() || m.ready() {
			continue
		}
		since, known := in.Clocks.UnreadySince[m.vm.Ref]
		if !known {
			since = in.Now
		}
		next[m.vm.Ref] = since
	}
	return next
}

// timeout returns how long a VM may not be ready, 0 for ever.
func timeout(h *v1alpha1.HealthSpec, beenReady bool) time.Duration {
	seconds := h.StartupTimeoutSeconds
	if beenReady {
		seconds = h.UnreadyTimeoutSeconds
	}
	return time.Duration(ptr.Deref(seconds, 0)) * time.Second
}

// Help is what spec.health has done to a VM.
type Help struct {
	VM     vsphere.Ref
	Slot   int
	Action v1alpha1.HealthAction
}

// setHealth finds the VM that is to be helped, and returns the one that is helped now, for the next plan. In order:
//
//  1. a VM is not healthy if it is on, and has not been ready for longer than the spec allows
//  2. the VM that was helped last is on its way (see isHelped): wait for it
//  3. more than maxUnhealthy are not healthy, or it would be replaced and no VM can be made: nothing
//  4. help the one that has been unready the longest. Where it would be replaced, one that spec.members protects is left out
func (ms *membership) setHealth(in Input, beenReady map[vsphere.Ref]bool, since map[vsphere.Ref]time.Time) *Help {
	h := in.Group.Spec.Health
	if h == nil || in.Group.DeletionTimestamp != nil || keepsOff(in.Group) {
		return nil
	}
	var worst *member
	for _, m := range ms.ours {
		start, unready := since[m.vm.Ref]
		long := timeout(h, beenReady[m.vm.Ref])
		if !unready || long == 0 {
			continue
		}
		if left := start.Add(long).Sub(in.Now); left > 0 {
			ms.nextUnhealthy = sooner(ms.nextUnhealthy, left)
			continue
		}
		ms.unhealthy++
		m.unhealthy = true
		mayBeHelped := !m.outsideRoot() && !(m.protected() && h.Action == v1alpha1.HealthReplace)
		if mayBeHelped && (worst == nil || start.Before(since[worst.vm.Ref])) {
			worst = m
		}
	}
	switch {
	case ms.isHelped(in.Clocks.Helped, in):
		return in.Clocks.Helped
	case ms.unhealthy > maxUnhealthy(in.Group):
		ms.tooManyUnhealthy = true
		return nil
	case worst == nil || heldBy(in) != "" || h.Action == v1alpha1.HealthReplace && cannotMake(in):
		return nil
	}
	worst.help = h.Action
	return &Help{worst.vm.Ref, worst.vm.Stamp.Slot, h.Action}
}

// isHelped reports whether the VM that was helped last is still on its way: it is being replaced, the VM of its slot is missing,
// or that is not ready and its time is not over.
func (ms *membership) isHelped(last *Help, in Input) bool {
	if last == nil {
		return false
	}
	for _, m := range ms.ours {
		switch {
		case m.vm.Stamp.Slot != last.Slot:
		case m.vm.Ref == last.VM && last.Action == v1alpha1.HealthReplace && !m.ready() && !m.protected() && !m.outsideRoot():
			m.help = v1alpha1.HealthReplace // it may be off by now
			return true
		default:
			return !m.ready() && !m.unhealthy
		}
	}
	return ms.replicas() < int(in.Group.DesiredReplicas()) || len(ms.pending) > 0
}

// help plans to reset the VM that is not healthy. Where it is replaced instead, see going.
func (p *Plan) help(in Input) {
	for _, m := range p.members.ours {
		if m.victim || m.next() != vsphere.OperationReset || m.op != nil {
			continue
		}
		if f := m.failure(); f != nil && backOff(f, in.Now) > 0 {
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
			continue
		}
		p.request(vsphere.OperationReset, m.vm.Ref)
	}
	p.RetryAfter = sooner(p.RetryAfter, p.members.nextUnhealthy)
}

// tooManyUnhealthy returns the problem that so many VMs are not healthy that something else is wrong.
func tooManyUnhealthy(in Input, p *Plan) *Problem {
	if !p.members.tooManyUnhealthy {
		return nil
	}
	problem := waiting(v1alpha1.ReasonTooManyUnhealthy, fmt.Sprintf(
		"%s not healthy, and spec.health helps only while at most %d are: look at what they have in common, such as a network, a datastore or the template",
		count(p.members.unhealthy, "VM"), maxUnhealthy(in.Group)))
	problem.blocksClones = false
	return problem
}

package plan

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// change is what it takes until a VM is as the spec has it.
type change int

const (
	noChange    change = iota
	hotChange          // a reconfiguration, while it is on
	coldChange         // a reconfiguration, while it is off
	replacement        // a new VM
)

// A VM is switched off maxPowerCycles times for a change that fails then, and maxRefusals times if vCenter refuses the size as such.
// Another edit of the spec begins anew.
const (
	maxPowerCycles = 3
	maxRefusals    = 2
)

// strategyOf returns the update strategy of a group.
func strategyOf(g *v1alpha1.VmGroup) v1alpha1.UpdateStrategy {
	if g.Spec.Update == nil {
		return v1alpha1.UpdateOnDelete
	}
	return g.Spec.Update.Strategy
}

// changesInPlace reports whether VMs that exist get another size.
func changesInPlace(g *v1alpha1.VmGroup) bool {
	s := strategyOf(g)
	return s == v1alpha1.UpdateInPlaceIfPossible || s == v1alpha1.UpdateInPlaceOnly
}

// powerCycles reports whether VMs may be switched off for a change.
func powerCycles(g *v1alpha1.VmGroup) bool {
	_, unavailable := limits(g)
	return changesInPlace(g) && unavailable > 0
}

// isZero reports whether a limit is 0 by itself, and does not only round to it.
func isZero(value *intstr.IntOrString) bool {
	return value != nil && (*value == intstr.FromInt32(0) || *value == intstr.FromString("0%"))
}

// changeOf says what it takes until a VM of ours is as the spec has it. The first that applies:
//
//  1. nobody can tell what it is made from, or it is as the spec has it: nothing
//  2. the strategy changes nothing in place: a new VM
//  3. it is made from an earlier spec, and the strategy may replace it, or nothing else differs: a new VM
//  4. its disk is too large, and no disk shrinks, or too small, and it is a linked clone, whose disks do not grow: a new VM
//  5. it is off: a reconfiguration, before it is powered on
//  6. it can take the size while it is on (see takesHot): a reconfiguration
//  7. it may be switched off, or the strategy never replaces it: a reconfiguration while it is off
//  8. a new VM
func (ms *membership) changeOf(in Input, m *member) change {
	g, older := in.Group, m.age == vsphere.Old
	only := strategyOf(g) == v1alpha1.UpdateInPlaceOnly
	switch {
	case m.age == vsphere.AgeUnknown || !m.differs:
		return noChange
	case !changesInPlace(g) || older && (!only || ms.target.SizeOf(m.vm)):
		return replacement
	case ms.target.shrinks(m.vm) || isLinked(m.vm) && ms.target.grows(m.vm):
		return replacement
	case m.vm.Power == vsphere.PoweredOff:
		return coldChange
	case ms.target.takesHot(m.vm) && !m.refusesHot(in):
		return hotChange
	case only || powerCycles(g):
		return coldChange
	default:
		return replacement
	}
}

// shrinks reports whether a VM has a larger disk than the spec asks for.
func (t target) shrinks(vm *vsphere.VM) bool { return vsphere.CompareDisk(vm, t.DiskGiB) > 0 }

// grows reports whether a VM has a smaller disk than the spec asks for.
func (t target) grows(vm *vsphere.VM) bool { return vsphere.CompareDisk(vm, t.DiskGiB) < 0 }

// isLinked reports whether a VM of ours was made as a linked clone. vCenter refuses to let a disk grow that hangs on another.
func isLinked(vm *vsphere.VM) bool { return len(vm.Stamp.Base) > 0 }

// takesHot reports whether a VM that is on can be given the size of the spec, as far as vCenter tells. A disk grows in any case.
func (t target) takesHot(vm *vsphere.VM) bool {
	cpu := vm.CPU == t.CPU || vm.CPU < t.CPU && vm.CPUHotAdd
	more := t.MemoryMiB - vm.MemoryMiB
	limit, increment := vm.MemoryHotAddLimitMiB, vm.MemoryHotAddIncrementMiB
	memory := more == 0 || more > 0 && vm.MemoryHotAdd && (limit == 0 || t.MemoryMiB <= limit) && (increment == 0 || more%increment == 0)
	return vm.Power == vsphere.PoweredOn && cpu && memory
}

// changeFailure returns how the last change in place has failed, nil if it has not, or if the spec was edited since.
func (m *member) changeFailure(in Input) *vsphere.Failure {
	for _, f := range m.failures {
		if f.Kind == vsphere.OperationReconfigure && !f.At.Before(in.SpecSince) {
			return f
		}
	}
	return nil
}

// refusesHot reports whether vCenter has said that the size cannot be changed while the VM is on.
func (m *member) refusesHot(in Input) bool {
	f := m.changeFailure(in)
	return f != nil && f.Err.Reason == vsphere.ReasonNotHotPluggable
}

// resizes reports whether the VM is to get another size as it is.
func (m *member) resizes() bool {
	return !m.old && !m.partitioned && (m.change == hotChange || m.change == coldChange)
}

// changeRefused reports whether a change in place has failed in a way that the next attempt will hardly settle.
func (m *member) changeRefused() bool { return m.changeFailed != nil && !isTolerated(m.changeFailed) }

// pendingChange is what the status tells of the change.
func (m *member) pendingChange() v1alpha1.VMPendingChange {
	switch {
	case m.old || m.change == replacement:
		return v1alpha1.PendingReplacement
	case m.change == coldChange && m.vm.Power != vsphere.PoweredOff:
		return v1alpha1.PendingPowerCycle
	default:
		return ""
	}
}

// mayTryAgain reports whether a change that needs the VM off may begin. The first that applies:
//
//  1. it has not failed, or the next attempt may well settle it: yes
//  2. vCenter says that the VM must be off: yes
//  3. it was refused for the limits of the class: once the back-off is over. Whether there is room is asked before the VM is switched off
//  4. vCenter has refused the size maxRefusals times, or the change has failed maxPowerCycles times: no. A privilege that is
//     missing may be granted
//  5. once the back-off is over
//
// Until then the VM is on, with the size that it has: no VM stays off for a change that fails.
func (m *member) mayTryAgain(in Input) bool {
	f := m.changeFailed
	if f == nil || isTolerated(f) || f.Err.Reason == vsphere.ReasonNotHotPluggable {
		return true
	}
	refused := f.Err.Class == vsphere.ClassInvalid && f.Err.Reason != v1alpha1.ReasonNoPermission
	switch {
	case f.Err.Reason == v1alpha1.ReasonLimitExceeded:
		return backOff(f, in.Now) == 0
	case refused && f.Count >= maxRefusals, f.Count >= maxPowerCycles:
		return false
	default:
		return backOff(f, in.Now) == 0
	}
}

// countChanges counts the changes in place.
func (ms *membership) countChanges(in Input, c *counts) {
	c.hot = len(ms.changeable(hotChange))
	if !powerCycles(in.Group) {
		return
	}
	cold := ms.changeable(coldChange)
	c.cold, c.coldAvailable = len(cold), countIf(cold, (*member).inService)
	c.unfinished = countIf(ms.ours, func(m *member) bool {
		return m.resizes() && m.change == coldChange && (m.vm.Power == vsphere.PoweredOff || m.changeWaits)
	})
}

// resize is what vCenter is asked to make of a VM. A VM that was made from an earlier spec stays so.
func (ms *membership) resize(m *member) *vsphere.Resize {
	revision := m.vm.Stamp.Revision
	if m.age == vsphere.Current {
		revision = ms.target.Revision()
	}
	want := vsphere.Resize{CPU: ms.target.CPU, MemoryMiB: ms.target.MemoryMiB, DiskGiB: ms.target.DiskGiB, Revision: revision}
	if ms.target.sizeUnknown(m.vm) {
		want.DiskGiB = 0 // nobody is changed for what cannot be read
	}
	return &want
}

// changeable returns the VMs that are on and that a change in place can begin on, or has begun on.
func (ms *membership) changeable(kind change) []*member {
	return filter(ms.ours, func(m *member) bool {
		return !m.victim && !m.keepOff && !m.untold() && m.completed == nil && m.resizes() && m.change == kind && m.vm.Power == vsphere.PoweredOn && m.reachable() && !m.outsideRoot() &&
			(kind == hotChange || !m.changeWaits)
	})
}

// chooseChanges says whose turn it is to be changed in place, in the order of victims.
func (ms *membership) chooseChanges(n numbers) {
	hot := ms.victims(ms.changeable(hotChange), n.hot, v1alpha1.ScaleDownYoungest)
	cold := ms.changeable(coldChange)
	idle := ms.victims(filter(cold, func(m *member) bool { return !m.inService() }), n.idle, v1alpha1.ScaleDownYoungest)
	rest := ms.victims(filter(cold, (*member).inService), n.cold, v1alpha1.ScaleDownYoungest)
	for _, m := range slices.Concat(hot, idle, rest) {
		m.turn = true
	}
}

// changeInPlace plans the changes of VMs whose turn it is, and of those that are off. The first that applies:
//
//  1. it goes, it cannot be reached, or it lies outside the root folder: nothing
//  2. an operation is in flight: wait
//  3. the last attempt has failed, for another reason than that the VM was on: wait for the end of the back-off
//  4. it has to be off, and is not: switch it off (see switchOff), and say what for
//  5. give it the size of the spec
//
// What is off is powered on after that, see powerOn.
func (p *Plan) changeInPlace(in Input) {
	for _, m := range p.members.ours {
		if m.victim || !m.reachable() {
			continue
		}
		next, f := m.next(), m.failure()
		if next != vsphere.OperationReconfigure && (next != vsphere.OperationPowerOff || !m.turn) {
			continue
		}
		switch {
		case m.op != nil && !(m.shuttingDown() && next == vsphere.OperationPowerOff):
		case f != nil && backOff(f, in.Now) > 0 && f.Err.Reason != vsphere.ReasonNotHotPluggable:
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
		case next == vsphere.OperationPowerOff:
			before := len(p.Requests)
			p.switchOff(m, in)
			for i := range p.Requests[before:] { // so that no VM is switched off for what the class does not allow
				p.Requests[before+i].Resize = p.members.resize(m)
			}
		default:
			p.Requests = append(p.Requests, vsphere.Request{Kind: next, VM: m.vm.Ref, Resize: p.members.resize(m)})
		}
	}
	for _, m := range p.members.ours { // those that wait to be tried again
		if m.resizes() && m.changeFailed != nil && m.vm.Power == vsphere.PoweredOn {
			p.RetryAfter = sooner(p.RetryAfter, backOff(m.changeFailed, in.Now))
		}
	}
}

// changesLeft returns how many VMs the strategy is to change in place, now or later.
func (ms *membership) changesLeft(g *v1alpha1.VmGroup) int {
	return countIf(ms.ours, func(m *member) bool {
		return m.resizes() && (m.change == hotChange || m.vm.Power != vsphere.PoweredOn || powerCycles(g))
	})
}

// resized says what a VM is changed to.
func (t target) resized() string {
	if t.DiskGiB == 0 {
		return fmt.Sprintf("%d CPUs and %d MiB", t.CPU, t.MemoryMiB)
	}
	return fmt.Sprintf("%d CPUs, %d MiB and a disk of %d GiB", t.CPU, t.MemoryMiB, t.DiskGiB)
}

// replacementRequired returns the problem that VMs differ in what only a new VM can have, and that the strategy replaces none.
func replacementRequired(in Input, p *Plan) *Problem {
	older, larger := p.members.countStuck()
	if older+larger == 0 || strategyOf(in.Group) != v1alpha1.UpdateInPlaceOnly {
		return nil
	}
	var advice []string
	if older > 0 {
		advice = append(advice, "take back the change of template, clone, networks, guest or trigger")
	}
	if larger > 0 {
		advice = append(advice, "raise spec.disk")
	}
	problem := stalled(v1alpha1.ReasonReplacementRequired, fmt.Sprintf(
		"%s, and the strategy InPlaceOnly replaces none: %s, set spec.update.strategy to InPlaceIfPossible or Replace, or mark VMs with deletion: Now in spec.members",
		whyStuck(older, larger, count(older+larger, "VM")), strings.Join(advice, ", ")))
	problem.blocksClones = false
	return problem
}

// stuck reports whether only a new VM could be as the spec has it, and nobody makes one.
func (m *member) stuck() bool {
	return !m.old && !m.partitioned && m.mark != v1alpha1.DeletionNever && m.differs && (m.age == vsphere.Old || m.change == replacement)
}

// countStuck counts the VMs that are stuck: those made from an earlier spec, and those of the present one whose disk is too large.
func (ms *membership) countStuck() (older, larger int) {
	for _, m := range ms.ours {
		switch {
		case !m.stuck():
		case m.age == vsphere.Old:
			older++
		default:
			larger++
		}
	}
	return older, larger
}

// whyStuck says of some VMs why only new ones could be as the spec has them. vms names them all.
func whyStuck(older, larger int, vms string) string {
	const earlier, shrink = "made from an earlier spec", "with a larger disk than the spec's (a disk does not shrink)"
	switch {
	case larger == 0:
		return vms + " " + earlier
	case older == 0:
		return vms + " " + shrink
	default:
		return fmt.Sprintf("%s, %d %s and %d %s", vms, older, earlier, larger, shrink)
	}
}

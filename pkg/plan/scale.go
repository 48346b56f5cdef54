package plan

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// scale plans for a group that is to live:
//
//  1. the numbers come first: see decideNumbers
//  2. remove VMs that do no work any more (see going), old VMs, and the surplus (see scaleDown), and cancel clones that are too
//     many
//  3. change VMs in place (see changeInPlace), unless the class of the group allows no VM of that spec
//  4. tell guests what they are to be told, switch off what is to be off, and power on what is not and stays
//  5. reset what is not healthy
//  6. clone what is missing into the lowest free slots, as far as nothing forbids it (see scaleUp)
func (p *Plan) scale(in Input) {
	ms := &p.members
	c, clock := ms.count(in)
	p.numbers, p.Clocks.Rollout = decideNumbers(c), clock
	policy, surplus := scaleDownPolicy(in.Group), ms.surplus(in.Group)
	p.numbers.unnamed = max(0, p.numbers.surplus-len(surplus))
	p.scaleDown(slices.Concat(p.going(in), ms.replaced(p.numbers.replace), ms.victims(surplus, p.numbers.surplus, policy)), in)
	p.cancelClones(p.numbers.cancel)
	if in.ClassError == nil {
		ms.chooseChanges(p.numbers)
		p.changeInPlace(in)
	}
	p.tellGuests(in)
	p.powerOff(in)
	p.powerOn(in)
	p.help(in)
	p.retryNames(in)
	ms.setStates(in)
	p.due.clones, p.due.remakes, p.due.updates = p.numbers.clone, p.numbers.remake, c.old
	p.due.changes = ms.changesLeft(in.Group)
	p.Clocks.RolloutSince = rolloutSince(in, c.old+p.due.changes)
	p.keepHistory(in)
	if clock.Running && !c.halted {
		p.RetryAfter = sooner(p.RetryAfter, progressDeadline(in.Group)-clock.Elapsed)
	}
	if p.WarnsOfTemplate(in) { // no clone waits for the template, but the warning has to stay true
		p.RetryAfter = sooner(p.RetryAfter, vsphere.RetryDelay(vsphere.ClassInvalid, 1))
	}
	if err := in.KeptTemplateError; err != nil && p.due.remakes > 0 && !errors.Is(err, vsphere.ErrPending) {
		p.RetryAfter = sooner(p.RetryAfter, vsphere.RetryDelay(err.Class, 1))
	}
	p.Problem = mostSevere(p.Problem, groupProblems(in, p)...)
	p.scaleUp(in)
}

// scaleUp plans the clones that are due, if nothing blocks them (see cloningBlocked), as many as the zones may take (see
// zonesFor).
func (p *Plan) scaleUp(in Input) {
	ms := &p.members
	if ms.folder != nil {
		p.Folder = ms.folder.Ref
	}
	if p.due.clones == 0 || p.cloningBlocked(in) {
		return
	}
	clones, held := p.clonesDue(in)
	p.Problem = mostSevere(p.Problem, held)
	failure := cloneFailure(in)
	if failure != nil && failure.SpecHash != ms.target.Hash() { // the others are not to wait for ever behind these
		slices.Reverse(clones)
	}
	zones, delay := zonesFor(in, ms, len(clones))
	p.RetryAfter = sooner(p.RetryAfter, delay)
	p.Requests = slices.Grow(p.Requests, len(clones))
	names := slotNamesOf(in.Group)
	for i := range clones {
		spec := &clones[i]
		name := names.name(spec.Slot)
		request := vsphere.Request{Kind: vsphere.OperationClone, Name: name, Clone: spec}
		if spec.Guest.Customization != "" {
			networks, _ := spec.NetworksOf(spec.Slot) // the clones that are due have them
			data, why := guestDataOf(in, spec.Guest, name, spec.Slot, networks)
			if why != "" { // networkError tells of it, and Revision.obstacle of a revision that is kept
				continue
			}
			request.Guest = &data
		}
		zone := zones.pick()
		if zone == nil {
			return
		}
		p.EnsureFolder = ms.folder == nil
		spec.Place, spec.Host = vsphere.Place{Class: in.Class, Zone: zone.Name}, zone.place(name)
		p.Requests = append(p.Requests, request)
	}
}

// clonesDue returns the clones that are due and have a template, by their slots, in one piece, for a plan may have thousands:
//
//  1. the lowest free slots are for those that the partition lacks, made from the revision that it keeps
//  2. the next ones are for those from the present spec
//
// The slots of clones without a template stay free. A slot whose address another VM of the group has is passed over; held says so
// if there are too few others.
func (p *Plan) clonesDue(in Input) (due []vsphere.CloneSpec, held *Problem) {
	ms := &p.members
	early := vsphere.CloneSpec{VMSpec: &ms.partition.base.VMSpec, Source: in.KeptTemplate, Folder: p.Folder}
	present := vsphere.CloneSpec{VMSpec: &ms.target.VMSpec, Source: in.Template, Folder: p.Folder}
	for _, spec := range []*vsphere.CloneSpec{&early, &present} { // a guest that is to be told something starts after that
		spec.PowerOn = !keepsOff(in.Group) && spec.Guest == (vsphere.Guest{})
	}
	canRemake, canMake := ms.partition.cannot == "" && !ms.partition.pending, in.TemplateError == nil
	clones, holders := make([]vsphere.CloneSpec, 0, p.due.clones), ms.addressesHeld(early.VMSpec, present.VMSpec)
	names := slotNamesOf(in.Group)
	var exhausted *Problem
	for slot, n := 0, 0; n < p.due.clones; slot++ {
		if ms.usedSlots[slot] {
			continue
		}
		spec, can := present, canMake
		remake := n < p.due.remakes
		if remake {
			spec, can = early, canRemake
		}
		networks, ok := spec.NetworksOf(slot)
		switch {
		case !ok && remake: // nor has a higher slot: the others go on
			n, slot, exhausted = p.due.remakes, slot-1, cmp.Or(held, noAddressLeft())
			continue
		case !ok:
			return clones, cmp.Or(held, exhausted, noAddressLeft())
		}
		if address, holder := firstHeld(staticAddresses(networks), holders); holder != "" {
			held = waitForAddress(address, holder)
			continue
		}
		if n++; can {
			spec.Slot = slot
			clones = append(clones, spec)
			hold(holders, networks, names.name(slot))
		}
	}
	return clones, exhausted
}

// scaleDown plans the removal of victims, one step each. The first that applies:
//
//  1. its clone has not ended: cancel the clone, and look again when that is over
//  2. vCenter cannot reach it, it lies outside the root folder, or an operation is in flight: wait
//  3. the last attempt has failed: wait for the end of the back-off
//  4. it is off: destroy it
//  5. switch it off (see switchOff)
func (p *Plan) scaleDown(victims []*member, in Input) {
	p.due.removals += len(victims)
	p.Requests = slices.Grow(p.Requests, len(victims))
	for _, m := range victims {
		m.victim = true
		f := m.failure()
		switch {
		case m.cloning():
			p.cancelClone(m.op)
		case !m.reachable() || m.outsideRoot() || m.op != nil && !(m.shuttingDown() && m.next() == vsphere.OperationPowerOff):
		case f != nil && backOff(f, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
		case m.next() == vsphere.OperationPowerOff:
			p.switchOff(m, in)
		default:
			p.request(m.next(), m.vm.Ref)
		}
	}
}

// switchOff plans to switch a VM off. The first that applies:
//
//  1. guests get no time: hard
//  2. the guest was asked to shut down, and its time is not over: wait. Tools that do not run any more are part of that
//  3. its time is over: hard
//  4. it cannot be asked (Tools do not run, or the VM is suspended), or could not be: hard
//  5. ask it, and look again when its time is over: a guest that hangs brings about no sync
//
// After a restart of the controller nobody knows that a guest was asked. It is asked again if its Tools still run.
func (p *Plan) switchOff(m *member, in Input) {
	grace := gracePeriod(in.Group)
	kind := vsphere.OperationPowerOff
	switch {
	case grace == 0:
	case m.shuttingDown():
		if left := m.op.Started.Add(grace).Sub(in.Now); left > 0 {
			p.RetryAfter = sooner(p.RetryAfter, left)
			return
		}
	case m.vm.ToolsRunning && m.vm.Power == vsphere.PoweredOn && !m.shutdownFailed():
		kind = vsphere.OperationShutdown
		p.RetryAfter = sooner(p.RetryAfter, grace)
	}
	p.request(kind, m.vm.Ref)
}

// gracePeriod returns how long a guest may take to shut down.
func gracePeriod(g *v1alpha1.VmGroup) time.Duration {
	if g.Spec.Power == nil {
		return 0
	}
	return time.Duration(ptr.Deref(g.Spec.Power.GracePeriodSeconds, 0)) * time.Second
}

// cancelClones cancels the n clones with the highest slots. Cancelling is a hint: a clone that makes its VM all the same makes
// a surplus.
func (p *Plan) cancelClones(n int) {
	for i := len(p.members.pending) - 1; i >= 0 && n > 0; i-- {
		op := p.members.pending[i].op
		if op == nil || op.VM != "" {
			continue
		}
		n--
		p.due.cancels++
		p.cancelClone(op)
	}
}

// cancelClone cancels a clone once, if it has a task.
func (p *Plan) cancelClone(op *vsphere.Operation) {
	if op.Task != "" && !op.Overdue && !op.Cancelled {
		p.Cancel = append(p.Cancel, *op)
	}
}

// powerOn plans to power on our VMs that are off and not surplus, if vCenter can reach them and they lie below the root folder.
// The first that applies:
//
//  1. an operation is in flight: wait
//  2. the last attempt has failed: wait for the end of the back-off
//  3. the VM does not stay on: wait for pauses that grow, see powerOnBackOff
//  4. power it on, after all those that have not failed yet: they would wait for ever behind thousands that fail again and
//     again
func (p *Plan) powerOn(in Input) {
	var again []vsphere.Ref
	for _, m := range p.members.ours {
		if !m.reachable() || m.next() != vsphere.OperationPowerOn {
			continue
		}
		p.due.powerOns++
		f := m.failure()
		switch {
		case m.op != nil:
		case f != nil && backOff(f, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
		case m.inCrashLoop(in.Now):
			p.RetryAfter = sooner(p.RetryAfter, powerOnBackOff(m.powerOn, in.Now))
		case f != nil:
			again = append(again, m.vm.Ref)
		default:
			p.request(vsphere.OperationPowerOn, m.vm.Ref)
		}
	}
	for _, ref := range again {
		p.request(vsphere.OperationPowerOn, ref)
	}
}

// retryNames comes back when it is time to try a name again that vCenter has said to be in use.
func (p *Plan) retryNames(in Input) {
	for _, m := range p.members.pending {
		for _, f := range m.failures {
			p.RetryAfter = sooner(p.RetryAfter, backOff(f, in.Now))
		}
	}
}

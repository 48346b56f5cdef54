package plan

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Compute says what to do next. In order, and the first that applies decides:
//
//  1. the group is being deleted without our finalizer: nothing, it is past our reach; VMs that it leaves are told of
//  2. it is being deleted and its VMs are to stay (see orphans): the finalizer goes, vCenter is not touched
//  3. vCenter is unavailable: nothing, unknown is not empty
//  4. another vCenter answers than the one that the status records: nothing, its MoRefs mean something else there
//  5. it is being deleted, and says something of that which is not known (see unknownWish): nothing
//  6. it is being deleted: remove what is ours, then the folder, then the finalizer (see remove)
//  7. otherwise: keep what is there running, clone what is missing, or remove what is surplus (see keep)
//
// What 6 and 7 want is held back while the group is paused or the controller read-only.
func Compute(in Input) Plan {
	g := in.Group
	switch {
	case pastReach(g):
		return Plan{Notices: leftBehind(in)}
	case orphans(in):
		return Plan{RemoveFinalizer: true, Orphan: true}
	case in.Unavailable != nil:
		return Plan{}
	}
	if otherVCenter(in) {
		return Plan{Problem: vCenterChanged(in)}
	}
	p := Plan{census: takeCensus(in)}
	p.Notices = notices(&p.census)
	wish := unknownWish(g)
	switch {
	case g.DeletionTimestamp != nil && wish != "":
		p.refuse(in, wish)
	case g.DeletionTimestamp != nil:
		p.remove(in)
	default:
		p.keep(in)
		p.Notices = append(p.Notices, asides(in, &p)...)
		p.AddFinalizer = !slices.Contains(g.Finalizers, v1alpha1.Finalizer) && (p.Writes() || p.census.guarded())
	}
	p.hold(in)
	return p
}

// pastReach is true for a group that is being deleted without our finalizer: Kubernetes forbids to add it now.
func pastReach(g *v1alpha1.VmGroup) bool {
	return g.DeletionTimestamp != nil && !slices.Contains(g.Finalizers, v1alpha1.Finalizer)
}

func otherVCenter(in Input) bool {
	f := in.Group.Status.Folder
	return f != nil && f.VCenter != "" && f.VCenter != in.Snapshot.VCenter
}

// heldBy returns why nothing may be changed in vCenter, empty if it may.
func heldBy(in Input) string {
	switch {
	case in.ReadOnly:
		return v1alpha1.ReasonReadOnly
	case in.Group.Spec.Paused:
		return v1alpha1.ReasonPaused
	default:
		return ""
	}
}

// hold strips the plan of its changes, and keeps what it wanted. The finalizer changes nothing in vCenter: it guards what
// is there, also now. Of the problems, only those that somebody has to solve are left: nothing is tried.
func (p *Plan) hold(in Input) {
	held := heldBy(in)
	if held == "" || !p.due.any() {
		return
	}
	if p.Problem != nil && !p.Problem.Stalled {
		p.Problem = nil
	}
	*p = Plan{
		AddFinalizer: p.AddFinalizer && p.census.guarded(),
		Held:         held, Problem: p.Problem, Notices: p.Notices, census: p.census, due: p.due,
	}
}

// keep plans for a group that is to live:
//
//  1. fewer than replicas: clone what is missing into the lowest free slots, as far as nothing forbids it (see grow)
//  2. more than replicas: first cancel clones under way, then remove the surplus of what is there (see shrink)
//  3. power on what is off and not surplus
func (p *Plan) keep(in Input) {
	want := int(in.Group.DesiredReplicas())
	c := &p.census
	p.shrink(victims(c.ours, len(c.ours)-want, c.target), in)
	p.cancel(len(c.ours) + len(c.pending) - want)
	p.powerOn(in)
	p.awaitNames(in)
	c.describe(in)
	p.due.clones = max(0, want-c.expected())
	if p.TemplateIsAside(in) { // nobody waits for it, but what is told of it has to stay true
		p.RetryAfter = sooner(p.RetryAfter, vsphere.RetryDelay(vsphere.ClassInvalid, 1))
	}
	p.Problem = worst(p.Problem, groupProblems(in, p)...)
	p.grow(in)
}

// grow plans the clones that are due, unless a problem has to be solved first, or what is missing may be there: a mass
// disappearance is being looked into, or the status counts VMs that nobody can list. Where a clone has to name its host,
// there has to be one that can take it.
func (p *Plan) grow(in Input) {
	c := &p.census
	if c.folder != nil {
		p.Folder = c.folder.Ref
	}
	if p.due.clones == 0 || in.TemplateError != nil || (p.Problem != nil && p.Problem.blocksClones) {
		return
	}
	if in.Snapshot.Disappearance != nil || c.unlisted(in) > 0 {
		return
	}
	failure := cloneFailure(in)
	n, delay := cloneGate(failure, p.due.clones, c.clonesUnderWay(), in.Now)
	p.RetryAfter = sooner(p.RetryAfter, delay)
	if n == 0 {
		return
	}
	hosts := hostsFor(in, c)
	if in.Snapshot.HostNeeded && len(hosts) == 0 {
		return
	}
	failed := 0
	if failure != nil {
		failed = failure.Count
	}
	p.EnsureFolder = c.folder == nil
	for slot := 0; len(p.Clone) < n; slot++ {
		if c.slots[slot] {
			continue
		}
		name, host := VMName(in.Group.Name, string(in.Group.UID), slot), vsphere.Ref("")
		if in.Snapshot.HostNeeded {
			host = hosts.next(name, failed)
		}
		p.Clone = append(p.Clone, vsphere.Clone{
			Name: name,
			Spec: vsphere.CloneSpec{
				VMSpec:  c.target.VMSpec,
				Folder:  p.Folder,
				Host:    host,
				Slot:    slot,
				PowerOn: true,
			},
		})
	}
}

// shrink plans the end of VMs, one step each: what is not off is powered off, what is off is destroyed. One that cannot be
// reached, lies outside the root folder, or is under way already, is waited for; one whose clone has not ended is cancelled,
// and looked at again then.
func (p *Plan) shrink(going []*member, in Input) {
	p.due.removals += len(going)
	for _, m := range going {
		m.victim = true
		f := m.failure()
		switch {
		case m.cloning():
			p.cancelOne(m.op)
		case !m.reachable() || m.outside() || m.op != nil:
		case f != nil && wait(f, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, wait(f, in.Now))
		case m.next() == vsphere.OperationDestroy:
			p.Destroy = append(p.Destroy, m.vm.Ref)
		default:
			p.PowerOff = append(p.PowerOff, m.vm.Ref)
		}
	}
}

// cancel asks for the n clones to end whose slots are the highest. It is a hint: one that makes its VM all the same is
// surplus then.
func (p *Plan) cancel(n int) {
	for i := len(p.census.pending) - 1; i >= 0 && n > 0; i-- {
		op := p.census.pending[i].op
		if op == nil || op.VM != "" {
			continue
		}
		n--
		p.due.cancels++
		p.cancelOne(op)
	}
}

// cancelOne plans to cancel a clone, once, and if there is a task to cancel.
func (p *Plan) cancelOne(op *vsphere.Operation) {
	if op.Task != "" && !op.Overdue && !op.Cancelled {
		p.Cancel = append(p.Cancel, *op)
	}
}

// powerOn plans to switch on what is ours, off and to stay, below the root folder. In order:
//
//  1. what something is under way on, or cannot be reached, is left for now
//  2. a failure is waited out
//  3. a VM that does not stay on has pauses that grow, see powerOnWait
func (p *Plan) powerOn(in Input) {
	for _, m := range p.census.ours {
		if m.victim || m.vm.Power == vsphere.PoweredOn || !m.reachable() || m.outside() {
			continue
		}
		p.due.powerOns++
		f := m.failure()
		switch {
		case m.op != nil:
		case f != nil && wait(f, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, wait(f, in.Now))
		case m.resting(in.Now):
			p.RetryAfter = sooner(p.RetryAfter, powerOnWait(m.powerOn, in.Now))
		default:
			p.PowerOn = append(p.PowerOn, m.vm.Ref)
		}
	}
}

// awaitNames comes back when it is time to try a name again that vCenter has said to be in use.
func (p *Plan) awaitNames(in Input) {
	for _, m := range p.census.pending {
		for _, f := range m.failures {
			p.RetryAfter = sooner(p.RetryAfter, wait(f, in.Now))
		}
	}
}

// remove plans the end of the group:
//
//  1. everything that is ours is surplus, clones under way are cancelled
//  2. a VM of ours that cannot be reached or lies outside the root folder, one that may be ours, a clone under way, or one
//     that may still be under way from an earlier process, holds the folder and the finalizer; so does a mass disappearance
//     while it is being looked into
//  3. then the folder goes if it is empty; with anything foreign in it, it stays
//  4. then the finalizer
//
// VMs that were made templates, and copies, hold neither: they are not touched, and their folder stays.
func (p *Plan) remove(in Input) {
	c := &p.census
	p.due.deleting = true
	p.shrink(c.ours, in)
	p.cancel(len(c.pending))
	p.awaitNames(in)
	c.describe(in)
	p.Problem = worst(p.Problem, slices.Concat(memberProblems(in, c), pendingProblems(c), unclearProblems(c))...)
	if c.expected() > 0 || in.Snapshot.Strays > 0 {
		return
	}
	if in.Snapshot.Disappearance != nil {
		p.Problem = worst(p.Problem, massDisappearance(in.Snapshot.Disappearance))
		return
	}
	if c.folder != nil && c.folder.Children == 0 {
		p.RemoveFolders = append(p.RemoveFolders, c.folder.Ref)
	}
	if c.folder != nil && c.folder.Children > 0 {
		p.Notices = append(p.Notices, Notice{
			Reason: v1alpha1.ReasonFolderNotEmpty,
			Message: fmt.Sprintf("folder %s stays: it holds %d objects that are not the group's",
				c.folder.Path, c.folder.Children),
		})
	}
	p.RemoveFinalizer = true
}

package plan

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Compute says what to do next. In order, and the first that applies decides:
//
//  1. the group is being deleted without our finalizer: nothing, it is past our reach
//  2. it is being deleted with the annotation on-delete: orphan: the finalizer goes, vCenter is not touched
//  3. vCenter is unavailable: nothing, unknown is not empty
//  4. another vCenter answers than the one that the status records: nothing, its MoRefs mean something else there
//  5. it is being deleted: remove what is ours, then the folder, then the finalizer (see remove)
//  6. otherwise: keep what is there running, clone what is missing, or remove what is surplus (see keep)
//
// What 5 and 6 want is held back while the group is paused or the controller read-only.
func Compute(in Input) Plan {
	g := in.Group
	deleting := g.DeletionTimestamp != nil
	switch {
	case deleting && !slices.Contains(g.Finalizers, v1alpha1.Finalizer):
		return Plan{}
	case deleting && g.Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan:
		return Plan{RemoveFinalizer: true}
	case in.Unavailable != nil:
		return Plan{}
	}
	p := Plan{census: takeCensus(in)}
	p.Notices = notices(&p.census)
	switch {
	case otherVCenter(in):
		p.Problem = vCenterChanged(in)
		return p
	case deleting:
		p.remove(in)
	default:
		p.keep(in)
	}
	p.AddFinalizer = !deleting && !slices.Contains(g.Finalizers, v1alpha1.Finalizer) &&
		(p.Writes() || len(p.census.ours) > 0)
	p.hold(in)
	return p
}

func otherVCenter(in Input) bool {
	f := in.Group.Status.Folder
	return f != nil && f.VCenter != "" && f.VCenter != in.Snapshot.VCenter
}

// hold strips the plan of its changes, and keeps what it wanted.
func (p *Plan) hold(in Input) {
	switch {
	case !p.due.any() && !p.RemoveFinalizer:
		return
	case in.ReadOnly:
		p.Held = v1alpha1.ReasonReadOnly
	case in.Group.Spec.Paused:
		p.Held = v1alpha1.ReasonPaused
	default:
		return
	}
	*p = Plan{Held: p.Held, Problem: p.Problem, Notices: p.Notices, census: p.census, due: p.due}
}

// keep plans for a group that is to live:
//
//  1. fewer than replicas: clone what is missing into the lowest free slots, as far as nothing forbids it (see grow)
//  2. more than replicas: first cancel clones under way, then remove the surplus of what is there (see shrink)
//  3. power on what is off and not surplus
func (p *Plan) keep(in Input) {
	want := int(in.Group.DesiredReplicas())
	c := &p.census
	p.shrink(victims(c.ours, len(c.ours)-want, Revision(in.Group.Spec)), in)
	p.cancel(len(c.ours) + len(c.pending) - want)
	p.powerOn(in)
	p.awaitNames(in)
	p.due.clones = max(0, want-c.expected())
	p.Problem = worst(p.Problem, groupProblems(in, p)...)
	p.grow(in)
}

// grow plans the clones that are due, unless a problem has to be solved first.
func (p *Plan) grow(in Input) {
	c := &p.census
	if c.folder != nil {
		p.Folder = c.folder.Ref
	}
	if p.due.clones == 0 || in.TemplateError != nil || (p.Problem != nil && p.Problem.blocksClones) {
		return
	}
	failure := cloneFailure(in.Snapshot.Failures, Revision(in.Group.Spec))
	n, delay := cloneGate(failure, p.due.clones, len(c.pending), in.Now)
	p.RetryAfter = sooner(p.RetryAfter, delay)
	if n == 0 {
		return
	}
	p.EnsureFolder = c.folder == nil
	spec := in.Group.Spec
	for slot := 0; len(p.Clone) < n; slot++ {
		if c.slots[slot] {
			continue
		}
		p.Clone = append(p.Clone, Clone{
			Name: VMName(in.Group.Name, string(in.Group.UID), slot),
			Spec: vsphere.CloneSpec{
				Template:  in.Template.Ref,
				Folder:    p.Folder,
				CPU:       spec.CPU,
				MemoryMiB: memoryMiB(spec),
				Slot:      slot,
				Revision:  Revision(spec),
				PowerOn:   true,
			},
		})
	}
}

// shrink plans the end of VMs, one step each: what is not off is powered off, what is off is destroyed. One that cannot be
// reached, or is under way already, is waited for.
func (p *Plan) shrink(going []*member, in Input) {
	p.due.removals += len(going)
	for _, m := range going {
		m.markVictim()
		switch {
		case !m.reachable() || m.op != nil:
			continue
		case m.failure != nil && wait(m.failure, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, wait(m.failure, in.Now))
		case m.vm.Power != vsphere.PoweredOff:
			p.PowerOff = append(p.PowerOff, m.vm.Ref)
		default:
			p.Destroy = append(p.Destroy, m.vm.Ref)
		}
	}
}

func (m *member) markVictim() {
	m.victim = true
	switch {
	case !m.reachable():
		m.message += "; it is surplus, and waited for"
	case m.failure != nil && (m.failure.Kind == vsphere.OperationDestroy || m.failure.Kind == vsphere.OperationPowerOff):
	default:
		m.state, m.message = v1alpha1.VMDeleting, "being removed"
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
		if op.Task != "" && !op.Overdue && !op.Cancelled {
			p.Cancel = append(p.Cancel, *op)
		}
	}
}

// powerOn plans to switch on what is ours, off and to stay.
func (p *Plan) powerOn(in Input) {
	for _, m := range p.census.ours {
		if m.victim || m.vm.Power == vsphere.PoweredOn || !m.reachable() {
			continue
		}
		p.due.powerOns++
		switch {
		case m.op != nil:
		case m.failure != nil && wait(m.failure, in.Now) > 0:
			p.RetryAfter = sooner(p.RetryAfter, wait(m.failure, in.Now))
		default:
			p.PowerOn = append(p.PowerOn, m.vm.Ref)
		}
	}
}

// awaitNames comes back when it is time to try a name again that vCenter has said to be in use.
func (p *Plan) awaitNames(in Input) {
	for _, m := range p.census.pending {
		if m.op == nil {
			p.RetryAfter = sooner(p.RetryAfter, wait(m.failure, in.Now))
		}
	}
}

// remove plans the end of the group:
//
//  1. everything that is ours is surplus, clones under way are cancelled
//  2. a VM of ours that cannot be reached, a clone under way, or one that may still be under way from an earlier process,
//     holds the folder and the finalizer
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
	p.Problem = worst(p.Problem, memberProblems(p)...)
	if len(c.ours) > 0 || len(c.pending) > 0 || in.Snapshot.Strays > 0 {
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

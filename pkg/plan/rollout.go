package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// counts are the numbers that a group's next step depends on.
type counts struct {
	replicas int // that the spec asks for
	surge    int // VMs that there may be beyond them while VMs are replaced
	// unavailable is how many of replicas may be unavailable because VMs are replaced or changed in place.
	unavailable int
	// stay are VMs of ours that stay; old are those that new ones are to take the place of.
	// Available are those in service.
	stay, stayAvailable int
	old, oldAvailable   int
	// hot are VMs, of those that stay, that can be changed in place while they are on. Cold ones have to be off for it, and are on;
	// coldAvailable of them are in service. Unfinished changes have begun, or have failed.
	hot, cold, coldAvailable int
	unfinished               int
	// going are VMs that go whatever the numbers say, see Plan.going.
	going int
	// cloning are VMs on their way, unidentified those that may be ours, see membership.
	cloning, unidentified int
	// partitioned are those of stay that spec.update.partition keeps at an earlier revision, and are available; lacking are
	// those that it keeps and that are missing.
	partitioned, lacking int
	// halted is true if no further VM may be replaced, blocked if no new one can be made now.
	halted, blocked bool
}

// kept are the replicas that stay, or will.
func (c counts) kept() int      { return c.stay + c.cloning + c.unidentified }
func (c counts) total() int     { return c.kept() + c.old + c.going }
func (c counts) available() int { return c.stayAvailable + c.oldAvailable }

// numbers are what is to be done next.
type numbers struct {
	clone   int // VMs to make
	remake  int // of these, from an earlier revision
	cancel  int // clones to cancel
	surplus int // VMs to remove, of those that stay
	replace int // VMs to remove now, of the old ones
	unnamed int // VMs that are surplus and may not be removed
	hot     int // VMs to change in place while they are on
	// cold are VMs in service to switch off for it, idle those that are not in service.
	cold, idle int
	halted     bool
	// why says why no more old ones are removed. It is empty if there is none left.
	why string
}

// decideNumbers says how many VMs are to be made and how many may go, as a Deployment does it with its ReplicaSets:
//
//  1. Clone what is missing. While old VMs are there, there may be surge more VMs than replicas. There are never more new ones
//     than replicas.
//  2. Of the VMs that stay, and the clones on their way, remove what is more than replicas: clones first.
//  3. Remove old VMs that are not available. A new one that is not available yet may never be: so many VMs have to stay that
//     replicas - unavailable can be in service without it.
//  4. Remove old VMs that are available, as long as replicas - unavailable VMs stay in service.
//  5. While the rollout is halted, or no VM can be made, keep the old ones, and make none beyond replicas.
//  6. A VM that spec.update.partition keeps at an earlier revision stays. Of the VMs to make, as many are of that revision as
//     the partition lacks.
//  7. Change at most unavailable VMs in place at once, and those in service that have to be off for it only as 4 says. One that
//     can be changed while it is on needs no place of 4: there is always one at least.
//  8. While the rollout is halted, begin no change in place.
func decideNumbers(c counts) numbers {
	s := decideReplacements(c)
	if c.halted {
		s.halted = s.halted || c.hot+c.cold+c.unfinished > 0
		return s
	}
	s.hot = max(0, min(c.hot, max(1, c.unavailable)-c.unfinished))
	places := max(0, c.unavailable-c.unfinished)
	s.idle = min(c.cold-c.coldAvailable, places)
	spare := c.available() - s.surplus - s.replace - max(0, c.replicas-c.unavailable)
	s.cold = max(0, min(c.coldAvailable, places-s.idle, spare))
	if s.why == "" && s.idle+s.cold < c.cold {
		s.why = fmt.Sprintf("%d have to stay available", max(0, c.replicas-c.unavailable))
	}
	return s
}

// decideReplacements are rules 1 to 6 of decideNumbers.
func decideReplacements(c counts) numbers {
	surge := c.surge
	if c.old == 0 || c.halted {
		surge = 0
	}
	s := numbers{
		clone:   max(0, min(c.replicas+surge-c.total(), c.replicas-c.kept())),
		cancel:  max(0, c.stay+c.cloning-c.replicas),
		surplus: max(0, c.stay-c.replicas),
	}
	s.remake = min(s.clone, c.lacking)
	floor := max(0, c.replicas-c.unavailable)
	switch {
	case c.old == 0:
		return s
	case c.halted:
		s.why, s.halted = "no new VM has become available in time", true
		return s
	case c.blocked:
		s.why = "no new VM can be made now"
		return s
	}
	mayGo := c.total() - c.going - s.surplus - floor - (c.kept() - c.stayAvailable)
	sick := max(0, min(c.old-c.oldAvailable, mayGo))
	healthy := max(0, min(c.oldAvailable, c.available()-s.surplus-floor, mayGo-sick))
	s.replace = sick + healthy
	if s.replace < c.old {
		s.why = fmt.Sprintf("%d have to stay available", floor)
	}
	return s
}

// limits returns how many VMs there may be beyond replicas, and how many of these may be unavailable, while VMs are replaced.
// As in a Deployment, percentages are of replicas, the surge is rounded up, the other down, and if both come to 0, one may be
// unavailable: or else nothing would ever move. A maxUnavailable that is 0 by itself is taken at its word where maxSurge leaves
// room: VMs are replaced with a surge of 1 then.
func limits(g *v1alpha1.VmGroup) (surge, unavailable int) {
	one, none := intstr.FromInt32(1), intstr.FromInt32(0)
	maxSurge, maxUnavailable := &one, &none
	if changesInPlace(g) {
		maxSurge, maxUnavailable = nil, &one
	}
	if u := g.Spec.Update; u != nil {
		if u.MaxSurge != nil {
			maxSurge = u.MaxSurge
		}
		if u.MaxUnavailable != nil {
			maxUnavailable = u.MaxUnavailable
		}
	}
	replicas := int(g.DesiredReplicas())
	surge, unavailable = absolute(maxSurge, replicas, true), absolute(maxUnavailable, replicas, false)
	switch {
	case surge > 0 || unavailable > 0:
	case isZero(maxUnavailable) && !isZero(maxSurge):
		surge = 1
	default:
		unavailable = 1
	}
	return surge, min(unavailable, replicas)
}

// absolute returns a number, or a percentage of replicas. What is neither has not passed the schema, and is 0.
func absolute(value *intstr.IntOrString, replicas int, up bool) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, replicas, up)
	if err != nil {
		return 0
	}
	return max(0, n)
}

// replaces reports whether a change of the spec replaces VMs.
func replaces(g *v1alpha1.VmGroup) bool {
	s := strategyOf(g)
	return s == v1alpha1.UpdateReplace || s == v1alpha1.UpdateInPlaceIfPossible
}

// setOld says of each VM of ours what it takes until it is as the spec has it, and whether a new one is to take its place. The
// first that applies:
//
//  1. spec.members protects it: no
//  2. spec.members asks for it: yes
//  3. it takes a new VM to be as the spec has it, and the strategy replaces VMs: yes, unless the partition keeps it, see
//     setPartitioned
func (ms *membership) setOld(in Input) {
	marks, keepOff := deletionMarks(in.Group), keepsOff(in.Group)
	for _, m := range ms.ours {
		m.mark = marks[m.vm.InstanceUUID]
		m.age = ms.target.revisions.AgeOf(m.vm)
		m.unfinished = ms.isUnfinished(m, in)
		m.differs = m.age == vsphere.Old || !ms.target.SizeOf(m.vm)
		m.keepOff = keepOff
		m.changeFailed = m.changeFailure(in)
		m.changeWaits = in.ClassError != nil || !m.mayTryAgain(in)
		m.change = ms.changeOf(in, m)
		wanted := m.change == replacement && replaces(in.Group) || m.mark == v1alpha1.DeletionNow
		m.old = wanted && m.mark != v1alpha1.DeletionNever
	}
}

// deletionMarks returns what spec.members says of each instance.
func deletionMarks(g *v1alpha1.VmGroup) map[string]v1alpha1.MemberDeletion {
	if len(g.Spec.Members) == 0 {
		return nil
	}
	marks := make(map[string]v1alpha1.MemberDeletion, len(g.Spec.Members))
	for _, m := range g.Spec.Members {
		marks[m.Instance] = m.Deletion
	}
	return marks
}

// cannotMake reports whether it is known that no VM can be made, so that none that is there may go for a new one.
func cannotMake(in Input) bool {
	return in.TemplateError != nil || placementError(in) != nil || networkError(in) != nil || customizationNeedsClass(in) != nil ||
		in.Snapshot.Disappearance != nil
}

// count returns the numbers of the group, and the clock of its rollout, which decides whether it is halted.
func (ms *membership) count(in Input) (counts, RolloutClock) {
	c := counts{
		replicas: int(in.Group.DesiredReplicas()), cloning: len(ms.pending), unidentified: len(ms.unidentified),
		blocked: cannotMake(in) || ms.unlisted > 0,
	}
	c.surge, c.unavailable = limits(in.Group)
	c.lacking = ms.lacking()
	updated, refused := 0, 0
	for _, m := range ms.ours {
		switch {
		case m.spent():
			c.going++
		case m.old && m.inService():
			c.old, c.oldAvailable = c.old+1, c.oldAvailable+1
		case m.old:
			c.old++
		case m.inService():
			c.stay, c.stayAvailable = c.stay+1, c.stayAvailable+1
			updated += oneIf(!m.resizes() && !m.partitioned)
			refused += oneIf(m.resizes() && m.changeRefused())
		default:
			c.stay++
		}
		if m.partitioned && m.inService() {
			c.partitioned++
		}
	}
	ms.countChanges(in, &c)
	if awaited := c.cloning + c.stay - c.stayAvailable + refused; strategyOf(in.Group) == v1alpha1.UpdateOnDelete || awaited == 0 {
		return c, RolloutClock{}
	}
	clock := in.Clocks.Rollout.advance(in, updated, heldBy(in) == "" && !isExhausted(in))
	c.halted = clock.Elapsed >= progressDeadline(in.Group)
	return c, clock
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// isExhausted reports whether clones fail because vCenter has run out of something.
func isExhausted(in Input) bool {
	f := cloneFailure(in)
	return f != nil && ofFailure(f).severity == severityExhausted
}

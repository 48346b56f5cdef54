package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// surplus returns which of the VMs that stay may go when there are too many of these:
//
//  1. those outside the root folder, whatever spec.members says: they are waited for, and no other goes in their place
//  2. of the others, none that spec.members protects
//  3. with the policy Explicit, only those that spec.members marks
func (ms *membership) surplus(g *v1alpha1.VmGroup) []*member {
	policy := scaleDownPolicy(g)
	return filter(ms.ours, func(m *member) bool {
		named := m.mark == v1alpha1.DeletionFirst
		mayGo := !m.protected() && (named || policy != v1alpha1.ScaleDownExplicit)
		return !m.old && !m.spent() && (m.outsideRoot() || mayGo)
	})
}

// replaced returns which n of the old VMs go now: first those that are not in service, whatever else is known of them. The
// numbers rely on that, see decideNumbers.
func (ms *membership) replaced(n int) []*member {
	idle := ms.victims(filter(ms.outdated(), func(m *member) bool { return !m.inService() }), n, v1alpha1.ScaleDownYoungest)
	return append(idle, ms.victims(filter(ms.outdated(), (*member).inService), n-len(idle), v1alpha1.ScaleDownYoungest)...)
}

// outdated returns the VMs that new ones are to take the place of.
func (ms *membership) outdated() []*member {
	return filter(ms.ours, func(m *member) bool { return m.old && !m.spent() })
}

func filter(members []*member, keep func(*member) bool) []*member {
	var out []*member
	for _, m := range members {
		if keep(m) {
			out = append(out, m)
		}
	}
	return out
}

func scaleDownPolicy(g *v1alpha1.VmGroup) v1alpha1.ScaleDownPolicy {
	if g.Spec.ScaleDown == nil {
		return v1alpha1.ScaleDownYoungest
	}
	return g.Spec.ScaleDown.Policy
}

// victims returns the n of these VMs of ours that go first. In order, these do:
//
//  1. already going: being powered off or destroyed
//  2. outside the root folder
//  3. its guest was asked to shut down
//  4. named by spec.members to go first
//  5. never finished: its clone is in flight
//  6. failed: it could not be powered on, or could not be removed before
//  7. not connected, or not readable
//  8. not powered on
//  9. not ready, or not for long enough
//  10. another operation is in flight
//  11. made from an earlier spec, or not of the size in the spec, unless spec.update.partition keeps it so
//  12. in the zone that has the most VMs of the group left
//  13. younger
//  14. the highest slot, then the name that sorts last
//
// With the policy HighestSlot, 5 to 13 do not apply. VMs that are replaced go by replaced first.
//
// Clones whose VM is not there yet go before all of these: the plan cancels them, see Compute. No wait changes the order, so
// that a victim that cannot be reached stays chosen.
//
// A VM of rule 2 is never touched: it is waited for, and no other goes in its place. It may be a stranger's VM with a copy of
// our stamp: the surplus of one that it makes must cost the group none of its own.
func (ms *membership) victims(ours []*member, n int, policy v1alpha1.ScaleDownPolicy) []*member {
	if n <= 0 {
		return nil
	}
	type candidate struct {
		*member
		rank    int
		created time.Time
		stamped int // the slot in its stamp
	}
	candidates := make([]candidate, len(ours))
	for i, m := range ours {
		candidates[i] = candidate{m, m.rank(), m.vm.Created, m.vm.Stamp.Slot}
		if policy == v1alpha1.ScaleDownHighestSlot {
			candidates[i].rank >>= rankedByState
			candidates[i].created = time.Time{}
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		if order := cmp.Compare(a.rank, b.rank); order != 0 {
			return order
		}
		if order := cmp.Or(b.created.Compare(a.created), cmp.Compare(b.stamped, a.stamped)); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(b.name, a.name), cmp.Compare(a.vm.Ref, b.vm.Ref))
	})
	ordered := make([]*member, len(candidates))
	for i := range candidates {
		ordered[i] = candidates[i].member
	}
	if members := zoneMembers(ms); len(members) > 1 && policy != v1alpha1.ScaleDownHighestSlot {
		return fromFullest(ordered, n, members, func(a, b *member) bool { return a.rank() == b.rank() })
	}
	return ordered[:min(n, len(ordered))]
}

// rankedByState is how many of the rules of rank come after those that hold for every policy.
const rankedByState = 7

// rank packs rules 1 to 11 of victims into a number, one bit for each: the lowest goes first.
func (m *member) rank() int {
	rank := 0
	for _, goesFirst := range []bool{
		m.terminating() && !m.shuttingDown(),
		m.outsideRoot(),
		m.shuttingDown(),
		m.mark == v1alpha1.DeletionFirst || m.mark == v1alpha1.DeletionNow,
		m.cloning(),
		m.hasFailed(),
		!m.reachable(),
		m.vm.Power != vsphere.PoweredOn,
		!m.available(),
		m.op != nil,
		m.differs && !m.partitioned,
	} {
		rank <<= 1
		if !goesFirst {
			rank |= 1
		}
	}
	return rank
}

// trueFirst orders true before false.
func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

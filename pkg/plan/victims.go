package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// victims returns the n of ours that go when there are too many. In order, these go first:
//
//  1. already going: being powered off or destroyed
//  2. outside the root folder
//  3. never finished: its clone is in flight
//  4. failed: it could not be powered on, or could not be removed before
//  5. not connected, or not readable
//  6. not powered on
//  7. not ready: another operation is in flight
//  8. made from an earlier spec, or not of the size in the spec
//  9. younger
//  10. the highest slot, then the name that sorts last
//
// Clones whose VM is not there yet go before all of these: the plan cancels them, see Compute. No wait changes the order, so
// that a victim that cannot be reached stays chosen.
//
// A VM of rule 2 is never touched: it is waited for, and no other goes in its place. It may be a stranger's VM with a copy of
// our stamp: the surplus of one that it makes must cost the group none of its own.
func victims(ours []*member, n int, target target) []*member {
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
		candidates[i] = candidate{m, m.rank(target), m.vm.Created, m.vm.Stamp.Slot}
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
	out := make([]*member, min(n, len(candidates)))
	for i := range out {
		out[i] = candidates[i].member
	}
	return out
}

// rank packs rules 1 to 8 of victims into a number, one bit for each: the lowest goes first.
func (m *member) rank(target target) int {
	rank := 0
	for _, goesFirst := range []bool{
		m.terminating(),
		m.outsideRoot(),
		m.cloning(),
		m.hasFailed(),
		!m.reachable(),
		m.vm.Power != vsphere.PoweredOn,
		m.op != nil,
		target.differs(m.vm),
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

package plan

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// victims returns the n of ours that go when there are too many. In order, who goes first:
//
//  1. already going: being powered off or destroyed
//  2. outside the root folder
//  3. never finished: its clone is under way
//  4. failed: it could not be powered on, or could not be removed before
//  5. not connected, or not readable
//  6. not powered on
//  7. not ready: something else is under way on it
//  8. made from an earlier spec, or not of the size in the spec
//  9. younger
//  10. the highest slot, then the name that sorts last
//
// Clones whose VM is not there yet go before all of these: they are cancelled, see Compute. The order depends on nothing
// that a wait changes, so that a victim that cannot be reached stays chosen.
//
// Rule 2 is for what is not touched: such a VM is waited for, and no other goes in its place. It may be somebody else's VM
// that our stamp was copied onto: it makes a surplus of one, which must cost the group none of its own.
func victims(ours []*member, n int, target target) []*member {
	if n <= 0 {
		return nil
	}
	sorted := slices.Clone(ours)
	slices.SortStableFunc(sorted, func(a, b *member) int {
		return cmp.Or(
			first(a.going(), b.going()),
			first(a.outside(), b.outside()),
			first(a.cloning(), b.cloning()),
			first(a.broken(), b.broken()),
			first(!a.reachable(), !b.reachable()),
			first(a.vm.Power != vsphere.PoweredOn, b.vm.Power != vsphere.PoweredOn),
			first(a.op != nil, b.op != nil),
			first(target.differs(a.vm), target.differs(b.vm)),
			b.vm.Created.Compare(a.vm.Created),
			cmp.Compare(b.vm.Stamp.Slot, a.vm.Stamp.Slot),
			cmp.Compare(b.name, a.name),
		)
	})
	return sorted[:min(n, len(sorted))]
}

// first sorts what is true before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

package plan

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Forecast is what becomes of the VMs of a group until it is as its spec has it, in numbers. A plan is the next step alone. It
// supposes that nothing fails, that nobody changes anything, and that what holds the changes back ends.
type Forecast struct {
	// Made are VMs that are made beyond those that take the place of others.
	Made int
	// Replaced are VMs that new ones take the place of.
	Replaced int
	// Removed are VMs that go, and that no new one takes the place of.
	Removed int
	// Unnamed are VMs that are too many, and that spec.scaleDown or spec.members keeps.
	Unnamed int

	// Surge is how many VMs there may be beyond replicas while VMs are replaced, and Floor how many stay available. Both are 0
	// if none is replaced.
	Surge, Floor int
	// AtOnce is how many VMs are replaced at the same time, at most.
	AtOnce int

	// Hot are VMs that get another size while they are on, Cold those that are off for it, and Waiting those that wait until
	// somebody else switches them off.
	Hot, Cold, Waiting int

	// Kept are VMs that are out of date and that spec.update leaves as they are.
	Kept int
	// Protected are the names of the VMs that are out of date and that spec.members protects, sorted.
	Protected []string

	// Deleting is true if the group goes, and Removed all its VMs.
	Deleting bool
}

// Forecast returns what becomes of the group's VMs; in is the input that the plan was computed from. In order:
//
//  1. the plan does not look at vCenter, or knows too little: nothing
//  2. the group is being deleted: all VMs go
//  3. old VMs, see setOld, those that do no work any more, see going, and the surplus go
//  4. of the VMs that go, new ones replace as many as are still to be made; so do those on their way, as far as the surge
//     allows more VMs than replicas
//  5. what is out of date and not old is changed in place
//  6. or stays: protected, or kept by spec.update
func (p Plan) Forecast(in Input) Forecast {
	ms := &p.members
	switch {
	case in.Unavailable != nil || p.Orphan || beyondReach(in.Group) || otherVCenter(in):
		return Forecast{}
	case in.Group.DeletionTimestamp != nil:
		return Forecast{Removed: ms.replicas(), Deleting: true}
	}
	c, _ := ms.count(in)
	f := c.forecast()
	f.Unnamed = p.numbers.unnamed
	f.Removed = max(0, f.Removed-f.Unnamed)
	for _, m := range ms.ours {
		switch {
		case !m.differs || m.old || m.spent():
		case m.resizes() && m.change == hotChange:
			f.Hot++
		case m.resizes() && m.vm.Power != vsphere.PoweredOff && !powerCycles(in.Group):
			f.Waiting++
		case m.resizes():
			f.Cold++
		case m.protected():
			f.Protected = append(f.Protected, m.name)
		default:
			f.Kept++
		}
	}
	return f
}

// forecast applies rules 3 and 4.
func (c counts) forecast() Forecast {
	going := c.old + c.going + max(0, c.kept()-c.replicas)
	toMake := max(0, c.replicas-c.kept())
	coming := 0 // new VMs that are there, or on their way, for old ones that have not gone yet
	if c.kept() <= c.replicas {
		coming = min(c.surge, c.kept())
	}
	f := Forecast{Replaced: min(c.old+c.going, toMake+coming)}
	f.Removed = going - f.Replaced
	f.Made = max(0, toMake-f.Replaced)
	if f.Replaced > 0 {
		f.Surge, f.Floor = c.surge, max(0, c.replicas-c.unavailable)
		f.AtOnce = min(f.Replaced, c.surge+c.unavailable)
	}
	return f
}

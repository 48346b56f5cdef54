package invariants

import (
	"fmt"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// checkVictim is I13: a VM is switched off or destroyed only if the group has enough others, and never if the deletion of the
// group has asked from its beginning for the VMs to stay. Whose turn it was already does
// not count among these. What somebody else took away a moment ago could not be known. A VM whose guest was never told what it was to
// be told has never done any work, and may go at any time: nobody knows any more what that was.
func (s *state) checkVictim(e control.Entry, v *vm, g *group) {
	switch e.Method {
	case methodPowerOn:
		v.going = false
		return
	case methodPowerOff, methodDestroy, "ShutdownGuest":
	default:
		return
	}
	v.going = true
	if g != nil {
		s.later("I13", g, func() string {
			if !g.spared {
				return ""
			}
			return fmt.Sprintf("%s of %s, which was to stay: the deletion of %s says so", e.Method, v.label(), g.key)
		})
	}
	if g == nil || g.deleting || g.gone {
		return
	}
	if e.Method == methodDestroy && v.stamp != nil && v.stamp.Guest == "pending" {
		return
	}
	left, at := 0, s.now
	for _, other := range s.vms {
		if !other.going && other.stamp != nil && other.stamp.UID == g.uid && s.lately(other) {
			left++
		}
	}
	tooFewServe := s.tooFewServe(e, v, g)
	s.later("I13", g, func() string {
		fewest := least(g.floor, at.Add(-s.o.OutsideChange))
		switch {
		case g.deleting:
			return ""
		case left >= fewest:
			return tooFewServe()
		}
		return fmt.Sprintf("%s of %s leaves the group %s with %d VMs, and it wants %d", e.Method, v.label(), g.key, left, fewest)
	})
}

// tooFewServe says whether a VM in service is replaced while too few others are in service, or were a moment ago. To be
// replaced is all that can happen to it while there are no more VMs than replicas and surge.
func (s *state) tooFewServe(e control.Entry, v *vm, g *group) func() string {
	serving, at, count := 0, s.now, s.count(g.uid)
	judged := g.replaces && e.Method != methodDestroy && s.available(v) && s.o.Writers <= 1
	for _, other := range s.vms {
		lately := other.served == g.uid && s.now.Sub(other.left) <= s.o.OutsideChange
		if other != v && !other.going && (s.available(other) && other.stamp.UID == g.uid || lately) {
			serving++
		}
	}
	return func() string {
		floor, most := least(g.floor, at.Add(-s.o.OutsideChange)), least(g.allowed, at.Add(-s.o.OutsideChange))
		if !judged || count > most || serving >= floor {
			return ""
		}
		return fmt.Sprintf("%s of %s leaves the group %s with %d VMs in service, and %d have to be", e.Method, v.label(), g.key, serving, floor)
	}
}

// least returns the least that a number was from an instant on.
func least(h history, from time.Time) int {
	n := h.last()
	for _, was := range h.since(from) {
		n = min(n, was)
	}
	return n
}

// checkForeignSync is I14: what one sync does, it does to one group. Calls of one sync have one operation ID.
func (s *state) checkForeignSync(opID string, g *group, what string) {
	if opID == "" || g == nil {
		return
	}
	uid, known := s.syncs[opID]
	if !known {
		s.syncs[opID] = g.uid
		return
	}
	if uid != g.uid {
		s.breach("I14", g, "%s for VmGroup %s by sync %s, which was for VmGroup %s", what, g.uid, opID, uid)
	}
}

// checkAtRest is I14 from the other side: a group that is READY, of which that is true, and that nobody has changed, is left
// alone. Of a change the controller may know before us. One of several controllers may have decided before another one
// brought the group to rest.
func (s *state) checkAtRest(g *group, what string) {
	if g == nil || g.rested.IsZero() {
		return
	}
	if s.o.Writers > 1 && s.now.Sub(g.rested) <= s.o.OutsideChange {
		return
	}
	generation := g.generation
	s.later("I14", g, func() string {
		if g.generation != generation || g.deleting {
			return ""
		}
		return fmt.Sprintf("%s, although the group %s was at rest", what, g.key)
	})
}

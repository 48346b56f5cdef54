package invariants

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// clone is a clone task of a client.
type clone struct {
	control.Clone
	stamp *stamp
	over  bool
}

func (s *state) cloneBegins(now control.Clone) {
	c := &clone{Clone: now, stamp: parseStamp(now.Stamp)}
	s.clones[c.Task] = c
	if c.stamp == nil {
		s.breach("I5", nil, "%s was cloned without a stamp: %q", c.Name, c.Clone.Stamp)
		return
	}
	if s.o.Owner == "" {
		s.owners[c.stamp.Owner] = true
	}
	g := s.groups[c.stamp.UID]
	s.checkFinalizerFirst(g, c.Name+" was cloned for VmGroup "+c.stamp.UID)
	s.checkForeignSync(s.callOf(c), g, "clone of "+c.Name)
	s.checkAtRest(g, "clone of "+c.Name)
	s.checkCount(g, c.stamp.UID, "clone of "+c.Name+" was accepted")
	s.checkLimit(c.stamp, "clone of "+c.Name+" was accepted")
	if g != nil {
		s.recount(g)
	}
}

// callOf returns the operation ID of the call that a clone came from, if there can be no doubt.
func (s *state) callOf(c *clone) string {
	id, n := "", 0
	for _, call := range s.calls {
		if call.Method == methodClone && call.MoRef == c.Source && call.Agent == c.Agent {
			id, n = call.OpID, n+1
		}
	}
	if n != 1 {
		return ""
	}
	return id
}

func (s *state) cloneEnds(now control.Clone) {
	c := s.clones[now.Task]
	if c == nil {
		return
	}
	c.Clone, c.over = now, true
	s.checkStamped(c)
	if c.stamp != nil && s.groups[c.stamp.UID] != nil {
		s.recount(s.groups[c.stamp.UID])
	}
}

func (s *state) clonesInFlight(uid string) int { return len(s.namesInFlight(uid)) }

func (s *state) namesInFlight(uid string) map[string]bool {
	names := map[string]bool{}
	for _, c := range s.clones {
		if !c.over && c.stamp != nil && c.stamp.UID == uid {
			names[c.Folder+"/"+c.Name] = true
		}
	}
	return names
}

// count is how many VMs a group has, or will have, as far as that can be known. Two clones of one name make one VM. What
// somebody else has given back a moment ago could not be known.
func (s *state) count(uid string) int {
	names := s.namesInFlight(uid)
	members := slices.DeleteFunc(s.members(uid), func(v *vm) bool {
		return !v.returned.IsZero() && s.now.Sub(v.returned) <= s.o.OutsideChange
	})
	for _, v := range members {
		delete(names, v.Folder+"/"+v.Name)
	}
	return len(members) + len(names)
}

// checkCount is I3, when a group has got a VM or a clone. Only these count: a VM that somebody gives back, such as a
// template that is converted, makes a group too large and is nobody's fault. Of a change of replicas the controller may
// know before us.
func (s *state) checkCount(g *group, uid, why string) {
	if s.o.Writers > 1 {
		return
	}
	n, at := s.count(uid), s.now
	if g != nil && n <= g.allowed.last()+s.o.Surge {
		return
	}
	s.later("I3", g, func() string {
		known := s.groups[uid]
		if known == nil {
			return why + ", and there is no VmGroup " + uid
		}
		most := 0
		for _, m := range known.allowed.since(at) {
			most = max(most, m)
		}
		if n <= most+s.o.Surge {
			return ""
		}
		return fmt.Sprintf("%s: the group %s has %d VMs, clones in flight included, and may have %d", why, known.key, n, most+s.o.Surge)
	})
}

// checkSlot is I4.
func (s *state) checkSlot(v *vm) {
	if s.o.Writers > 1 {
		return
	}
	for _, other := range s.members(v.stamp.UID) {
		if other != v && other.stamp.Slot == v.stamp.Slot {
			s.breach("I4", s.groupOf(v), "%s and %s both have slot %d of VmGroup %s", v.label(), other.label(), v.stamp.Slot, v.stamp.UID)
		}
	}
}

// checkExcessGone is what is left of I3 and I4 when two controllers write on purpose: in the end the excess is gone.
func (s *state) checkExcessGone() {
	if s.o.Writers <= 1 {
		return
	}
	for uid, g := range s.groups {
		members := s.members(uid)
		if g.gone || g.deleting || !g.reached {
			continue
		}
		if len(members) > g.replicas.last() {
			s.breach("I3", g, "in the end the group %s has %d VMs and wants %d", g.key, len(members), g.replicas.last())
		}
		slots := map[int]*vm{}
		for _, v := range members {
			if other := slots[v.stamp.Slot]; other != nil {
				s.breach("I4", g, "in the end %s and %s both have slot %d", v.label(), other.label(), v.stamp.Slot)
			}
			slots[v.stamp.Slot] = v
		}
	}
}

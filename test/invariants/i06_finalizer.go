package invariants

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// checkFinalizerFirst is the first half of I6: before vCenter is changed for a group, its finalizer is there. Where the
// controller's wire is tapped, that is known at once; a watch may be late.
func (s *state) checkFinalizerFirst(g *group, why string) {
	if g != nil && g.released {
		s.breach("I6", g, "%s after the finalizer of %s was let go", why, g.key)
		return
	}
	if g != nil && g.finalized {
		return
	}
	if s.o.tapped {
		s.breach("I6", g, "%s before its VmGroup had the finalizer", why)
		return
	}
	s.later("I6", g, func() string {
		if g == nil || !g.finalized {
			return why + ", and its VmGroup has no finalizer"
		}
		return ""
	})
}

// checkRelease is the second half of I6: the finalizer goes when nothing of the group is left in vCenter, unless the user
// has said that the VMs stay.
func (s *state) checkRelease(g *group, w write) {
	if slices.Contains(*w.finalizers, v1alpha1.Finalizer) || !g.finalized {
		return
	}
	if !g.deleting {
		s.later("I6", g, func() string {
			if !g.deleting && !g.gone {
				return "the finalizer of " + g.key.String() + " is taken away, which is not being deleted"
			}
			return ""
		})
	}
	g.released, g.releasing = true, max(w.version, g.version)
	for _, v := range s.members(g.uid) {
		s.checkWanted(g, fmt.Sprintf("the finalizer of %s is let go while %s is there", g.key, v.label()))
	}
	for _, c := range s.clones {
		if !c.over && c.stamp != nil && c.stamp.UID == g.uid {
			s.checkWanted(g, fmt.Sprintf("the finalizer of %s is let go while %s is being cloned", g.key, c.Name))
		}
	}
}

// checkWanted is a breach unless the VMs were to stay. The wish may be seen after the controller has acted on it.
func (s *state) checkWanted(g *group, breach string) {
	s.later("I6", g, func() string {
		if g.orphan {
			return ""
		}
		return breach
	})
}

// refused takes back what the API server has not done.
func (s *state) refused(r refusal) {
	if g := s.groups[r.uid]; g != nil && r.finalizers != nil {
		g.released = false
	}
}

// checkOrphans is promise P2 in the end: no VM of ours without its VmGroup. Two kinds may be there: those that the user
// wanted to stay, and those whose finalizer somebody else took away.
func (s *state) checkOrphans(live map[string]bool) {
	for _, v := range s.vms {
		if !s.ours(v) || live[v.stamp.UID] {
			continue
		}
		g := s.groups[v.stamp.UID]
		if g != nil && (g.orphan || (s.o.tapped && g.finalized && !g.released)) {
			continue
		}
		s.breach("P2", g, "%s is an orphan: there is no VmGroup %s", v.label(), v.stamp.UID)
	}
}

package invariants

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// write judges what the controller is about to write to the API server.
func (s *state) write(w write) {
	s.writes++
	if w.key.Name == "" {
		return
	}
	g := s.groups[w.uid]
	if g == nil && w.uid == "" {
		g = s.names[w.key]
	}
	if g == nil {
		return // of one that nobody has seen; the API server refuses it
	}
	if w.finalizers != nil {
		s.checkRelease(g, w)
	}
	if w.status != nil {
		s.checkStatus(g, *w.status)
	}
}

// checkStatus is I7: the generation exists, and so many VMs are in service or were a moment ago. While vCenter
// cannot be seen, or is another one, the counts are those of before, and claim nothing.
func (s *state) checkStatus(g *group, status v1alpha1.VmGroupStatus) {
	generation := status.ObservedGeneration
	if g.wants[generation] == 0 && generation > g.generation {
		s.later("I7", g, func() string {
			if generation > g.generation {
				return fmt.Sprintf("the status of %s observes generation %d, and there are %d", g.key, generation, g.generation)
			}
			return ""
		})
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && (ready.Status == metav1.ConditionUnknown || ready.Reason == v1alpha1.ReasonVCenterChanged) {
		return
	}
	if s.o.HeldBack {
		return
	}
	seen := s.servedLately(g.uid)
	claimed := int(max(status.AvailableReplicas, status.ReadyReplicas))
	if claimed > seen {
		s.breach("I7", g, "the status of %s claims %d VMs in service; in the last %s there were %d", g.key, claimed, s.o.OutsideChange, seen)
	}
	if status.Phase == v1alpha1.PhaseReady {
		if ready != nil && ready.Reason == v1alpha1.ReasonAllReplicasPoweredOff {
			seen = s.offLately(g.uid)
		}
		s.checkReady(g, generation, seen)
	}
}

// checkReady is I7 for READY: as many as this very generation wants.
func (s *state) checkReady(g *group, generation int64, seen int) {
	s.laterUnless(generation <= g.generation, "I7", g, func() string { return g.notReady(generation, seen) })
	if generation > g.generation {
		return
	}
	if message := g.notReady(generation, seen); message != "" {
		s.breach("I7", g, "%s", message)
	}
}

func (g *group) notReady(generation int64, seen int) string {
	if wanted, known := g.wants[generation]; known && seen < wanted {
		return fmt.Sprintf("the status of %s is READY for generation %d, which wants %d VMs; %d were in service", g.key, generation, wanted, seen)
	}
	return ""
}

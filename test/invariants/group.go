package invariants

import (
	"path"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// group is a VmGroup as the API server holds it, and its past.
type group struct {
	uid        string
	key        types.NamespacedName
	version    uint64
	generation int64
	wants      map[int64]int // replicas by generation
	gone       bool
	deleting   bool
	orphan     bool // its VMs stay when it goes, as an annotation or its deletion says
	cascade    bool // the deletion has asked for that, if only for a moment
	spared     bool // it has from its very beginning

	finalized bool      // the finalizer was there once
	released  bool      // the controller has asked for the finalizer to go, and was not refused
	releasing uint64    // resourceVersion that it asked for
	reached   bool      // the last status said READY for the last generation
	rested    time.Time // since when nothing is to be done for it, zero if something is

	replicas history // wanted
	allowed  history // VMs, see I3
}

// group returns what is known of a VmGroup, which may be nothing yet.
func (s *state) group(vg *v1alpha1.VmGroup) *group {
	uid := string(vg.UID)
	g := s.groups[uid]
	if g == nil {
		g = &group{uid: uid, key: types.NamespacedName{Namespace: vg.Namespace, Name: vg.Name}, wants: map[int64]int{}}
		s.groups[uid] = g
		s.names[g.key] = g
		s.recount(g)
	}
	return g
}

// groupOfFolder names the group whose folder lies at a path: <...>/<root>/<namespace>/<name>.
func groupOfFolder(p string) types.NamespacedName {
	return types.NamespacedName{Namespace: path.Base(path.Dir(p)), Name: path.Base(p)}
}

// learn takes over what a VmGroup says.
func (s *state) learn(g *group, vg *v1alpha1.VmGroup) {
	wanted := int(vg.DesiredReplicas())
	if g.generation != vg.Generation || g.deleting != (vg.DeletionTimestamp != nil) || g.gone {
		g.rested = time.Time{}
	}
	if wanted > g.replicas.last() {
		s.spare(g)
	}
	asks := vg.DeletionTimestamp != nil && slices.Contains(vg.Finalizers, metav1.FinalizerOrphanDependents)
	g.cascade, g.spared = g.cascade || asks, g.spared || asks && !g.deleting
	g.generation, g.deleting = vg.Generation, vg.DeletionTimestamp != nil
	g.orphan = g.cascade || vg.Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan
	g.wants[vg.Generation] = wanted
	if slices.Contains(vg.Finalizers, v1alpha1.Finalizer) {
		g.finalized = true
		g.released = g.released && g.version <= g.releasing
	}
	g.replicas.set(s.now, wanted)
	g.allowed.set(s.now, max(g.allowed.last(), wanted))
	g.reached = vg.Status.ObservedGeneration == vg.Generation && vg.Status.Phase == v1alpha1.PhaseReady
	if g.reached {
		g.allowed.set(s.now, wanted)
	}
	s.recount(g)
}

// spare forgets whose turn it was to go: more are wanted again.
func (s *state) spare(g *group) {
	for _, v := range s.members(g.uid) {
		if v.PowerState == "poweredOn" {
			v.going = false
		}
	}
}

// recount notes whether a group is at rest: READY, and it is true.
func (s *state) recount(g *group) {
	members, n := s.members(g.uid), 0
	for _, v := range members {
		if s.available(v) {
			n++
		}
	}
	complete := n == g.replicas.last() && len(members) == n && s.clonesInFlight(g.uid) == 0
	switch {
	case !g.reached || !complete || g.deleting:
		g.rested = time.Time{}
	case g.rested.IsZero():
		g.rested = s.now
	}
}

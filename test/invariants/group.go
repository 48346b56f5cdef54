package invariants

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

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
	replaces  bool      // VMs may be replaced by others
	keepsOff  bool      // VMs are to be off
	rested    time.Time // since when nothing is to be done for it, zero if something is

	replicas history // wanted
	floor    history // VMs that have to stay while others are replaced, see I13
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
	g.orphan = g.cascade || vg.Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan ||
		vg.Spec.DeletionPolicy != nil && *vg.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan
	g.wants[vg.Generation] = wanted
	if slices.Contains(vg.Finalizers, v1alpha1.Finalizer) {
		g.finalized = true
		g.released = g.released && g.version <= g.releasing
	}
	surge, unavailable := replacing(vg)
	g.replaces = surge+unavailable > 0
	g.replicas.set(s.now, wanted)
	g.keepsOff = vg.Spec.Power != nil && ptr.Deref(vg.Spec.Power.State, "") == v1alpha1.StatePoweredOff
	g.floor.set(s.now, wanted-unavailable-mayBeWrong(vg))
	g.allowed.set(s.now, max(g.allowed.last(), wanted+surge))
	g.reached = vg.Status.ObservedGeneration == vg.Generation && vg.Status.Phase == v1alpha1.PhaseReady
	if g.reached {
		g.allowed.set(s.now, wanted+surge)
	}
	s.recount(g)
}

// replacing returns how many VMs a group may have beyond its replicas, and how many of these may be missing, because VMs are
// replaced or changed: the README's words for spec.update, read once more.
func replacing(vg *v1alpha1.VmGroup) (surge, unavailable int) {
	now := func(m v1alpha1.MemberSpec) bool { return m.Deletion == v1alpha1.DeletionNow }
	update := vg.Spec.Update
	if (update == nil || update.Strategy == v1alpha1.UpdateOnDelete) && !slices.ContainsFunc(vg.Spec.Members, now) {
		return 0, 0
	}
	maxSurge, maxUnavailable := intstr.FromInt32(1), intstr.FromInt32(0)
	onlyHot := false
	if update != nil {
		if strings.HasPrefix(string(update.Strategy), "InPlace") {
			maxSurge, maxUnavailable = intstr.FromInt32(0), intstr.FromInt32(1)
		}
		maxSurge, maxUnavailable = ptr.Deref(update.MaxSurge, maxSurge), ptr.Deref(update.MaxUnavailable, maxUnavailable)
		onlyHot = update.MaxSurge == nil && (maxUnavailable == intstr.FromInt32(0) || maxUnavailable == intstr.FromString("0%"))
	}
	replicas := int(vg.DesiredReplicas())
	surge, unavailable = share(maxSurge, replicas, math.Ceil), share(maxUnavailable, replicas, math.Floor)
	switch {
	case surge+unavailable > 0:
	case onlyHot:
		surge = 1
	default:
		unavailable = 1
	}
	return surge, unavailable
}

// mayBeWrong returns how many VMs of a group go because they do no work: all of them if they are to be off, and otherwise what
// the README says of spec.health.maxUnhealthy.
func mayBeWrong(vg *v1alpha1.VmGroup) int {
	power, health := vg.Spec.Power, vg.Spec.Health
	switch {
	case power != nil && ptr.Deref(power.State, "") == v1alpha1.StatePoweredOff:
		return int(vg.DesiredReplicas())
	case power != nil && ptr.Deref(power.OnPowerOff, "") == v1alpha1.OnPowerOffReplace, health != nil && health.Action == v1alpha1.HealthReplace:
	default:
		return 0
	}
	most := intstr.FromString("40%")
	if health != nil {
		most = ptr.Deref(health.MaxUnhealthy, most)
	}
	return share(most, int(vg.DesiredReplicas()), math.Ceil)
}

// share returns a number, or a percentage of replicas.
func share(v intstr.IntOrString, replicas int, round func(float64) float64) int {
	if v.Type == intstr.Int {
		return v.IntValue()
	}
	percent, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	if err != nil {
		return 0
	}
	return int(round(float64(percent) * float64(replicas) / 100))
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
		if s.available(v) && !g.keepsOff || s.off(v) && g.keepsOff {
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

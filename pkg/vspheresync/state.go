package vspheresync

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// Replicas are counted in these states.
const (
	replicasDesired     = "Desired"
	replicasCurrent     = "Current"
	replicasReady       = "Ready"
	replicasAvailable   = "Available"
	replicasUpdated     = "Updated"
	replicasTerminating = "Terminating"
)

// phaseNew stands for the phase of a group that has no status yet.
const phaseNew v1alpha1.Phase = "NEW"

// sight is what was last seen of a group that its status does not tell.
type sight struct {
	vms          map[v1alpha1.VMState]int
	rollout      plan.Rollout
	rolloutSince time.Time
}

// recordSight keeps what a plan has seen of a group. Of a plan without a view of vCenter, what was known before is kept.
func (s *Syncer) recordSight(uid types.UID, in plan.Input, p plan.Plan) {
	vms := p.VMStates(in)
	if vms == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sights[uid] = sight{vms: vms, rollout: p.Rollout(), rolloutSince: p.Clocks.RolloutSince}
}

// State sums up the groups that the cache holds: their phases and replicas as their statuses have them, and their VMs and
// rollouts as they were last seen. It may be called at any time.
func (s *Syncer) State() metrics.State {
	state := metrics.State{
		Groups: map[string]int{
			string(v1alpha1.PhaseReady): 0, string(v1alpha1.PhasePending): 0, string(v1alpha1.PhaseError): 0, string(phaseNew): 0,
		},
		Replicas: map[string]int{
			replicasDesired: 0, replicasCurrent: 0, replicasReady: 0, replicasAvailable: 0, replicasUpdated: 0, replicasTerminating: 0,
		},
		VMs: map[string]int{string(v1alpha1.VMAvailable): 0},
		Rollouts: map[string]int{
			string(plan.RolloutProgressing): 0, string(plan.RolloutHalted): 0, string(plan.RolloutPaused): 0,
		},
	}
	groups, err := s.cfg.Lister.List(labels.Everything())
	if err != nil {
		// unreachable: a list from the cache, of everything, has nothing that can fail
		klog.Background().Error(err, "VmGroups could not be counted")
		return metrics.State{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, vg := range groups {
		state.Groups[string(cmp.Or(vg.Status.Phase, phaseNew))]++
		state.Replicas[replicasDesired] += int(vg.DesiredReplicas())
		state.Replicas[replicasCurrent] += int(vg.Status.Replicas)
		state.Replicas[replicasReady] += int(vg.Status.ReadyReplicas)
		state.Replicas[replicasAvailable] += int(vg.Status.AvailableReplicas)
		state.Replicas[replicasUpdated] += int(ptr.Deref(vg.Status.UpdatedReplicas, 0))
		state.Replicas[replicasTerminating] += int(ptr.Deref(vg.Status.TerminatingReplicas, 0))
		seen := s.sights[vg.UID]
		for vmState, n := range seen.vms {
			state.VMs[string(vmState)] += n
		}
		if seen.rollout != plan.NoRollout {
			state.Rollouts[string(seen.rollout)]++
			state.LongestRollout = max(state.LongestRollout, s.cfg.Clock.Since(seen.rolloutSince))
		}
	}
	return state
}

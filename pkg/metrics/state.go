package metrics

import (
	"sync"
	"time"

	"k8s.io/component-base/metrics"
)

// State is what there is at one instant. The keys are the values of the metric's label, and those that are 0 may be left
// out.
type State struct {
	Groups     map[string]int // by phase
	Replicas   map[string]int // by state
	VMs        map[string]int // by state
	Rollouts   map[string]int // by state
	Operations map[string]int // by kind
	// LongestRollout is for how long the oldest rollout has been under way. It is 0 if there is none.
	LongestRollout time.Duration
	// Unavailable holds the reason why vCenter cannot be worked with, and nothing while it can.
	Unavailable map[string]int
}

// Show has read called at each scrape, by any goroutine, until hide is called. A process that does not lead knows nothing
// of what there is, and so it tells nothing, not even zero.
func (m *Metrics) Show(read func() State) (hide func()) {
	m.state.set(read)
	return func() { m.state.set(nil) }
}

// stateCollector reads State when it is asked for, so that nothing is left of a group that is gone.
type stateCollector struct {
	metrics.BaseStableCollector
	groups, replicas, vms, rollouts, operations, unavailable *metrics.Desc
	longestRollout                                           *metrics.Desc

	mu   sync.Mutex
	read func() State // nil: nothing to tell
}

func newStateCollector(t *table) *stateCollector {
	c := &stateCollector{
		groups:         t.shown("groups", "VmGroups by phase: READY, PENDING, ERROR, or NEW for one that has no status yet. Only the leader has this series.", "phase"),
		replicas:       t.shown("replicas", "Replicas of all VmGroups, from their specs and statuses: Desired, Current, Ready, Available, Updated (as the spec has them) or Terminating (being switched off or destroyed). Only the leader has this series.", "state"),
		vms:            t.shown("vms", "VMs of all VmGroups by state, as in status.vms, when the controller last saw them. Only the leader has this series.", "state"),
		rollouts:       t.shown("rollouts", "VmGroups whose VMs are being replaced, as spec.update or spec.members asks, by state: Progressing, Halted (no new VM has become available within progressDeadlineSeconds) or Paused (by spec.paused or -read-only). Only the leader has this series.", "state"),
		operations:     t.shown("operations_in_flight", "Operations in vCenter that have not ended, as far as the controller knows, by kind, such as Clone or PowerOff. Only the leader has this series.", "kind"),
		longestRollout: t.shown("longest_running_rollout_seconds", "Time that the oldest rollout has been under way, halts and pauses included; 0 if there is none. Only the leader has this series."),
		unavailable:    t.shown("vcenter_unavailable", "1 for the reason why the controller cannot work with vCenter now; no series while it can. Only the leader has this series.", "reason"),
	}
	t.registry.CustomMustRegister(c)
	return c
}

func (c *stateCollector) set(read func() State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = read
}

// DescribeWithStability implements metrics.StableCollector.
func (c *stateCollector) DescribeWithStability(ch chan<- *metrics.Desc) {
	for _, d := range []*metrics.Desc{c.groups, c.replicas, c.vms, c.rollouts, c.longestRollout, c.operations, c.unavailable} {
		ch <- d
	}
}

// CollectWithStability implements metrics.StableCollector.
func (c *stateCollector) CollectWithStability(ch chan<- metrics.Metric) {
	c.mu.Lock()
	read := c.read
	c.mu.Unlock()
	if read == nil {
		return
	}
	state := read()
	for desc, values := range map[*metrics.Desc]map[string]int{
		c.groups: state.Groups, c.replicas: state.Replicas, c.vms: state.VMs, c.rollouts: state.Rollouts,
		c.operations: state.Operations, c.unavailable: state.Unavailable,
	} {
		for label, n := range values {
			ch <- metrics.NewLazyConstMetric(desc, metrics.GaugeValue, float64(n), label)
		}
	}
	ch <- metrics.NewLazyConstMetric(c.longestRollout, metrics.GaugeValue, state.LongestRollout.Seconds())
}

package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Clocks are what a group has observed of times that vCenter does not tell. Compute reads those of the plan before, and returns
// the next ones. The zero value is that of a process that has just started: the status says then what was before.
type Clocks struct {
	// ReadySince says since when each VM is ready that is, the zero time if that is from before the process. It is nil if
	// nobody asks: spec.minReadySeconds is 0. It is shared, and never changed.
	ReadySince map[vsphere.Ref]time.Time
	// BeenReady are the VMs that have been ready since they were last powered on or reset. It is nil if nobody asks.
	BeenReady map[vsphere.Ref]bool
	// UnreadySince says since when each VM that is on is not ready. It is nil if there is no spec.health.
	UnreadySince map[vsphere.Ref]time.Time
	// Replaced are the replacements of VMs that were found off, by slot.
	Replaced map[int]Replacement
	// Helped is the VM that spec.health has helped last, until it, or the one that takes its place, is ready.
	Helped *Help
	// Rollout is the clock of spec.update.progressDeadlineSeconds.
	Rollout RolloutClock
	// RolloutSince says since when VMs are to be replaced. It is the zero time if none is.
	RolloutSince time.Time
}

// RolloutClock says for how long new VMs have been awaited, and none has become available. The zero value is that of a group
// that awaits none.
type RolloutClock struct {
	// Generation is the one of the spec that is rolled out. Another one starts the clock anew.
	Generation int64
	// Available is the most VMs that were up to date and available at once.
	Available int
	// Elapsed is how long none has become available, until At.
	Elapsed time.Duration
	At      time.Time
	// Running is true if the time after At counts: nothing but the VMs themselves holds the rollout up.
	Running bool
}

// progressDeadline returns how long a rollout may make no progress.
func progressDeadline(g *v1alpha1.VmGroup) time.Duration {
	const seconds = 1800
	if g.Spec.Update == nil {
		return seconds * time.Second
	}
	return time.Duration(ptr.Deref(g.Spec.Update.ProgressDeadlineSeconds, seconds)) * time.Second
}

// stop returns the clocks of a plan that cannot look at the VMs. What was observed stays as it was, but for how long VMs are
// not ready: that begins anew.
func (c Clocks) stop(now time.Time) Clocks {
	c.Rollout, c.UnreadySince = c.Rollout.tick(now, false), nil
	return c
}

// tick counts the time since the last look, if it counts, and says whether that after it does.
func (c RolloutClock) tick(now time.Time, running bool) RolloutClock {
	if c.Running {
		c.Elapsed += now.Sub(c.At)
	}
	c.At, c.Running = now, running
	return c
}

// advance returns the clock of a group that awaits new VMs. In order:
//
//  1. None was awaited before, or the spec has changed: it starts anew. After a restart, the status may say that the deadline
//     has passed for this spec: that holds.
//  2. More VMs are up to date and available than ever: it starts anew.
//  3. Otherwise the time counts.
func (c RolloutClock) advance(in Input, available int, running bool) RolloutClock {
	switch {
	case c.Generation != in.Group.Generation:
		start := RolloutClock{Generation: in.Group.Generation, Available: available, At: in.Now, Running: running}
		if c.Generation == 0 && halted(in.Group) {
			start.Elapsed = progressDeadline(in.Group)
		}
		return start
	case available > c.Available:
		return RolloutClock{Generation: c.Generation, Available: available, At: in.Now, Running: running}
	default:
		return c.tick(in.Now, running)
	}
}

// rolloutSince returns since when VMs are to be replaced or changed in place, of which there are so many. The first that applies:
//
//  1. there is none: the zero time
//  2. the group has observed when it began
//  3. the process has just started, and the status says that VMs are being updated: since the group is not ready
//  4. since now
func rolloutSince(in Input, toUpdate int) time.Time {
	switch since := in.Clocks.RolloutSince; {
	case toUpdate == 0:
		return time.Time{}
	case !since.IsZero():
		return since
	}
	ready := meta.FindStatusCondition(in.Group.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && (ready.Reason == v1alpha1.ReasonUpdating || ready.Reason == v1alpha1.ReasonProgressDeadlineExceeded) {
		return ready.LastTransitionTime.Time
	}
	return in.Now
}

// halted reports whether the status says that the rollout of the present spec has passed its deadline.
func halted(g *v1alpha1.VmGroup) bool {
	for _, c := range g.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.Reason == v1alpha1.ReasonProgressDeadlineExceeded && c.ObservedGeneration == g.Generation
		}
	}
	return false
}

package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// notReadyFor has the status say that the group is not ready, for how long and why.
func notReadyFor(d time.Duration, reason string) func(*Input) {
	return func(in *Input) {
		in.Group.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason,
			ObservedGeneration: in.Group.Generation, LastTransitionTime: metav1.NewTime(in.Now.Add(-d)),
		}}
	}
}

// observedFor has the group know since when VMs are to be replaced.
func observedFor(d time.Duration) func(*Input) {
	return func(in *Input) { in.Clocks.RolloutSince = in.Now.Add(-d) }
}

func TestRolloutSince(t *testing.T) {
	rolling := func(changes ...func(*Input)) Input {
		return input(group(1), vm(0, oldRevision)).with(spec(replacing(1, 0))).with(changes...)
	}
	for name, tc := range map[string]struct {
		in   Input
		want time.Duration // -1: none is to be replaced
	}{
		"1: all are up to date":            {input(group(1), vm(0)).with(spec(replacing(1, 0)), observedFor(time.Hour)), -1},
		"1: nothing replaces them":         {input(group(1), vm(0, oldRevision)).with(observedFor(time.Hour)), -1},
		"1: the group goes":                {input(group(1, deleting), vm(0, oldRevision)).with(spec(replacing(1, 0)), observedFor(time.Hour)), -1},
		"2: observed":                      {rolling(observedFor(time.Hour), notReadyFor(2*time.Hour, v1alpha1.ReasonUpdating)), time.Hour},
		"2: observed, and vCenter is away": {rolling(observedFor(time.Hour), vCenterAway), time.Hour},
		"2: observed, and another one is there": {rolling(observedFor(time.Hour), func(in *Input) {
			recorded("vcenter-1")(in.Group)
			otherVCenterAnswers(in)
		}), time.Hour},
		"2: observed, and it is paused":        {rolling(observedFor(time.Hour), spec(func(s *v1alpha1.VmGroupSpec) { s.Paused = true })), time.Hour},
		"3: the status says so":                {rolling(notReadyFor(2*time.Hour, v1alpha1.ReasonUpdating)), 2 * time.Hour},
		"3: the status says that it halts":     {rolling(notReadyFor(2*time.Hour, v1alpha1.ReasonProgressDeadlineExceeded)), 2 * time.Hour},
		"4: the status speaks of other things": {rolling(notReadyFor(2*time.Hour, v1alpha1.ReasonScalingUp)), 0},
		"4: there is no status":                {rolling(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := time.Duration(-1)
			if since := Compute(tc.in).Clocks.RolloutSince; !since.IsZero() {
				got = tc.in.Now.Sub(since)
			}
			if got != tc.want {
				t.Errorf("VMs are to be replaced for %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRolloutOfAPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		changes []func(*Input)
		want    Rollout
	}{
		"1: no VM is to be replaced": {nil, NoRollout},
		"2: paused":                  {[]func(*Input){spec(replacing(1, 0)), spec(func(s *v1alpha1.VmGroupSpec) { s.Paused = true })}, RolloutPaused},
		"2: read-only":               {[]func(*Input){spec(replacing(1, 0)), readOnly}, RolloutPaused},
		"3: halted": {[]func(*Input){
			spec(replacing(1, 0)), spec(toolsMustRun), notReadyFor(time.Hour, v1alpha1.ReasonProgressDeadlineExceeded),
		}, RolloutHalted},
		"4: progressing":                     {[]func(*Input){spec(replacing(1, 0))}, RolloutProgressing},
		"4: no VM can be made":               {[]func(*Input){spec(replacing(1, 0)), templateError("Invalid")}, RolloutProgressing},
		"4: one is marked":                   {[]func(*Input){members("instance-0", v1alpha1.DeletionNow)}, RolloutProgressing},
		"1: one is marked that is not there": {[]func(*Input){members("instance-9", v1alpha1.DeletionNow)}, NoRollout},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Compute(input(group(2), vm(0, oldRevision), vm(1, noTools)).with(tc.changes...)).Rollout(); got != tc.want {
				t.Errorf("the rollout is %q, want %q", got, tc.want)
			}
		})
	}
}

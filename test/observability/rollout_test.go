package observability

import (
	"fmt"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/fastclock"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// The controller's clock runs so fast that a deadline of a minute, the shortest there is, passes in less than a second.
const (
	speed    = 100
	deadline = 60
)

// TestRolloutMetrics lets a rollout halt, and go on. The metrics say so, and how the guests of the old VMs have gone.
func TestRolloutMetrics(t *testing.T) {
	const newTemplate = "kopf-vm-template-2"
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}}, invariants.Options{})
	vc, ctx := w.VCenter.Control, t.Context()
	healthy := control.Guest{Tools: true}
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	c := w.RunWith(w.Options("-leader-elect=false", "-health-addr", "0"), app.Overrides{Clock: fastclock.New(speed)})
	vg := w.Group("web", 2)
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, ProgressDeadlineSeconds: ptr.To[int32](deadline)}
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	vg.Spec.Power = &v1alpha1.PowerSpec{GracePeriodSeconds: ptr.To[int32](deadline)}
	w.Create(vg)
	stubborn := w.VMs(w.Ready("web", 2))[0].MoRef
	harness.Must(t, vc.SetGuest(ctx, stubborn, control.Guest{Tools: true, IgnoreShutdown: true}))
	shows(t, c, map[string]float64{progressing: 0, halted: 0, paused: 0, longest: 0})

	harness.Must(t, vc.SetUsualGuest(ctx, control.Guest{}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	vg = w.Phase("web", v1alpha1.PhaseError)
	shows(t, c, map[string]float64{progressing: 0, halted: 1, paused: 0})
	if age := samples(t, c)[longest]; age < deadline {
		t.Errorf("the rollout has been halted, and under way for %vs only", age)
	}

	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	for _, vm := range vg.Status.VMs {
		if !vm.Ready {
			harness.Must(t, vc.SetGuest(ctx, vm.MoRef, healthy))
		}
	}
	w.Ready("web", 2)
	shows(t, c, map[string]float64{
		progressing: 0, halted: 0, paused: 0, longest: 0, `vmgroup_replicas{state="Updated"}`: 2,
		`vmgroup_operation_duration_seconds_count{kind="Shutdown",result="Success"}`:  1,
		`vmgroup_operation_duration_seconds_count{kind="Shutdown",result="Conflict"}`: 1,
		`vmgroup_operation_duration_seconds_count{kind="PowerOff",result="Success"}`:  1,
	})
}

const (
	progressing = `vmgroup_rollouts{state="Progressing"}`
	halted      = `vmgroup_rollouts{state="Halted"}`
	paused      = `vmgroup_rollouts{state="Paused"}`
	longest     = `vmgroup_longest_running_rollout_seconds`
)

// samples returns what the metrics of a controller show.
func samples(t *testing.T, c *harness.Controller) map[string]float64 {
	t.Helper()
	text, err := c.MetricsText(t.Context())
	harness.Must(t, err)
	return parse(t, text).samples
}

// shows waits until the metrics of a controller show what is wanted: its cache follows what it has written.
func shows(t *testing.T, c *harness.Controller, want map[string]float64) {
	t.Helper()
	harness.Eventually(t, "the metrics follow", func() error {
		got := samples(t, c)
		for sample, value := range want {
			if n, shown := got[sample]; !shown || n != value {
				return fmt.Errorf("%s is %v (shown: %t), want %v", sample, n, shown, value)
			}
		}
		return nil
	})
}

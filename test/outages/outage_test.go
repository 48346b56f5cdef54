package outages

import (
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/apiproxy"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// lasts lets an outage last. It is the outage that is tested, so this is no wait for something to happen.
func lasts(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test was ended in the middle of an outage")
	}
}

// recovered waits until a VM that goes is replaced, and the group is READY again: then everything works. It logs how long
// that took since the end of an outage.
func (w *world) recovered(t *testing.T, what, name string, n int32, end time.Time) {
	t.Helper()
	w.Ready(name, n)
	t.Logf("%s: recovered %.1f s after the end", what, time.Since(end).Seconds())
}

// durations are those of outages. Short ones are within the patience of a call, long ones exceed that of the long poll.
func durations() []time.Duration {
	if testing.Short() {
		return []time.Duration{3 * time.Second}
	}
	return []time.Duration{5 * time.Second, 30 * time.Second, 120 * time.Second}
}

// TestVCenterAway takes vCenter away from a group at rest. A scale-up in the middle shows that it is back.
func TestVCenterAway(t *testing.T) {
	type play struct{ begin, end func(w *world) error }
	mode := func(o control.Outage) play {
		return play{
			func(w *world) error { return w.VCenter.Control.SetOutage(w.T.Context(), o) },
			func(w *world) error { return w.VCenter.Control.SetOutage(w.T.Context(), control.OutageOff) },
		}
	}
	for name, p := range map[string]play{
		"refuse":      mode(control.OutageRefuse),
		"unavailable": mode(control.OutageUnavailable),
		"hang":        mode(control.OutageHang),
		"cut":         mode(control.OutageCut),
		"slow": {
			func(w *world) error { return w.VCenter.Control.SetSlow(w.T.Context(), 2*time.Second) },
			func(w *world) error { return w.VCenter.Control.SetOutage(w.T.Context(), control.OutageOff) },
		},
		"refuse, sessions gone": {
			func(w *world) error {
				return errors.Join(w.VCenter.Control.SetOutage(w.T.Context(), control.OutageRefuse), w.VCenter.Control.EndSessions(w.T.Context()))
			},
			func(w *world) error { return w.VCenter.Control.SetOutage(w.T.Context(), control.OutageOff) },
		},
	} {
		for _, d := range durations() {
			t.Run(fmt.Sprintf("%s %v", name, d), func(t *testing.T) {
				w := newWorld(t, vcsim.Options{})
				w.start()
				w.Create(w.Group("web", 2))
				vg := w.Ready("web", 2)
				before := w.VMs(vg)
				harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))
				seen := w.record()
				harness.Must(t, p.begin(w))
				lasts(t, d)
				seen.kept(t, 2)
				w.same(vg, before)
				w.Scale("web", 3)
				harness.Must(t, p.end(w))
				w.recovered(t, t.Name(), "web", 3, time.Now())
				w.made(3, 0)
				if accepted, refused := w.logins(); accepted > 1 || refused > 0 {
					t.Errorf("%d logins and %d refused ones, want 1 and 0 at most", accepted, refused)
				}
			})
		}
	}
}

// TestVCenterRestarts restarts vCenter while clones run: they fail, or finish while nobody can see it.
func TestVCenterRestarts(t *testing.T) {
	for _, tasks := range []string{control.TasksFail, control.TasksFinish} {
		for _, d := range durations() {
			t.Run(fmt.Sprintf("tasks %s, %v", tasks, d), func(t *testing.T) {
				w := newWorld(t, vcsim.Options{CloneDelay: time.Second})
				w.start()
				w.Create(w.Group("web", 1))
				w.Ready("web", 1)
				w.Create(w.Group("rest", 2))
				rest := w.Ready("rest", 2)
				before := w.VMs(rest)
				harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))
				w.Scale("web", 4)
				w.cloning(3)
				harness.Must(t, w.VCenter.Control.Restart(t.Context(), d, tasks))
				w.recovered(t, t.Name(), "web", 4, time.Now())
				w.Ready("rest", 2)
				w.same(rest, before)
				w.made(6, 0)
				if accepted, refused := w.logins(); accepted != 1 || refused > 0 {
					t.Errorf("%d logins and %d refused ones, want 1 and 0", accepted, refused)
				}
			})
		}
	}
}

// cloning waits until vCenter has got requests for n clones since its counters were reset.
func (w *world) cloning(n int) {
	w.T.Helper()
	w.Eventually("clones run", func() error {
		calls, err := w.VCenter.Control.Calls(w.T.Context())
		if got := calls.Methods["CloneVM_Task"]; err == nil && got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return err
	})
}

// TestDeletedInAnOutage deletes a group while vCenter is away: it waits, says why, and goes when vCenter is back.
func TestDeletedInAnOutage(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	vc := w.VCenter.Control
	harness.Must(t, vc.SetOutage(t.Context(), control.OutageRefuse))
	harness.Must(t, vc.EndSessions(t.Context()))
	w.Delete("web")
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		for _, c := range vg.Status.Conditions {
			if c.Type == v1alpha1.ConditionVCenterReachable && c.Status == metav1.ConditionFalse && vg.DeletionTimestamp != nil {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", vg.Status.Conditions)
	})
	w.made(2, 0)
	harness.Must(t, vc.SetOutage(t.Context(), control.OutageOff))
	w.Gone(vg)
	w.made(2, 2)
}

// TestAPIServerAway takes the API server away, in the middle of a scale-up and of a loss. Nothing is done twice, and what
// was wanted is done when it is back.
func TestAPIServerAway(t *testing.T) {
	for _, mode := range []apiproxy.Outage{apiproxy.Cut, apiproxy.Unavailable, apiproxy.Hang, apiproxy.Slow, apiproxy.LoseAnswers} {
		for _, d := range durations() {
			t.Run(fmt.Sprintf("%s %v", mode, d), func(t *testing.T) {
				w := newWorld(t, vcsim.Options{CloneDelay: 500 * time.Millisecond})
				w.start()
				w.Create(w.Group("web", 2))
				w.Create(w.Group("old", 1))
				w.Ready("web", 2)
				old := w.Ready("old", 1)
				harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))
				w.Scale("web", 4)
				w.cloning(2)
				w.api.SetOutage(mode)
				w.Delete("old")
				w.Scale("web", 5)
				lasts(t, d)
				w.api.SetOutage(apiproxy.Off)
				w.recovered(t, t.Name(), "web", 5, time.Now())
				w.Gone(old)
				w.made(6, 1)
			})
		}
	}
}

// TestBothAway takes both away, and gives them back one after the other.
func TestBothAway(t *testing.T) {
	for _, d := range durations() {
		t.Run(d.String(), func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			w.start()
			w.Create(w.Group("web", 2))
			vg := w.Ready("web", 2)
			before := w.VMs(vg)
			seen := w.record()
			vc := w.VCenter.Control
			harness.Must(t, vc.SetOutage(t.Context(), control.OutageRefuse))
			harness.Must(t, vc.EndSessions(t.Context()))
			w.api.SetOutage(apiproxy.Cut)
			lasts(t, d)
			harness.Must(t, vc.SetOutage(t.Context(), control.OutageOff))
			lasts(t, d/3)
			seen.kept(t, 2)
			w.same(vg, before)
			w.Scale("web", 3)
			w.api.SetOutage(apiproxy.Off)
			w.recovered(t, t.Name(), "web", 3, time.Now())
			w.made(3, 0)
		})
	}
}

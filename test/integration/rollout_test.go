package integration

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/fastclock"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

var (
	twoTemplates = vcsim.Options{Templates: []string{harness.Template, newTemplate}}
	healthy      = control.Guest{Tools: true}
	toolsRun     = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
)

// notUpToDate returns a check that the condition UpToDate is False, and why.
func notUpToDate(reason string, words ...string) func(*v1alpha1.VmGroup) error {
	return func(vg *v1alpha1.VmGroup) error {
		c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
		if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
			return fmt.Errorf("UpToDate is %+v", c)
		}
		for _, word := range words {
			if !strings.Contains(c.Message, word) {
				return fmt.Errorf("UpToDate says %q, and not %q", c.Message, word)
			}
		}
		return nil
	}
}

// counting returns a check of how many VMs a group has, and how many of them are ready and up to date.
func counting(all, ready, updated int32) func(*v1alpha1.VmGroup) error {
	return func(vg *v1alpha1.VmGroup) error {
		s := vg.Status
		if got := ptr.Deref(s.UpdatedReplicas, -1); s.Replicas != all || s.ReadyReplicas != ready || got != updated {
			return fmt.Errorf("%d VMs, %d ready, %d updated, want %d, %d, %d: %s", s.Replicas, s.ReadyReplicas, got, all, ready, updated, s.Message)
		}
		return nil
	}
}

// left counts those of the VMs that are still there.
func left(w *harness.World, vg *v1alpha1.VmGroup, of []control.VM) int {
	w.T.Helper()
	now, n := w.VMs(vg), 0
	for _, vm := range of {
		if index(now, vm) >= 0 {
			n++
		}
	}
	return n
}

// marked says of a VM when it is to be destroyed, and takes back what was said of others.
func marked(vm control.VM, deletion v1alpha1.MemberDeletion) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) {
		vg.Spec.Members = []v1alpha1.MemberSpec{{Instance: vm.InstanceUUID, Deletion: deletion}}
	}
}

// TestHalted halts a rollout whose new VMs do not become ready. It stays halted in another process, for which the deadline is far
// away, whatever is lost. A spec that is right lets it go on.
func TestHalted(t *testing.T) {
	w := newWorld(t, twoTemplates)
	vc, ctx := w.VCenter.Control, t.Context()
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	c := w.RunWith(w.Options(), app.Overrides{Clock: fastclock.New(100)})
	vg := w.Group("web", 2)
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, ProgressDeadlineSeconds: ptr.To[int32](300)}
	vg.Spec.Readiness = toolsRun
	w.Create(vg)
	old := w.VMs(updated(w, "web", 2))

	harness.Must(t, vc.SetUsualGuest(ctx, control.Guest{}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	halted := condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded)
	vg = w.Phase("web", v1alpha1.PhaseError, halted, counting(3, 2, 1), notUpToDate(v1alpha1.ReasonOutOfDate, "2 of 3 VMs"),
		saying("within 5m0s", "2 VMs still to be updated", "look at the VMs that are not available", "go back to the old one"))
	if n := left(w, vg, old); n != 2 {
		t.Errorf("%d of the 2 old VMs are left", n)
	}
	c.Stop()
	w.StartController()
	harness.Must(t, vc.DestroyVM(ctx, old[0].MoRef))
	vg = w.Phase("web", v1alpha1.PhaseError, halted, counting(2, 1, 1))
	bad := w.VMs(vg)

	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Trigger = "its guests boot now" })
	if n := left(w, updated(w, "web", 2), bad); n != 0 {
		t.Errorf("%d VMs from before are left", n)
	}
}

// TestRevived halts a rollout, and lets the new VM become ready after all: the same rollout goes on.
func TestRevived(t *testing.T) {
	w := newWorld(t, twoTemplates)
	vc, ctx := w.VCenter.Control, t.Context()
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	w.RunWith(w.Options(), app.Overrides{Clock: fastclock.New(100)})
	vg := w.Group("web", 2)
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, ProgressDeadlineSeconds: ptr.To[int32](60)}
	vg.Spec.Readiness = toolsRun
	w.Create(vg)
	old := w.VMs(updated(w, "web", 2))
	harness.Must(t, vc.SetUsualGuest(ctx, control.Guest{}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	vg = w.Phase("web", v1alpha1.PhaseError, counting(3, 2, 1))
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	late := newOnes(w, vg, old)[0]
	harness.Must(t, vc.SetGuest(ctx, late.MoRef, healthy))
	vg = updated(w, "web", 2)
	if index(w.VMs(vg), late) < 0 || left(w, vg, old) != 0 {
		t.Errorf("%s is to be left, and no old VM; there are %v", late.Name, names(w.VMs(vg)))
	}
}

// newOnes returns the VMs of a group that are not among the old ones.
func newOnes(w *harness.World, vg *v1alpha1.VmGroup, old []control.VM) []control.VM {
	w.T.Helper()
	var out []control.VM
	for _, vm := range w.VMs(vg) {
		if index(old, vm) < 0 {
			out = append(out, vm)
		}
	}
	return out
}

// TestBackInTheMiddle goes back to the old spec when one VM of three is replaced: the two that still are of it stay.
func TestBackInTheMiddle(t *testing.T) {
	w := newWorld(t, twoTemplates)
	vc, ctx := w.VCenter.Control, t.Context()
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	w.StartController()
	vg := w.Group("web", 3)
	vg.Spec.Update, vg.Spec.Readiness = replacing(1, 0), toolsRun
	w.Create(vg)
	old := w.VMs(updated(w, "web", 3))
	harness.Must(t, vc.SetUsualGuest(ctx, control.Guest{}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	vg = w.Phase("web", v1alpha1.PhasePending, counting(4, 3, 1))
	harness.Must(t, vc.SetGuest(ctx, newOnes(w, vg, old)[0].MoRef, healthy))
	vg = w.Phase("web", v1alpha1.PhasePending, counting(4, 3, 2))
	stay := old[:0:0]
	for _, vm := range old {
		if left(w, vg, []control.VM{vm}) == 1 {
			stay = append(stay, vm)
		}
	}
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = harness.Template })
	if n := left(w, updated(w, "web", 3), stay); n != 2 || len(stay) != 2 {
		t.Errorf("%d VMs of the old spec were left, and %d of them are used again; want 2 and 2", len(stay), n)
	}
}

// TestProtected keeps a VM in a rollout and in a scale-down, and says so. Only the deletion of the group destroys it.
func TestProtected(t *testing.T) {
	w := newWorld(t, twoTemplates)
	w.StartController()
	vg := w.Group("web", 3)
	vg.Spec.Update = replacing(1, 0)
	w.Create(vg)
	old := w.VMs(w.Ready("web", 3))
	kept := old[2] // the youngest: it would go first
	keeps := func(step string) {
		t.Helper()
		if left(w, vg, []control.VM{kept}) != 1 {
			t.Fatalf("%s: the VM that is protected is gone", step)
		}
	}
	w.Update("web", marked(kept, v1alpha1.DeletionNever))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	vg = w.Phase("web", v1alpha1.PhaseReady, counting(3, 3, 2), notUpToDate(v1alpha1.ReasonProtected, "1 of 3 VMs out of date", "spec.members protects"))
	if n := left(w, vg, old); n != 1 {
		t.Errorf("%d of the old VMs are left, want the one that is protected", n)
	}
	keeps("a rollout")
	w.Scale("web", 1)
	w.Phase("web", v1alpha1.PhaseReady, counting(1, 1, 0), notUpToDate(v1alpha1.ReasonProtected))
	keeps("a scale-down")
	w.Scale("web", 0)
	w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonVictimsNotNamed),
		counting(1, 1, 0), saying("1 VM too many", "spec.members protects"))
	keeps("a scale-down to none")
	w.Delete("web")
	gone(t, w, vg)
}

// TestExplicit scales a group down whose VMs go only if they are named, as an autoscaler or kubectl scale does. It keeps its VMs
// and says what to do, until one is named.
func TestExplicit(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	vg := w.Group("web", 3)
	vg.Spec.ScaleDown = &v1alpha1.ScaleDownSpec{Policy: v1alpha1.ScaleDownExplicit}
	w.Create(vg)
	all := w.VMs(w.Ready("web", 3))
	_, err := w.Cluster.Kubectl(t.Context(), "-n", w.Namespace, "scale", "vg/web", "--replicas=1")
	harness.Must(t, err)
	stalled := condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonVictimsNotNamed)
	vg = w.Phase("web", v1alpha1.PhaseError, stalled, counting(3, 3, 3), saying("2 VMs too many", "deletion: First", "status.vms"))
	if n := left(w, vg, all); n != 3 {
		t.Errorf("%d VMs are left that nobody has named, want 3", n)
	}
	named := all[0] // the oldest: it would go last
	w.Update("web", marked(named, v1alpha1.DeletionFirst))
	vg = w.Phase("web", v1alpha1.PhaseError, stalled, counting(2, 2, 2), saying("1 VM too many"))
	if index(w.VMs(vg), named) >= 0 {
		t.Error("another VM went than the one that was named")
	}
	w.Scale("web", 2)
	w.Ready("web", 2)
}

// TestGuestsThatDoNotShutDown gives guests a day, and scales down. The VM of a guest without Tools is switched off at once. That
// of a guest that ignores the shutdown stays on until its time is over.
func TestGuestsThatDoNotShutDown(t *testing.T) {
	const day = 86400
	w := newWorld(t, vcsim.Options{})
	vc, ctx := w.VCenter.Control, t.Context()
	harness.Must(t, vc.SetUsualGuest(ctx, healthy))
	w.StartController()
	vg := w.Group("web", 3)
	vg.Spec.Readiness, vg.Spec.Power = toolsRun, &v1alpha1.PowerSpec{GracePeriodSeconds: ptr.To[int32](day)}
	w.Create(vg)
	vg = w.Ready("web", 3)
	vms := w.VMs(vg)
	hanging, mute := vms[0], vms[1]
	harness.Must(t, vc.SetGuest(ctx, hanging.MoRef, control.Guest{Tools: true, IgnoreShutdown: true}))
	harness.Must(t, vc.SetGuest(ctx, mute.MoRef, control.Guest{}))
	w.Phase("web", v1alpha1.PhasePending, counting(3, 2, 3))
	harness.Must(t, vc.ResetCalls(ctx))

	w.Scale("web", 2) // what does not work goes first
	w.Ready("web", 2)
	if left(w, vg, []control.VM{mute}) != 0 {
		t.Error("another VM went than the one that was not ready")
	}
	wantShutdowns(w, 0, 1)

	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Replicas = ptr.To[int32](1)
		marked(hanging, v1alpha1.DeletionFirst)(vg)
	})
	w.Phase("web", v1alpha1.PhasePending, condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonScalingDown),
		func(vg *v1alpha1.VmGroup) error {
			if n := ptr.Deref(vg.Status.TerminatingReplicas, 0); n != 1 {
				return fmt.Errorf("%d VMs are on their way out", n)
			}
			return listed(vg, hanging, func(vm v1alpha1.VMStatus) bool {
				return vm.State == v1alpha1.VMDeleting && vm.PowerState == "poweredOn"
			})
		})
	w.Eventually("the guest is asked", func() error { return shutdowns(w, 1, 1) })
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Power.GracePeriodSeconds = ptr.To[int32](1) })
	w.Ready("web", 1)
	if left(w, vg, []control.VM{hanging}) != 0 {
		t.Error("another VM went than the one that was named")
	}
	wantShutdowns(w, 1, 2)
}

// shutdowns returns an error unless so many guests were asked to shut down, and so many VMs switched off hard.
func shutdowns(w *harness.World, asked, hard int) error {
	calls, err := w.VCenter.Control.Calls(w.T.Context())
	if got := calls.Methods; err == nil && (got["ShutdownGuest"] != asked || got["PowerOffVM_Task"] != hard) {
		err = fmt.Errorf("%d guests were asked, and %d VMs switched off; want %d and %d", got["ShutdownGuest"], got["PowerOffVM_Task"], asked, hard)
	}
	return err
}

func wantShutdowns(w *harness.World, asked, hard int) {
	w.T.Helper()
	if err := shutdowns(w, asked, hard); err != nil {
		w.T.Error(err)
	}
}

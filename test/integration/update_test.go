package integration

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const newTemplate = "kopf-vm-template-2"

// replacing is an update strategy.
func replacing(surge, unavailable int32) *v1alpha1.UpdateSpec {
	return &v1alpha1.UpdateSpec{
		Strategy: v1alpha1.UpdateReplace, MaxSurge: ptr.To(intstr.FromInt32(surge)), MaxUnavailable: ptr.To(intstr.FromInt32(unavailable)),
	}
}

// updated waits until all VMs of a group are as its spec has them.
func updated(w *harness.World, name string, n int32) *v1alpha1.VmGroup {
	w.T.Helper()
	vg := w.Ready(name, n)
	if got := ptr.Deref(vg.Status.UpdatedReplicas, -1); got != n || !meta.IsStatusConditionTrue(vg.Status.Conditions, v1alpha1.ConditionUpToDate) {
		w.T.Errorf("READY with %d of %d VMs updated: %v", got, n, vg.Status.Conditions)
	}
	return vg
}

// TestUpdate changes what VMs are made from. The invariants watch that there is never a VM too many, or too few in service.
func TestUpdate(t *testing.T) {
	fromNewTemplate := func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate }
	for name, c := range map[string]struct {
		update *v1alpha1.UpdateSpec
		change func(*v1alpha1.VmGroup)
		same   bool // the names of the VMs stay
	}{
		"one more at a time":       {replacing(1, 0), fromNewTemplate, false},
		"all at once":              {replacing(3, 0), fromNewTemplate, false},
		"one fewer at a time":      {replacing(0, 1), fromNewTemplate, true},
		"another size":             {replacing(0, 2), func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 }, true},
		"nothing but a trigger":    {replacing(1, 1), func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Trigger = "1" }, false},
		"a change while it scales": {replacing(1, 0), func(vg *v1alpha1.VmGroup) { fromNewTemplate(vg); vg.Spec.CPU = 2 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
			w.StartController()
			vg := w.Group("web", 3)
			vg.Spec.Update = c.update
			w.Create(vg)
			before := w.VMs(updated(w, "web", 3))
			w.Update("web", c.change)
			vg = updated(w, "web", 3)
			after := w.VMs(vg)
			for _, vm := range after {
				if i := index(before, vm); i >= 0 {
					t.Errorf("%s is still there", vm.Name)
				}
				if vm.NumCPU != vg.Spec.CPU {
					t.Errorf("%s has %d CPUs", vm.Name, vm.NumCPU)
				}
			}
			if same := slices.Equal(names(before), names(after)); same != c.same {
				t.Errorf("the VMs were %v, and are %v", names(before), names(after))
			}
			// The group stays: its deletion would excuse a VM that was switched off a moment before.
		})
	}
}

func names(vms []control.VM) []string {
	var names []string
	for _, vm := range vms {
		names = append(names, vm.Name)
	}
	slices.Sort(names)
	return names
}

// TestNoStrategy shows that a change of the spec reaches no VM that exists, unless somebody asks for it.
func TestNoStrategy(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	w.StartController()
	w.Create(w.Group("web", 2))
	before := w.VMs(w.Ready("web", 2))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	vg := w.Ready("web", 2)
	if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate); c.Reason != v1alpha1.ReasonOutOfDate {
		t.Errorf("UpToDate is %s: %s", c.Reason, c.Message)
	}
	if after := w.VMs(vg); index(after, before[0]) < 0 || index(after, before[1]) < 0 {
		t.Error("a VM was replaced")
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Members = []v1alpha1.MemberSpec{{Instance: before[0].InstanceUUID, Deletion: v1alpha1.DeletionNow}}
	})
	w.Eventually("one is replaced", func() error {
		vg, err := w.Get("web")
		if err != nil {
			return err
		}
		if got := ptr.Deref(vg.Status.UpdatedReplicas, 0); got != 1 || vg.Status.Phase != v1alpha1.PhaseReady {
			return fmt.Errorf("%d are updated, %s", got, vg.Status.Message)
		}
		return nil
	})
	if after := w.VMs(w.Ready("web", 2)); index(after, before[0]) >= 0 || index(after, before[1]) < 0 {
		t.Error("the other one was replaced")
	}
}

// TestReadiness lets guests come up, or not. A rollout to a template whose guests do not come up halts, and going back revives
// it.
func TestReadiness(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	harness.Must(t, w.VCenter.Control.SetUsualGuest(t.Context(), control.Guest{Tools: true}))
	w.StartController()
	vg := w.Group("web", 2)
	vg.Spec.Update = replacing(1, 0)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	w.Create(vg)
	before := w.VMs(updated(w, "web", 2))

	harness.Must(t, w.VCenter.Control.SetUsualGuest(t.Context(), control.Guest{}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	w.Eventually("a VM is there that is not ready", func() error {
		vg, err := w.Get("web")
		if err != nil {
			return err
		}
		if s := vg.Status; s.Replicas != 3 || s.ReadyReplicas != 2 || ptr.Deref(s.UpdatedReplicas, 0) != 1 {
			return fmt.Errorf("%d VMs, %d ready: %s", s.Replicas, s.ReadyReplicas, s.Message)
		}
		return nil
	})
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = harness.Template })
	after := w.VMs(updated(w, "web", 2))
	if index(after, before[0]) < 0 || index(after, before[1]) < 0 {
		t.Error("the old VMs were not used again")
	}
}

// TestTemplateThatSaysReady clones from a template whose guest had said that it is ready when it was made a template. Its clones
// have not said so.
func TestTemplateThatSaysReady(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	vc, ctx := w.VCenter.Control, t.Context()
	vms, err := vc.VMs(ctx)
	harness.Must(t, err)
	golden := vms[slices.IndexFunc(vms, func(vm control.VM) bool { return vm.Name == harness.Template })].MoRef
	for _, err := range []error{
		vc.MarkAsVM(ctx, golden), vc.PowerOn(ctx, golden), vc.SetGuestInfo(ctx, golden, "guestinfo.vmgroup.ready", "true"),
		vc.PowerOff(ctx, golden), vc.MarkAsTemplate(ctx, golden),
	} {
		harness.Must(t, err)
	}
	w.StartController()
	vg := w.Group("web", 1)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyGuestInfo}
	w.Create(vg)
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || c.Reason != v1alpha1.ReasonNotReady || vg.Status.ReadyReplicas != 0 {
			return fmt.Errorf("%d are ready: %s", vg.Status.ReadyReplicas, vg.Status.Message)
		}
		return nil
	})
	vg, err = w.Get("web")
	harness.Must(t, err)
	harness.Must(t, vc.SetGuestInfo(ctx, w.VMs(vg)[0].MoRef, "guestinfo.vmgroup.ready", " True "))
	w.Ready("web", 1)
}

// TestGracePeriod lets guests shut down before their VMs go. One does, one ignores it, and one has no Tools to be asked by.
func TestGracePeriod(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	vc, ctx := w.VCenter.Control, t.Context()
	harness.Must(t, vc.SetUsualGuest(ctx, control.Guest{Tools: true}))
	w.StartController()
	vg := w.Group("web", 3)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	vg.Spec.Power = &v1alpha1.PowerSpec{GracePeriodSeconds: ptr.To[int32](2)}
	w.Create(vg)
	vg = w.Ready("web", 3)
	vms := w.VMs(vg)
	harness.Must(t, vc.SetGuest(ctx, vms[1].MoRef, control.Guest{Tools: true, IgnoreShutdown: true}))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Readiness = nil })
	w.Ready("web", 3)
	harness.Must(t, vc.SetGuest(ctx, vms[2].MoRef, control.Guest{}))
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		return listed(vg, vms[2], func(vm v1alpha1.VMStatus) bool { return vm.IP == "" })
	})
	harness.Must(t, vc.ResetCalls(ctx))
	w.Delete("web")
	gone(t, w, vg)
	calls, err := vc.Calls(ctx)
	harness.Must(t, err)
	if asked, hard := calls.Methods["ShutdownGuest"], calls.Methods["PowerOffVM_Task"]; asked != 2 || hard != 2 {
		t.Errorf("%d guests were asked, and %d VMs switched off hard; want 2 and 2", asked, hard)
	}
}

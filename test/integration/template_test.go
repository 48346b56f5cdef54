package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const templates = "templates"

// modes are where templates are looked for, with the flags that say so.
var modes = map[string][]string{
	inFolder: {"-template-folder", templates},
	anywhere: nil, // the answer of a search is kept for a while
}

const (
	inFolder = "in the template folder"
	anywhere = "anywhere"
)

// groupOfOne returns a group that has its one VM, and the template of it.
func groupOfOne(t *testing.T, args ...string) (w *harness.World, vg *v1alpha1.VmGroup, template string) {
	t.Helper()
	w = newWorld(t, vcsim.Options{TemplateFolder: templates})
	w.StartController(args...)
	w.Create(w.Group("web", 1))
	vg = w.Ready("web", 1)
	vms, err := w.VCenter.Control.VMs(t.Context())
	harness.Must(t, err)
	i := slices.IndexFunc(vms, func(vm control.VM) bool { return vm.Name == harness.Template })
	return w, vg, vms[i].MoRef
}

// TestTemplateChanges changes the template of a group and scales the group up at once: what is cloned is what the name stands
// for then, and nothing else is.
func TestTemplateChanges(t *testing.T) {
	type change struct {
		disturb func(ctx context.Context, vc *control.Client, template string) error
		// reasons say for each mode why the group is ERROR, with the VM that it had. Without one it is READY, with VMs from
		// another template.
		reasons map[string]string
	}
	both := func(reason string) map[string]string { return map[string]string{inFolder: reason, anywhere: reason} }
	changes := map[string]change{
		"made a VM that runs": {func(ctx context.Context, vc *control.Client, template string) error {
			if err := vc.MarkAsVM(ctx, template); err != nil {
				return err
			}
			return vc.PowerOn(ctx, template)
		}, both(v1alpha1.ReasonTemplateUnusable)},
		"replaced": {func(ctx context.Context, vc *control.Client, template string) error {
			if err := vc.Rename(ctx, template, "retired"); err != nil {
				return err
			}
			_, err := vc.AddTemplate(ctx, harness.Template, templates)
			return err
		}, nil},
		"renamed": {func(ctx context.Context, vc *control.Client, template string) error {
			return vc.Rename(ctx, template, "retired")
		}, both(v1alpha1.ReasonTemplateNotFound)},
		"moved below the root": {func(ctx context.Context, vc *control.Client, template string) error {
			return vc.Move(ctx, template, "vmgroups")
		}, map[string]string{inFolder: v1alpha1.ReasonTemplateNotFound, anywhere: v1alpha1.ReasonTemplateUnusable}},
		"destroyed": {func(ctx context.Context, vc *control.Client, template string) error {
			return vc.DestroyVM(ctx, template)
		}, both(v1alpha1.ReasonTemplateNotFound)},
	}
	for mode, args := range modes {
		for name, c := range changes {
			t.Run(name+" "+mode, func(t *testing.T) {
				w, vg, template := groupOfOne(t, args...)
				vc := w.VCenter.Control
				harness.Must(t, vc.ResetCalls(t.Context()))
				harness.Must(t, c.disturb(t.Context(), vc, template))
				w.Scale("web", 4)
				if reason := c.reasons[mode]; reason != "" {
					lacksTemplate(w, vg, reason)
					wantClones(w, 0)
					return
				}
				w.Ready("web", 4)
				for _, source := range sources(w, vg)[1:] {
					if source == template {
						t.Errorf("a VM was cloned from %s, which has the name no more", source)
					}
				}
				wantClones(w, 3)
				if name == "replaced" {
					rebuilt(w, template)
				}
			})
		}
	}
}

// rebuilt expects that a group tells of its one VM of four from a template in whose place there is another one, and that a new
// text in spec.update.trigger replaces the VMs.
func rebuilt(w *harness.World, template string) {
	w.T.Helper()
	vg := w.Phase("web", v1alpha1.PhaseReady, notUpToDate(v1alpha1.ReasonTemplateRebuilt, "1 of 4 VMs", "spec.update.trigger"))
	if all := sources(w, vg); all[0] != template {
		w.T.Errorf("the VMs come from %v", all)
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, Trigger: "rebuilt"}
	})
	if all := sources(w, updated(w, "web", 4)); slices.Contains(all, template) {
		w.T.Errorf("the VMs come from %v", all)
	}
}

// TestTemplateGoesWhileItIsCloned lets a template go after it was read, and before the request is carried out.
func TestTemplateGoesWhileItIsCloned(t *testing.T) {
	for mode, args := range modes {
		t.Run(mode, func(t *testing.T) {
			w, vg, template := groupOfOne(t, args...)
			vc := w.VCenter.Control
			harness.Must(t, vc.AddFault(t.Context(), control.Fault{Method: "CloneVM_Task", Slow: 2 * time.Second, Count: 1}))
			harness.Must(t, vc.ResetCalls(t.Context()))
			w.Scale("web", 4)
			w.Eventually("a clone is asked for", func() error { return clonesAsked(w, 1) })
			harness.Must(t, vc.DestroyVM(t.Context(), template))
			lacksTemplate(w, vg, v1alpha1.ReasonTemplateNotFound)
			wantClones(w, 1)
		})
	}
}

// TestTemplateOfACopy clones from a template that somebody has made of a VM of the group.
func TestTemplateOfACopy(t *testing.T) {
	w, vg, _ := groupOfOne(t, modes[inFolder]...)
	vc, own := w.VCenter.Control, w.VMs(vg)[0]
	_, err := vc.CloneVM(t.Context(), own.MoRef, "snapshot")
	harness.Must(t, err)
	harness.Must(t, vc.Move(t.Context(), "snapshot", templates))
	harness.Must(t, vc.MarkAsTemplate(t.Context(), "snapshot"))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "snapshot" })
	w.Scale("web", 3)
	available := func(vg *v1alpha1.VmGroup) error {
		if s := vg.Status; s.AvailableReplicas != 3 || s.Replicas != 3 {
			return fmt.Errorf("%d of %d: %s", s.AvailableReplicas, s.Replicas, s.Message)
		}
		return nil
	}
	w.Phase("web", v1alpha1.PhaseReady, available)
	w.Scale("web", 0)
	w.Phase("web", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if vg.Status.Replicas != 0 {
			return fmt.Errorf("%d are left", vg.Status.Replicas)
		}
		return nil
	})
	vms, err := vc.VMs(t.Context())
	harness.Must(t, err)
	if !slices.ContainsFunc(vms, func(vm control.VM) bool { return vm.Name == "snapshot" && vm.Template }) {
		t.Error("the template is gone, which is nobody's VM")
	}
}

// TestTemplateThatOnlyLooksTheSame names it, with what cannot be seen spelled out.
func TestTemplateThatOnlyLooksTheSame(t *testing.T) {
	w, _, _ := groupOfOne(t, modes[inFolder]...)
	_, err := w.VCenter.Control.AddTemplate(t.Context(), "cafe\u0301", templates)
	harness.Must(t, err)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "caf\u00e9" })
	w.Scale("web", 2)
	w.Phase("web", v1alpha1.PhaseError, func(vg *v1alpha1.VmGroup) error {
		if text := fmt.Sprintf("%+q", "cafe\u0301"); !strings.Contains(vg.Status.Message, text) {
			return fmt.Errorf("%q does not name %s", vg.Status.Message, text)
		}
		return nil
	})
}

// lacksTemplate waits until a group that has one VM is ERROR for a reason. All the while it must not count more than that VM.
func lacksTemplate(w *harness.World, vg *v1alpha1.VmGroup, reason string) {
	w.T.Helper()
	w.Eventually("ERROR because of "+reason, func() error {
		now, err := w.Get(vg.Name)
		if err != nil {
			return err
		}
		if now.Status.Replicas > 1 {
			w.T.Fatalf("%d VMs are counted, and there is one: %s", now.Status.Replicas, now.Status.Message)
		}
		c := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionStalled)
		if now.Status.Phase != v1alpha1.PhaseError || c.Reason != reason {
			return fmt.Errorf("it is %s: %s", now.Status.Phase, now.Status.Message)
		}
		return nil
	})
	if n := len(w.VMs(vg)); n != 1 {
		w.T.Errorf("there are %d VMs, want the one of before", n)
	}
}

func clonesAsked(w *harness.World, want int) error {
	calls, err := w.VCenter.Control.Calls(w.T.Context())
	if err == nil && calls.Methods["CloneVM_Task"] != want {
		err = fmt.Errorf("%d clones were asked for, want %d", calls.Methods["CloneVM_Task"], want)
	}
	return err
}

func wantClones(w *harness.World, want int) {
	w.T.Helper()
	if err := clonesAsked(w, want); err != nil {
		w.T.Error(err)
	}
}

// sources returns what the VMs of a group were cloned from, in the order in which they were made.
func sources(w *harness.World, vg *v1alpha1.VmGroup) []string {
	w.T.Helper()
	tasks, err := w.VCenter.Control.Tasks(w.T.Context())
	harness.Must(w.T, err)
	vms := w.VMs(vg)
	var out []string
	for _, task := range tasks {
		ours := func(vm control.VM) bool { return vm.MoRef == task.Result }
		if task.DescriptionID == "VirtualMachine.cloneVm" && slices.ContainsFunc(vms, ours) {
			out = append(out, task.Entity)
		}
	}
	return out
}

package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestLife goes through the whole life of a group: made, scaled up, scaled down, gone.
func TestLife(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 3))
	vg := w.Ready("web", 3)
	if got := vg.Status.Folder; got == nil || got.Path != w.FolderPath("web") {
		t.Errorf("the status records the folder %v, want %s", got, w.FolderPath("web"))
	}
	for _, vm := range w.VMs(vg) {
		if vm.NumCPU != 1 || vm.MemoryMB != 1024 || !strings.HasPrefix(vm.Path, w.FolderPath("web")+"/web-") {
			t.Errorf("VM %s has %d CPUs and %d MB", vm.Path, vm.NumCPU, vm.MemoryMB)
		}
	}
	w.Scale("web", 5)
	w.Ready("web", 5)
	w.Scale("web", 0)
	w.Ready("web", 0)
	w.Scale("web", 2)
	w.Ready("web", 2)
	w.Delete("web")
	gone(t, w, vg)
}

// gone waits until the group, its VMs and its folder are gone, and checks that the folder was not destroyed recursively.
func gone(t *testing.T, w *harness.World, vg *v1alpha1.VmGroup) {
	t.Helper()
	w.Gone(vg)
	if hasFolder(t, w, w.FolderPath(vg.Name)) {
		t.Errorf("the VmGroup is gone, and its folder is left")
	}
	violations, err := w.VCenter.Control.Violations(t.Context())
	harness.Must(t, err)
	if len(violations) > 0 {
		t.Errorf("forbidden calls: %v", violations)
	}
}

func hasFolder(t *testing.T, w *harness.World, path string) bool {
	t.Helper()
	folders, err := w.VCenter.Control.Folders(t.Context())
	harness.Must(t, err)
	return slices.ContainsFunc(folders, func(f control.Folder) bool { return f.Path == path })
}

// TestDrift changes VMs behind the controller's back.
func TestDrift(t *testing.T) {
	for name, c := range map[string]struct {
		disturb func(t *testing.T, vc *control.Client, vm control.VM) error
		check   func(vg *v1alpha1.VmGroup, vms []control.VM, disturbed control.VM) error
	}{
		"destroyed: replaced": {
			disturb: func(t *testing.T, vc *control.Client, vm control.VM) error {
				return vc.DestroyVM(t.Context(), vm.MoRef)
			},
			check: func(_ *v1alpha1.VmGroup, vms []control.VM, disturbed control.VM) error {
				if i := index(vms, disturbed); i >= 0 {
					return fmt.Errorf("%s is still there", disturbed.Name)
				}
				return nil
			},
		},
		"switched off: switched on": {
			disturb: func(t *testing.T, vc *control.Client, vm control.VM) error {
				return vc.PowerOff(t.Context(), vm.MoRef)
			},
			check: func(_ *v1alpha1.VmGroup, vms []control.VM, disturbed control.VM) error {
				if i := index(vms, disturbed); i < 0 || vms[i].PowerState != "poweredOn" {
					return errors.New("it is not on again")
				}
				return nil
			},
		},
		"renamed: still counted, its name not used again": {
			disturb: func(t *testing.T, vc *control.Client, vm control.VM) error {
				return vc.Rename(t.Context(), vm.MoRef, "renamed")
			},
			check: func(vg *v1alpha1.VmGroup, vms []control.VM, disturbed control.VM) error {
				return listed(vg, disturbed, func(vm v1alpha1.VMStatus) bool { return vm.Name == "renamed" })
			},
		},
		"moved out of the folder: still counted, reported": {
			disturb: func(t *testing.T, vc *control.Client, vm control.VM) error {
				if _, err := vc.CreateFolder(t.Context(), "vmgroups/elsewhere"); err != nil {
					return err
				}
				return vc.Move(t.Context(), vm.MoRef, "vmgroups/elsewhere")
			},
			check: func(vg *v1alpha1.VmGroup, vms []control.VM, disturbed control.VM) error {
				return listed(vg, disturbed, func(vm v1alpha1.VMStatus) bool { return vm.State == v1alpha1.VMMoved })
			},
		},
		"changed in CPU: reported, not undone": {
			disturb: func(t *testing.T, vc *control.Client, vm control.VM) error {
				return vc.Reconfigure(t.Context(), vm.MoRef, 4, 0)
			},
			check: func(vg *v1alpha1.VmGroup, vms []control.VM, disturbed control.VM) error {
				if i := index(vms, disturbed); i < 0 || vms[i].NumCPU != 4 {
					return errors.New("it was undone")
				}
				return listed(vg, disturbed, func(vm v1alpha1.VMStatus) bool { return strings.Contains(vm.Message, "4 CPUs") })
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			w.StartController()
			w.Create(w.Group("web", 3))
			vg := w.Ready("web", 3)
			disturbed := w.VMs(vg)[1]
			harness.Must(t, c.disturb(t, w.VCenter.Control, disturbed))
			w.Eventually("the group answers", func() error {
				vg, err := w.Get("web")
				if err != nil {
					return err
				}
				vms := w.VMs(vg)
				if vg.Status.Phase != v1alpha1.PhaseReady || len(vms) != 3 {
					return fmt.Errorf("%d VMs, %s: %s", len(vms), vg.Status.Phase, vg.Status.Message)
				}
				return c.check(vg, vms, disturbed)
			})
			w.Ready("web", 3)
			w.Delete("web")
			gone(t, w, vg)
		})
	}
}

func index(vms []control.VM, vm control.VM) int {
	return slices.IndexFunc(vms, func(other control.VM) bool { return other.MoRef == vm.MoRef })
}

func listed(vg *v1alpha1.VmGroup, vm control.VM, match func(v1alpha1.VMStatus) bool) error {
	if slices.ContainsFunc(vg.Status.VMs, func(s v1alpha1.VMStatus) bool { return s.MoRef == vm.MoRef && match(s) }) {
		return nil
	}
	return fmt.Errorf("the status does not report it: %+v", vg.Status.VMs)
}

// TestTemplateErrors leaves a group READY that lacks nothing, and tells it. When VMs are due, it heals by itself when the spec
// is patched, or when the template appears.
func TestTemplateErrors(t *testing.T) {
	w := newWorld(t, vcsim.Options{TemplateFolder: "templates"})
	w.StartController("-template-folder", "templates")
	w.Create(w.Group("web", 2))
	w.Ready("web", 2)

	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "no-such-template" })
	w.Phase("web", v1alpha1.PhaseReady, saying("no-such-template"))
	eventOf(w, "web", v1alpha1.ReasonTemplateNotFound)
	w.Scale("web", 3)
	vg := w.Phase("web", v1alpha1.PhaseError)
	stalled := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled)
	if stalled.Reason != v1alpha1.ReasonTemplateNotFound || !strings.Contains(vg.Status.Message, "no-such-template") {
		t.Errorf("stalled with %s: %s", stalled.Reason, vg.Status.Message)
	}
	if got := len(w.VMs(vg)); got != 2 {
		t.Errorf("%d VMs are left of 2: a wrong template must not touch what runs", got)
	}
	_, err := w.VCenter.Control.AddTemplate(t.Context(), "no-such-template", "templates")
	harness.Must(t, err)
	w.Ready("web", 3)

	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "" })
	w.Phase("web", v1alpha1.PhaseReady, saying("spec.template"))
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
	w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonTemplateEmpty))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = harness.Template })
	w.Ready("web", 3)
}

// eventOf waits for a Warning about a group.
func eventOf(w *harness.World, name, reason string) {
	w.T.Helper()
	w.Eventually("an event "+reason, func() error {
		events, err := w.Kube.CoreV1().Events(w.Namespace).List(w.T.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=" + name})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == reason && e.Type == corev1.EventTypeWarning {
				return nil
			}
		}
		return fmt.Errorf("there are %d others", len(events.Items))
	})
}

// TestForeign leaves alone what is not ours: VMs in our folder, copies of our VMs, VMs made templates.
func TestForeign(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	vc := w.VCenter.Control
	foreign, err := vc.AddForeignVM(t.Context(), "vmgroups/"+w.Namespace+"/web", "somebody-elses")
	harness.Must(t, err)
	copied, err := vc.CloneVM(t.Context(), w.VMs(vg)[0].MoRef, "copy-by-hand")
	harness.Must(t, err)
	w.Phase("web", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		return listed(vg, control.VM{MoRef: copied}, func(vm v1alpha1.VMStatus) bool { return vm.State == v1alpha1.VMCopy })
	})
	w.Scale("web", 0)
	w.Phase("web", v1alpha1.PhaseReady)
	w.Delete("web")
	w.Eventually("the VmGroup goes", func() error {
		if _, err := w.Get("web"); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there: %w", err)
		}
		return nil
	})
	vms, err := vc.VMs(t.Context())
	harness.Must(t, err)
	for _, ref := range []string{foreign, copied} {
		if index(vms, control.VM{MoRef: ref}) < 0 {
			t.Errorf("%s is gone, and was not ours", ref)
		}
	}
	if !hasFolder(t, w, w.FolderPath("web")) {
		t.Errorf("the folder is gone although it held VMs of others")
	}
}

// TestDeleteWhileCloning leaves no VM behind that appears late.
func TestDeleteWhileCloning(t *testing.T) {
	w := newWorld(t, vcsim.Options{CloneDelay: time.Second})
	w.StartController()
	vg := w.Create(w.Group("web", 3))
	w.Eventually("clones run", func() error {
		calls, err := w.VCenter.Control.Calls(t.Context())
		if err == nil && calls.Methods["CloneVM_Task"] == 0 {
			err = errors.New("none yet")
		}
		return err
	})
	w.Delete("web")
	gone(t, w, vg)
}

// TestBrakes holds everything back: spec.paused, the flag -read-only, the annotation on-delete.
func TestBrakes(t *testing.T) {
	t.Run("paused", func(t *testing.T) {
		w := newWorld(t, vcsim.Options{})
		w.StartController()
		group := w.Group("web", 2)
		group.Spec.Paused = true
		w.Create(group)
		vg := w.Phase("web", v1alpha1.PhasePending)
		if ready := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionReady); ready.Reason != v1alpha1.ReasonPaused {
			t.Errorf("not ready because of %s, want %s", ready.Reason, v1alpha1.ReasonPaused)
		}
		noMutations(t, w)
		w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = false })
		w.Ready("web", 2)
	})
	t.Run("read-only", func(t *testing.T) {
		w := newWorld(t, vcsim.Options{})
		c := w.StartController("-read-only")
		w.Create(w.Group("web", 2))
		vg := w.Phase("web", v1alpha1.PhasePending)
		if !strings.Contains(vg.Status.Message, "2 clones") {
			t.Errorf("the status does not say what is held back: %s", vg.Status.Message)
		}
		noMutations(t, w)
		c.Stop()
		w.StartController()
		w.Ready("web", 2)
	})
	t.Run("orphan", func(t *testing.T) {
		w := newWorld(t, vcsim.Options{})
		w.StartController()
		w.Create(w.Group("web", 2))
		vg := w.Ready("web", 2)
		w.Update("web", func(vg *v1alpha1.VmGroup) {
			vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
		})
		w.Delete("web")
		w.Eventually("the VmGroup goes", func() error {
			if _, err := w.Get("web"); !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is still there: %w", err)
			}
			return nil
		})
		if got := len(w.VMs(vg)); got != 2 {
			t.Errorf("%d VMs are left, want 2", got)
		}
	})
}

func noMutations(t *testing.T, w *harness.World) {
	t.Helper()
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	for method := range calls.Methods {
		if strings.HasSuffix(method, "_Task") || method == "CreateFolder" {
			t.Errorf("%s was called", method)
		}
	}
}

package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// saying returns a check that the condition Ready says something.
func saying(words ...string) func(*v1alpha1.VmGroup) error {
	return func(vg *v1alpha1.VmGroup) error {
		ready := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionReady)
		for _, word := range words {
			if ready == nil || !strings.Contains(ready.Message, word) || !strings.Contains(vg.Status.Message, word) {
				return fmt.Errorf("the message lacks %q: %q", word, vg.Status.Message)
			}
		}
		return nil
	}
}

// TestUnknownAnnotation holds a deletion that wishes something nobody knows. A group that lives says it before.
func TestUnknownAnnotation(t *testing.T) {
	for name, tc := range map[string]struct {
		set, clear func(*v1alpha1.VmGroup)
		says       string
	}{
		"value": {
			func(vg *v1alpha1.VmGroup) {
				metav1.SetMetaDataAnnotation(&vg.ObjectMeta, v1alpha1.OnDeleteAnnotation, "Orphan")
			},
			func(vg *v1alpha1.VmGroup) { vg.Annotations = nil }, `"Orphan"`,
		},
		"key": {
			func(vg *v1alpha1.VmGroup) {
				metav1.SetMetaDataAnnotation(&vg.ObjectMeta, "vsphere.vmware.com/on-deletion", "orphan")
			},
			func(vg *v1alpha1.VmGroup) {
				vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteDelete}
			}, "vsphere.vmware.com/on-deletion",
		},
		"label": {
			func(vg *v1alpha1.VmGroup) {
				metav1.SetMetaDataLabel(&vg.ObjectMeta, v1alpha1.OnDeleteAnnotation, "orphan")
			},
			func(vg *v1alpha1.VmGroup) { vg.Labels = nil }, "label " + v1alpha1.OnDeleteAnnotation,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			w.StartController()
			w.Create(w.Group("web", 2))
			vg := w.Ready("web", 2)
			harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))
			w.Update("web", tc.set)
			w.Phase("web", v1alpha1.PhaseReady, saying(tc.says, `"orphan"`, `"delete"`))
			eventOf(w, "web", v1alpha1.ReasonInvalidAnnotation)

			w.Delete("web")
			w.Phase("web", v1alpha1.PhaseError, saying(tc.says, `"orphan"`, `"delete"`),
				condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidAnnotation))
			noMutations(t, w)
			for _, vm := range w.VMs(vg) {
				if vm.PowerState != "poweredOn" {
					t.Errorf("%s is %s", vm.Name, vm.PowerState)
				}
			}
			w.Update("web", tc.clear)
			gone(t, w, vg)
		})
	}
}

// TestRestoredGroup gives a group another UID, as a backup does: it says that the VMs of its predecessor are there.
func TestRestoredGroup(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	w.Create(w.Group("web", 2))
	old := w.Ready("web", 2)
	c.Stop()
	w.Update("web", func(vg *v1alpha1.VmGroup) { // the backup was made of another cluster, which nobody deletes here
		vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
	})
	w.Delete("web")
	w.StartController()
	goes(w, "web")
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
	w.Phase("web", v1alpha1.PhaseReady, saying("1 of 1 VMs available; 2 VMs of an earlier VmGroup", "VmGroupOrphans", "docs/runbook.md"))
	eventOf(w, "web", v1alpha1.ReasonOrphaned)
	for _, vm := range w.VMs(old) {
		harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), vm.MoRef))
	}
	w.Phase("web", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if vg.Status.Message != "1 of 1 VMs available" {
			return errors.New(vg.Status.Message)
		}
		return nil
	})
}

// TestRefusedPowerOn tries again at once when the spec was edited. Without that, minutes would pass.
func TestRefusedPowerOn(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	harness.Must(t, w.VCenter.Control.AddFault(t.Context(), control.Fault{Method: "PowerOnVM_Task", Type: "NoPermission", PrivilegeID: "VirtualMachine.Interact.PowerOn"}))
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), w.VMs(vg)[0].MoRef))
	w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNoPermission))
	harness.Must(t, w.VCenter.Control.ClearFaults(t.Context()))
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 2 })
	w.Ready("web", 2)
}

// TestCrashLoop switches a VM off each time it was switched on, as a guest does that shuts down. The first time it is
// switched on at once, then it is waited for, and the group says so. What is to go does not wait.
func TestCrashLoop(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	victim := w.VMs(vg)[0]
	harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), victim.MoRef))
	on := func() error {
		if vm := w.VMs(vg)[index(w.VMs(vg), victim)]; vm.PowerState != "poweredOn" {
			return fmt.Errorf("it is %s", vm.PowerState)
		}
		return nil
	}
	w.Eventually("it is switched on", on)
	w.Ready("web", 2)
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), victim.MoRef))
	w.Phase("web", v1alpha1.PhasePending, saying(victim.Name, "1 time in a row"),
		condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonCrashLoopBackOff), func(vg *v1alpha1.VmGroup) error {
			if vg.Status.AvailableReplicas != 1 || vg.Status.Replicas != 2 {
				return fmt.Errorf("%d of %d available", vg.Status.AvailableReplicas, vg.Status.Replicas)
			}
			return listed(vg, victim, func(vm v1alpha1.VMStatus) bool { return strings.Contains(vm.Message, "did not stay on") })
		})
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if got := calls.Methods["PowerOnVM_Task"]; got != 1 {
		t.Errorf("it was switched on %d times, want once until it is waited for", got)
	}
	w.Eventually("it is switched on after the pause", on)
	w.Ready("web", 2)
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), victim.MoRef))
	w.Phase("web", v1alpha1.PhasePending, saying("2 times in a row"))
	w.Scale("web", 1)
	w.Ready("web", 1)
	if index(w.VMs(vg), victim) >= 0 {
		t.Error("the VM that is off was to go first")
	}
}

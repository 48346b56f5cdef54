package plugin

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestDescribe tells the story of a group by kubectl describe alone: what is, what is in the way, and what has been.
func TestDescribe(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	vm := vg.Status.VMs[0]
	kubectl := w.Kubectl()
	describe := []string{"describe", "vg", "web", "-n", w.Namespace}
	told := func(parts ...string) {
		t.Helper()
		w.Eventually("the events are there", func() error { // they are written beside the status
			if ran := kubectl.Run(describe...); !containsAll(ran.Stdout, parts) {
				return fmt.Errorf("want %q:\n%s", parts, ran)
			}
			return nil
		})
	}
	told("Conditions:", "2 of 2 VMs available", "AllReplicasAvailable", "True", "Ready",
		"Path: ", w.FolderPath("web"), "Phase: ", "READY", "Vms:", vm.Name, "poweredOn", "Available",
		"Events:", "Normal", "AllReplicasAvailable", "2 of 2 VMs available")

	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template, vg.Spec.Replicas = "nowhere", ptr.To[int32](3) })
	w.Phase("web", v1alpha1.PhaseError)
	told(`No template "nowhere" was found in datacenter /DC0. Correct spec.template, or add the template.`, "TemplateNotFound", "False", "Ready",
		"True", "Stalled", "ERROR", "Vms:", "made from an earlier spec", "Events:", "Warning", "TemplateNotFound", `No template "nowhere"`)

	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template, vg.Spec.Replicas = harness.Template, ptr.To[int32](2) })
	w.Ready("web", 2)
	vc := w.VCenter.Control
	harness.Must(t, vc.AddFault(t.Context(), control.Fault{Method: "PowerOnVM_Task", Type: "NoPermission", PrivilegeID: "VirtualMachine.Interact.PowerOn"}))
	harness.Must(t, vc.PowerOff(t.Context(), vm.MoRef))
	told("NoPermission", "VirtualMachine.Interact.PowerOn on VirtualMachine "+vm.MoRef+"; grant it in vCenter",
		"Vms:", "VirtualMachine.Interact.PowerOn", vm.Name, "poweredOff", "Failed", "Events:", "Warning", "NoPermission")

	harness.Must(t, vc.SetOutage(t.Context(), control.OutageRefuse))
	w.Phase("web", v1alpha1.PhasePending)
	told("vCenter does not answer: ", "The counts and the VMs are the last known.", "VCenterUnreachable", "Unknown", "Ready",
		"False", "VCenterReachable", "PENDING", "Vms:", vm.Name)
	harness.Must(t, vc.SetOutage(t.Context(), control.OutageOff))
	w.Phase("web", v1alpha1.PhaseError)
}

// containsAll reports whether a text has all parts, in their order.
func containsAll(text string, parts []string) bool {
	found := true
	for _, part := range parts {
		_, text, found = strings.Cut(text, part)
		if !found {
			return false
		}
	}
	return found
}

package classes

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// customizing makes a world with a class that offers a customization specification for Windows, with two network cards.
func customizing(t *testing.T, name string) *harness.World {
	t.Helper()
	w := guests(t, name)
	harness.Must(t, w.VCenter.Control.AddCustomizationSpec(t.Context(), control.CustomizationSpec{Name: "domain", Windows: true, NICs: 1, Domain: "corp.example.com"}))
	change(w, name, func(class *v1alpha1.VmGroupClass) { class.Spec.CustomizationSpecs = []string{"domain"} })
	return w
}

// customizedGroup is a group of Windows VMs.
func customizedGroup(w *harness.World, class string, replicas int32) *v1alpha1.VmGroup {
	vg := groupOf(w, "win", class, replicas)
	vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "data"}, {Name: "web", Addresses: []string{"10.1.0.11-10.1.0.20"}}}
	vg.Spec.Guest = &v1alpha1.GuestSpec{HostnamePrefix: "win", CustomizationSpec: "domain"}
	return vg
}

// TestCustomization has vCenter customize guests with their own hostnames and addresses. They are available once they are customized.
func TestCustomization(t *testing.T) {
	w := customizing(t, "customization")
	start(w, "customization")
	w.Create(customizedGroup(w, "customization", 3))
	vg := w.Ready("win", 3)
	states, err := w.VCenter.Control.GuestStates(t.Context())
	harness.Must(t, err)
	of := map[string]control.GuestState{}
	for _, state := range states {
		of[state.MoRef] = state
	}
	for _, vm := range w.VMs(vg) {
		got, slot := of[vm.MoRef], vm.Name[strings.LastIndex(vm.Name, "-")+1:]
		if got.Hostname != "win-"+slot || got.Customization != "TOOLSDEPLOYPKG_SUCCEEDED" || len(got.Cards) != 2 || !got.Cards[0].DHCP ||
			fmt.Sprint(got.Cards[1].Static) != fmt.Sprintf("[10.1.0.1%d/24]", slot[0]-'0'+1) {
			t.Errorf("the guest of %s is %+v", vm.Name, got)
		}
	}
	w.Delete("win")
	w.Gone(vg)
}

// TestCustomizationOfNone names what a group must not, or cannot, be customized by. Nothing is made.
func TestCustomizationOfNone(t *testing.T) {
	w := customizing(t, "none-such")
	start(w, "none-such")
	w.Create(customizedGroup(w, "none-such", 1))
	w.Ready("win", 1)
	for name, reason := range map[string]string{
		"administrators": v1alpha1.ReasonCustomizationSpecNotOffered,
		"gone":           v1alpha1.ReasonCustomizationSpecNotFound,
	} {
		change(w, "none-such", func(class *v1alpha1.VmGroupClass) { class.Spec.CustomizationSpecs = []string{"domain", "gone"} })
		ready(w, "none-such", metav1.ConditionFalse, v1alpha1.ReasonCustomizationSpecNotFound)
		w.Update("win", func(vg *v1alpha1.VmGroup) { vg.Spec.Guest.CustomizationSpec, vg.Spec.Replicas = name, new(int32(2)) })
		stalled(w, "win", reason)
		w.Update("win", func(vg *v1alpha1.VmGroup) {
			vg.Spec.Guest.CustomizationSpec, vg.Spec.Replicas = "domain", new(int32(1))
		})
		w.Ready("win", 1)
	}
	w.Update("win", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Guest.HostnamePrefix, vg.Spec.Replicas = "a-name-that-windows-cuts", new(int32(2))
	})
	wantSaid(t, stalled(w, "win", v1alpha1.ReasonCustomizationFailed), "set a shorter spec.guest.hostnamePrefix")
	vg, err := w.Get("win")
	harness.Must(t, err)
	if n := len(w.VMs(vg)); n != 1 {
		t.Errorf("there are %d VMs instead of 1", n)
	}
}

// TestCustomizationLost has a clone fail after its VM was made and before vCenter took over the customization. The VM is never switched
// on, and goes. The group says what has failed, and an edit has it made anew at once.
func TestCustomizationLost(t *testing.T) {
	w := customizing(t, "lost")
	harness.Must(t, w.VCenter.Control.AddFault(t.Context(), control.Fault{Method: "CustomizeVM_Task", Type: "NicSettingMismatch", Count: 1}))
	start(w, "lost")
	w.Create(customizedGroup(w, "lost", 1))
	vg := stalled(w, "win", v1alpha1.ReasonCustomizationFailed)
	wantSaid(t, vg, "NicSettingMismatch")
	w.Eventually("the VM goes", func() error {
		if vms := w.VMs(vg); len(vms) > 0 {
			return fmt.Errorf("there is %+v", vms)
		}
		return nil
	})
	w.Update("win", func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 2 })
	vg = w.Ready("win", 1)
	ons, err := w.VCenter.Control.PowerOns(t.Context())
	harness.Must(t, err)
	if len(ons) != 1 || len(w.VMs(vg)) != 1 {
		t.Errorf("%d VMs, %d of them switched on: %+v", len(w.VMs(vg)), len(ons), ons)
	}
	for _, on := range ons {
		if !on.Customization {
			t.Errorf("%s was switched on, and nothing was to customize it", on.Name)
		}
	}
}

// TestCustomizationFails tells of a guest that could not be customized. It is not available, and nobody makes another of it by himself.
func TestCustomizationFails(t *testing.T) {
	w := customizing(t, "fails")
	start(w, "fails")
	vg := customizedGroup(w, "fails", 1)
	vg.Spec.Power = &v1alpha1.PowerSpec{State: new(v1alpha1.StatePoweredOff)}
	w.Create(vg)
	vg = w.Phase("win", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if vg.Status.Replicas != 1 {
			return fmt.Errorf("there are %d VMs", vg.Status.Replicas)
		}
		return nil
	})
	vm := w.VMs(vg)[0]
	harness.Must(t, w.VCenter.Control.FailGuest(t.Context(), vm.MoRef))
	w.Update("win", func(vg *v1alpha1.VmGroup) { vg.Spec.Power = nil })
	got := stalled(w, "win", v1alpha1.ReasonCustomizationFailed)
	wantSaid(t, got, vm.Name)
	if got.Status.AvailableReplicas != 0 || got.Status.VMs[0].State != v1alpha1.VMNotReady {
		t.Errorf("the status is %+v", got.Status)
	}
	w.Update("win", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Members = []v1alpha1.MemberSpec{{Instance: vm.InstanceUUID, Deletion: v1alpha1.DeletionNow}}
		vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, MaxSurge: new(intstr.FromInt32(0)), MaxUnavailable: new(intstr.FromInt32(1))}
	})
	if now := w.VMs(w.Ready("win", 1)); len(now) != 1 || now[0].MoRef == vm.MoRef {
		t.Errorf("the VMs are %+v", now)
	}
}

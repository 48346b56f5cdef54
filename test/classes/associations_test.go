package classes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// tagsAre waits until each VM of a group has these tags.
func tagsAre(w *harness.World, name string, want ...string) {
	w.T.Helper()
	w.Meets(name, func(vg *v1alpha1.VmGroup) error {
		tags, err := w.VCenter.Control.Tags(w.T.Context())
		if err != nil {
			return err
		}
		of := control.TagsByObject(tags)
		for _, vm := range w.VMs(vg) {
			if got := of[vm.MoRef]; !slices.Equal(got, want) {
				return fmt.Errorf("VM %s has the tags %q", vm.Name, got)
			}
		}
		return nil
	})
}

// TestTags attaches the tags of a class to the VMs of its groups, and again when somebody has taken one away. The class says what is
// wrong, and its groups are READY all the same.
func TestTags(t *testing.T) {
	w := newWorld(t)
	_, err := w.VCenter.Control.AddTag(t.Context(), "backup", "daily")
	harness.Must(t, err)
	gold := class("tags", "tags")
	gold.Spec.Tags = []string{"backup/daily", "owner/shop"}
	create(w, gold)
	c := start(w, "tags")
	w.Create(groupOf(w, "web", "tags", 3))
	vg := w.Ready("web", 3)
	tagsAre(w, "web", "backup/daily")
	if said := ready(w, "tags", metav1.ConditionFalse, v1alpha1.ReasonTagNotFound); !strings.Contains(said.Message, `"owner/shop"`) {
		t.Errorf("the class says: %s", said.Message)
	}
	_, err = w.VCenter.Control.AddTag(t.Context(), "owner", "shop")
	harness.Must(t, err)
	tagsAre(w, "web", "backup/daily", "owner/shop")
	ready(w, "tags", metav1.ConditionTrue, v1alpha1.ReasonClassResolved)

	harness.Must(t, w.VCenter.Control.DetachTag(t.Context(), w.VMs(vg)[0].MoRef, "backup", "daily"))
	harness.Must(t, w.VCenter.Control.Deny(t.Context(), "InventoryService.Tagging.AttachTag"))
	w.Scale("web", 4)
	w.Ready("web", 4)
	if said := ready(w, "tags", metav1.ConditionFalse, v1alpha1.ReasonNoPermission); !strings.Contains(said.Message, "InventoryService.Tagging.AttachTag") {
		t.Errorf("the class says: %s", said.Message)
	}
	harness.Must(t, w.VCenter.Control.Allow(t.Context(), "InventoryService.Tagging.AttachTag"))
	tagsAre(w, "web", "backup/daily", "owner/shop")
	harness.Must(t, w.VCenter.Control.EndRESTSessions(t.Context()))
	w.Scale("web", 5)
	w.Ready("web", 5)
	tagsAre(w, "web", "backup/daily", "owner/shop")

	w.Delete("web")
	w.Gone(vg)
	c.Stop()
	noRESTSessions(w)
}

func noRESTSessions(w *harness.World) {
	w.T.Helper()
	leaks, err := w.VCenter.Control.Leaks(w.T.Context())
	if harness.Must(w.T, err); leaks.RESTSessions != 0 {
		w.T.Errorf("%d sessions of the REST endpoint are left", leaks.RESTSessions)
	}
}

// modulesAre waits until there are modules with so many VMs of a group in them each, and no other VM.
func modulesAre(w *harness.World, name string, sizes ...int) {
	w.T.Helper()
	w.Meets(name, func(vg *v1alpha1.VmGroup) error {
		modules, err := w.VCenter.Control.Modules(w.T.Context())
		if err != nil {
			return err
		}
		var vms []string
		for _, vm := range w.VMs(vg) {
			vms = append(vms, vm.MoRef)
		}
		var got []int
		for _, module := range modules {
			for _, member := range module.Members {
				if !slices.Contains(vms, member) {
					return fmt.Errorf("%s is in a module", member)
				}
			}
			got = append(got, len(module.Members))
		}
		if slices.Sort(got); !slices.Equal(got, sizes) {
			return fmt.Errorf("the modules have %d VMs", got)
		}
		return nil
	})
}

// TestAntiAffinity keeps the VMs of a group in a cluster module for each zone, as long as the group asks for that, over a crash of the
// controller. A missing privilege is told, and nothing waits for it.
func TestAntiAffinity(t *testing.T) {
	w := newWorld(t)
	create(w, class("apart", "apart"))
	harness.Must(t, w.VCenter.Control.Deny(t.Context(), "Host.Inventory.EditCluster"))
	c := start(w, "apart")
	vg := groupOf(w, "web", "apart", 4)
	vg.Spec.AntiAffinity = new(v1alpha1.AntiAffinityPreferred)
	w.Create(vg)
	w.Ready("web", 4)
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		if vg.Status.Phase != v1alpha1.PhaseReady || !strings.Contains(vg.Status.Message, "the VMs are not kept apart: ") ||
			!strings.Contains(vg.Status.Message, "Host.Inventory.EditCluster") {
			return fmt.Errorf("the group is %s: %s", vg.Status.Phase, vg.Status.Message)
		}
		return nil
	})
	harness.Must(t, w.VCenter.Control.Allow(t.Context(), "Host.Inventory.EditCluster"))
	modulesAre(w, "web", 2, 2)
	c.Kill()
	c = start(w, "apart")
	w.Scale("web", 6)
	w.Ready("web", 6)
	modulesAre(w, "web", 3, 3)
	lost := w.VMs(w.Ready("web", 6))[0]
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), lost.MoRef))
	w.Eventually("it is made again", func() error {
		vg, err := w.Get("web")
		if err == nil && len(w.VMs(vg)) < 6 {
			err = fmt.Errorf("there are %d VMs", len(w.VMs(vg)))
		}
		return err
	})
	modulesAre(w, "web", 3, 3)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.AntiAffinity = new(v1alpha1.AntiAffinityNone) })
	modulesAre(w, "web")
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.AntiAffinity = new(v1alpha1.AntiAffinityPreferred) })
	modulesAre(w, "web", 3, 3)
	got, err := w.Get("web")
	harness.Must(t, err)
	w.Delete("web")
	w.Gone(got)
	w.Eventually("its modules go", func() error {
		modules, err := w.VCenter.Control.Modules(t.Context())
		if err == nil && len(modules) > 0 {
			err = fmt.Errorf("there is %+v", modules)
		}
		return err
	})
	c.Stop()
	noRESTSessions(w)
}

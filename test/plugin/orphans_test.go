package plugin

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestOrphans lists the VMs that a VmGroup has left behind, those of none that lives, and destroys none.
func TestOrphans(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
	left := w.Create(w.Group("left", 2))
	w.Ready("left", 2)
	kubectl := w.Kubectl()
	want(t, kubectl.Run("vmgroup", "orphans"), 0, "There are no orphans of owner ")

	w.Update("left", func(vg *v1alpha1.VmGroup) {
		vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
	})
	w.Delete("left")
	w.Eventually("the VmGroup goes", func() error {
		_, err := w.Get("left")
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
	vms := w.VMs(left)
	for _, args := range [][]string{{"vmgroup", "orphans"}, {"vmgroup", "orphans", "-n", w.Namespace}} {
		ran := kubectl.Run(args...)
		want(t, ran, 0, "VM ", "UID", vms[0].Name, vms[0].MoRef, "poweredOn", "left", string(left.UID), w.FolderPath("left"), vms[1].Name)
		if n := len(w.VMs(left)); n != 2 {
			t.Errorf("%d orphans are left of 2", n)
		}
	}
	want(t, kubectl.Run("vmgroup", "orphans", "-n", "elsewhere"), 0, "There are no orphans")
	want(t, kubectl.Run("vmgroup", "orphans", "-owner-id", "somebody-else"), 0, "There are no orphans of owner somebody-else.")
	for _, vm := range vms { // whoever looks for what was lost would find them
		harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), vm.MoRef))
		harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), vm.MoRef))
	}
}

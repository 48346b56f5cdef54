package integration

import (
	"fmt"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// TestCascadeOrphan deletes groups as kubectl delete --cascade=orphan does, where a real garbage collector takes the wish
// off the object within milliseconds. Whoever was there to see it: the group goes, and its VMs run on.
func TestCascadeOrphan(t *testing.T) {
	t.Parallel()
	collected := harness.NewCluster(t, devcluster.Options{ControllerManager: true})
	harness.Must(t, harness.ApplyCRD(t.Context(), collected))
	w := harness.NewWorld(t, collected, vcsim.Options{})
	invariants.Watch(w, invariants.Options{})
	c := w.StartController()
	groups := []string{"kubectl", "running-1", "running-2", "running-3", "stopped", "stopped-and-touched", "plain", "second-thought", "held"}
	all := map[string]*v1alpha1.VmGroup{}
	for _, name := range groups {
		w.Create(w.Group(name, 2))
	}
	for _, name := range groups {
		all[name] = w.Ready(name, 2)
	}
	collects(w)
	harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))

	_, err := w.Cluster.Kubectl(t.Context(), "delete", "vmgroup", "kubectl", "--cascade=orphan", "--wait=false", "-n", w.Namespace)
	harness.Must(t, err)
	for _, name := range groups[1:4] {
		deleteOrphan(w, name)
	}
	for _, name := range groups[:4] {
		goes(w, name)
	}
	w.Update("held", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	w.Delete("held")
	w.Phase("held", v1alpha1.PhasePending, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused))
	c.Stop()

	deleteOrphan(w, "stopped")
	deleteOrphan(w, "stopped-and-touched")
	w.Delete("second-thought")
	deleteOrphan(w, "second-thought")
	deleteOrphan(w, "held")
	for _, name := range []string{"stopped", "stopped-and-touched", "second-thought", "held"} {
		w.Meets(name, func(vg *v1alpha1.VmGroup) error {
			if slices.Contains(vg.Finalizers, metav1.FinalizerOrphanDependents) {
				return fmt.Errorf("the garbage collector has not come yet: %v", vg.Finalizers)
			}
			return nil
		})
	}
	for range 3 {
		w.Update("stopped-and-touched", func(vg *v1alpha1.VmGroup) {
			metav1.SetMetaDataAnnotation(&vg.ObjectMeta, "example.com/touched", vg.ResourceVersion)
		})
	}
	w.StartController()
	for _, name := range []string{"stopped", "stopped-and-touched", "second-thought", "held"} {
		goes(w, name)
	}
	noMutations(t, w)
	for _, name := range groups {
		for _, vm := range w.VMs(all[name]) {
			if vm.PowerState != "poweredOn" {
				t.Errorf("%s is %s", vm.Name, vm.PowerState)
			}
		}
		if got := len(w.VMs(all[name])); got != 2 {
			t.Errorf("%d VMs of %s are left, want 2", got, name)
		}
	}

	w.Delete("plain")
	gone(t, w, all["plain"])
}

// collects waits until the garbage collector looks after VmGroups, which it learns of every 30 s: it finishes a deletion that
// nobody else has to do with.
func collects(w *harness.World) {
	w.T.Helper()
	probe := w.Group("probe", 0)
	probe.Spec.Paused = true
	w.Create(probe)
	deleteOrphan(w, "probe")
	goes(w, "probe")
}

func deleteOrphan(w *harness.World, name string) {
	w.T.Helper()
	harness.Must(w.T, w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Delete(w.T.Context(), name,
		metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)}))
}

func goes(w *harness.World, name string) {
	w.T.Helper()
	w.Eventually(name+" goes", func() error {
		vg, err := w.Get(name)
		if err == nil {
			return fmt.Errorf("it is still there: %v, %s", vg.Finalizers, vg.Status.Message)
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

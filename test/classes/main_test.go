// Package classes runs controllers that serve VmGroupClasses, for a whole cluster: classes belong to no namespace, so these
// tests have a cluster of their own, and come one after the other.
package classes

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) { harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD) }

// templates is the template folder of all classes.
const templates = "templates"

// newWorld returns a world whose vCenter has two clusters.
func newWorld(t *testing.T) *harness.World {
	t.Helper()
	w := harness.NewWorld(t, cluster, vcsim.Options{Clusters: 2, TemplateFolder: templates})
	invariants.Watch(w, invariants.Options{})
	return w
}

// startedBy has the test that each name of a controller belongs to.
var startedBy = map[string]string{}

// start runs a controller for the whole cluster. Each test has names of its own: to a controller, the groups that one of its name
// has kept in another vCenter are its own.
func start(w *harness.World, name string, args ...string) *harness.Controller {
	w.T.Helper()
	if first := startedBy[name]; first != "" && first != w.T.Name() {
		w.T.Fatalf("%s has a controller of the name %s: choose another", first, name)
	}
	startedBy[name] = w.T.Name()
	return w.StartController(append([]string{"-namespace", "", "-controller-name", name}, args...)...)
}

// class returns a class that admits every namespace, with a zone in each cluster of the simulator.
func class(name, controller string) *v1alpha1.VmGroupClass {
	return &v1alpha1.VmGroupClass{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.VmGroupClassSpec{
			ControllerName: controller, AllowedNamespaces: &metav1.LabelSelector{}, TemplateFolder: templates,
			Zones: []v1alpha1.ZoneSpec{{Name: "a", Cluster: "DC0_C0"}, {Name: "b", Cluster: "DC0_C1"}},
		},
	}
}

// create creates a class. It goes with the test, whatever has become of its controller.
func create(w *harness.World, class *v1alpha1.VmGroupClass) {
	w.T.Helper()
	classes := w.Client.VsphereV1alpha1().VmGroupClasses()
	_, err := classes.Create(w.T.Context(), class, metav1.CreateOptions{})
	harness.Must(w.T, err)
	w.T.Cleanup(func() {
		ctx := contextOf(w)
		_ = classes.Delete(ctx, class.Name, metav1.DeleteOptions{})
		_, _ = classes.Patch(ctx, class.Name, mergePatch, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	})
}

// change changes a class, and tries again when somebody else was faster.
func change(w *harness.World, name string, change func(*v1alpha1.VmGroupClass)) {
	w.T.Helper()
	classes := w.Client.VsphereV1alpha1().VmGroupClasses()
	w.Eventually("change class "+name, func() error {
		class, err := classes.Get(w.T.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(class)
		_, err = classes.Update(w.T.Context(), class, metav1.UpdateOptions{})
		return err
	})
}

// ready waits until the condition Ready of a class has a status and a reason, for its present spec.
func ready(w *harness.World, name string, status metav1.ConditionStatus, reason string) metav1.Condition {
	w.T.Helper()
	var ready *metav1.Condition
	w.Eventually(fmt.Sprintf("class %s is %s, %s", name, status, reason), func() error {
		class, err := w.Client.VsphereV1alpha1().VmGroupClasses().Get(w.T.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		ready = meta.FindStatusCondition(class.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Status != status || ready.Reason != reason || ready.ObservedGeneration != class.Generation {
			return fmt.Errorf("generation %d has %+v", class.Generation, ready)
		}
		return nil
	})
	return *ready
}

// groupOf returns a VmGroup of a class.
func groupOf(w *harness.World, name, class string, replicas int32) *v1alpha1.VmGroup {
	vg := w.Group(name, replicas)
	vg.Spec.ClassName = class
	return vg
}

// stalled waits until a group is in phase ERROR for a reason.
func stalled(w *harness.World, name, reason string) *v1alpha1.VmGroup {
	w.T.Helper()
	return w.Phase(name, v1alpha1.PhaseError, func(vg *v1alpha1.VmGroup) error {
		if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled); c == nil || c.Reason != reason {
			return fmt.Errorf("Stalled is %+v, want the reason %s", c, reason)
		}
		return nil
	})
}

package classes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

const mergePatch = types.MergePatchType

// contextOf is for what comes after a test.
func contextOf(w *harness.World) context.Context { return context.WithoutCancel(w.T.Context()) }

// TestTwoControllers lets two controllers with a vCenter each serve one cluster: neither touches what is the other's, and one goes
// on without the other.
func TestTwoControllers(t *testing.T) {
	one, two := newWorld(t), newWorld(t)
	create(one, class("gold", "vc1"))
	create(two, class("silver", "vc2"))
	first := start(one, "vc1")
	start(two, "vc2", "-leader-elect-resource-namespace", one.Namespace)
	one.Create(groupOf(one, "web", "gold", 3))
	two.Create(groupOf(two, "web", "silver", 2))
	for w, want := range map[*harness.World]v1alpha1.VmGroupStatus{
		one: {ControllerName: "vc1", Class: "gold", Replicas: 3}, two: {ControllerName: "vc2", Class: "silver", Replicas: 2},
	} {
		vg := w.Ready("web", want.Replicas)
		if vg.Status.ControllerName != want.ControllerName || vg.Status.Class != want.Class {
			t.Errorf("%s/web is kept by %s as %s", vg.Namespace, vg.Status.ControllerName, vg.Status.Class)
		}
		if all := len(w.VMs(&v1alpha1.VmGroup{})); all != int(want.Replicas)+1 { // with the template
			t.Errorf("the vCenter of %s has %d VMs and templates", want.ControllerName, all)
		}
	}
	for _, name := range []string{"vmgroup-controller-vc1", "vmgroup-controller-vc1-login", "vmgroup-controller-vc2", "vmgroup-controller-vc2-login"} {
		if _, err := one.Kube.CoordinationV1().Leases(one.Namespace).Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("Lease %s: %v", name, err)
		}
	}
	first.Stop()
	two.Scale("web", 4)
	two.Ready("web", 4)
	one.Scale("web", 1)
	start(one, "vc1")
	gone := one.Ready("web", 1)
	one.Delete("web")
	one.Gone(gone)
}

// TestZones spreads a group over zones, takes surplus from the fullest, goes on when a zone takes no VMs, and says so to the
// administrator and to the tenant.
func TestZones(t *testing.T) {
	w := newWorld(t)
	create(w, class("gold", "vc3"))
	start(w, "vc3")
	ready(w, "gold", metav1.ConditionTrue, v1alpha1.ReasonClassResolved)
	w.Create(groupOf(w, "web", "gold", 5))
	w.Ready("web", 5)
	spread(w, "web", 3, 2)
	w.Scale("web", 2)
	w.Ready("web", 2)
	spread(w, "web", 1, 1)

	change(w, "gold", func(c *v1alpha1.VmGroupClass) { c.Spec.Zones[1].Cluster = "no-such-cluster" })
	wrong := ready(w, "gold", metav1.ConditionFalse, v1alpha1.ReasonClusterNotFound)
	if !strings.Contains(wrong.Message, "no-such-cluster") || !strings.Contains(wrong.Message, "Zone b") {
		t.Errorf("the class says %q", wrong.Message)
	}
	w.Scale("web", 4)
	vg := w.Ready("web", 4)
	spread(w, "web", 3, 1)
	if !strings.Contains(vg.Status.Message, "zone b takes no VMs") {
		t.Errorf("the group says %q", vg.Status.Message)
	}
	change(w, "gold", func(c *v1alpha1.VmGroupClass) { c.Spec.Zones[1].Cluster = "/DC0/host/DC0_C1" })
	ready(w, "gold", metav1.ConditionTrue, v1alpha1.ReasonClassResolved)
	w.Scale("web", 6)
	w.Ready("web", 6)
	spread(w, "web", 3, 3)
	w.Scale("web", 3)
	w.Ready("web", 3)
	spread(w, "web", 2, 1)
}

// spread checks how many VMs of a group each cluster has, by the simulator's own books and by the status.
func spread(w *harness.World, name string, inA, inB int) {
	w.T.Helper()
	vg, err := w.Get(name)
	harness.Must(w.T, err)
	told, pools := map[string]int{}, map[string]int{}
	for _, vm := range vg.Status.VMs {
		told[vm.Zone]++
	}
	poolOf := map[string]string{}
	for _, vm := range w.VMs(vg) {
		pools[vm.Pool]++
		poolOf[vm.Name] = vm.Pool
	}
	zones := map[string]string{}
	for _, vm := range vg.Status.VMs {
		if pool := poolOf[vm.Name]; zones[vm.Zone] != "" && zones[vm.Zone] != pool {
			w.T.Errorf("%s is in zone %s by its status, and in another cluster", vm.Name, vm.Zone)
		} else {
			zones[vm.Zone] = pool
		}
	}
	want := map[string]int{"a": inA, "b": inB}
	maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
	if !maps.Equal(told, want) || len(pools) != len(want) {
		w.T.Errorf("the status has %v, vCenter has %v by pool, want %v", told, pools, want)
	}
}

// TestAdmission makes VMs in no namespace that the class does not admit, and in none for which there is no class.
func TestAdmission(t *testing.T) {
	w := newWorld(t)
	gold := class("gold", "vc4")
	gold.Spec.AllowedNamespaces = nil
	create(w, gold)
	start(w, "vc4")
	w.Create(groupOf(w, "web", "gold", 1))
	stalled(w, "web", v1alpha1.ReasonClassNotAllowed)
	w.Create(groupOf(w, "typo", "glod", 1))
	stalled(w, "typo", v1alpha1.ReasonClassNotFound)
	w.Create(w.Group("none", 1))
	stalled(w, "none", v1alpha1.ReasonClassRequired)
	change(w, "gold", func(c *v1alpha1.VmGroupClass) {
		c.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"vmgroups": "gold"}}
	})
	stalled(w, "web", v1alpha1.ReasonClassNotAllowed)
	for _, name := range []string{"web", "typo", "none"} {
		vg, err := w.Get(name)
		if harness.Must(t, err); len(w.VMs(vg)) > 0 || vg.Status.ControllerName != "" {
			t.Errorf("%s has %d VMs, and is kept by %q", name, len(w.VMs(vg)), vg.Status.ControllerName)
		}
	}
	label := func(text string) {
		_, err := w.Kube.CoreV1().Namespaces().Patch(t.Context(), w.Namespace, mergePatch,
			fmt.Appendf(nil, `{"metadata":{"labels":{"vmgroups":%s}}}`, text), metav1.PatchOptions{})
		harness.Must(t, err)
	}
	label(`"gold"`)
	w.Ready("web", 1)
	// What is there stays when the namespace is not admitted any more, and goes when it is asked to.
	label("null")
	w.Scale("web", 2)
	vg := stalled(w, "web", v1alpha1.ReasonClassNotAllowed)
	if n := len(w.VMs(vg)); n != 1 {
		t.Errorf("%d VMs, want the one that was there", n)
	}
	w.Scale("web", 0)
	w.Ready("web", 0)
	create(w, class("glod", "vc4"))
	w.Ready("typo", 1)
}

// TestLimits makes no VM that is larger than the class allows, and lets none grow beyond that. A limit that is lowered takes
// nothing away.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	limited := class("limited", "vc8")
	limited.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(2)), Memory: new(int32(4))}
	create(w, limited)
	start(w, "vc8")
	large := groupOf(w, "large", "limited", 1)
	large.Spec.Memory = 8
	w.Create(large)
	vg := stalled(w, "large", v1alpha1.ReasonLimitExceeded)
	if want := `VmGroupClass "limited" allows at most 4 GiB for each VM, and spec.memory asks for 8`; !strings.Contains(vg.Status.Message, want) {
		t.Errorf("the message %q does not say %q", vg.Status.Message, want)
	}
	w.Update("large", func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 4 })
	w.Ready("large", 1)
	w.Update("large", func(vg *v1alpha1.VmGroup) {
		vg.Spec.CPU, vg.Spec.Update = 3, &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateInPlaceIfPossible}
	})
	vg = stalled(w, "large", v1alpha1.ReasonLimitExceeded)
	if vms := w.VMs(vg); len(vms) != 1 || vms[0].NumCPU != 1 || vms[0].PowerState != "poweredOn" {
		t.Errorf("beyond the limit there are %+v", vms)
	}
	w.Update("large", func(vg *v1alpha1.VmGroup) { vg.Spec.Guest = &v1alpha1.GuestSpec{CustomizationSpec: "none-such"} })
	vg = stalled(w, "large", v1alpha1.ReasonCustomizationSpecNotOffered)
	if vms := w.VMs(vg); len(vms) != 1 || vms[0].NumCPU != 1 || vms[0].PowerState != "poweredOn" {
		t.Errorf("beyond the limit, and with a specification that the class does not offer, there are %+v", vms)
	}
	w.Update("large", func(vg *v1alpha1.VmGroup) { vg.Spec.Guest = nil })
	change(w, "limited", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits.CPU = new(int32(3)) })
	w.Ready("large", 1)
	change(w, "limited", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits.CPU = new(int32(1)) })
	w.Scale("large", 2)
	if vms := w.VMs(stalled(w, "large", v1alpha1.ReasonLimitExceeded)); len(vms) != 1 || vms[0].NumCPU != 3 {
		t.Errorf("after the limit was lowered there are %+v", vms)
	}
}

// TestDefaultClass gives groups that name no class the default one, and moves none when another becomes the default.
func TestDefaultClass(t *testing.T) {
	w := newWorld(t)
	start(w, "vc5", "-cluster", "DC0_C0")
	w.Create(w.Group("flags", 1)) // before there is any class
	if vg := w.Ready("flags", 1); vg.Status.ControllerName != "vc5" || vg.Status.Class != "" {
		t.Errorf("it is kept by %q as %q", vg.Status.ControllerName, vg.Status.Class)
	}
	gold := class("gold", "vc5")
	gold.Annotations = map[string]string{v1alpha1.DefaultClassAnnotation: "true"}
	create(w, gold)
	w.Create(w.Group("web", 1))
	isOf := func(name, want string) {
		t.Helper()
		if vg := w.Ready(name, 2); vg.Status.Class != want {
			t.Errorf("%s is of class %q, want %q", name, vg.Status.Class, want)
		}
	}
	w.Ready("web", 1)
	change(w, "gold", func(c *v1alpha1.VmGroupClass) { c.Annotations = nil })
	other := class("other", "nobody")
	other.Annotations = map[string]string{v1alpha1.DefaultClassAnnotation: "true"}
	create(w, other)
	for name, want := range map[string]string{"flags": "", "web": "gold"} {
		w.Scale(name, 2)
		isOf(name, want)
	}
	w.Update("flags", func(vg *v1alpha1.VmGroup) { vg.Spec.ClassName, vg.Spec.Replicas = "gold", new(int32(3)) })
	stalled(w, "flags", v1alpha1.ReasonClassChanged)
	_, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Patch(t.Context(), "flags", mergePatch,
		[]byte(`{"spec":{"className":"other"}}`), metav1.PatchOptions{})
	if !apierrors.IsInvalid(err) {
		t.Errorf("className can be changed: %v", err)
	}
}

// TestOtherClasses syncs no group when a class changes that is not its own.
func TestOtherClasses(t *testing.T) {
	w := newWorld(t)
	create(w, class("iron", "wakes"))
	create(w, class("lead", "wakes"))
	c := start(w, "wakes", "-health-addr", "0")
	w.Create(groupOf(w, "web", "iron", 1))
	w.Ready("web", 1)
	syncs := func() int {
		metrics, err := harness.ReadMetrics(t.Context(), c.Log())
		harness.Must(t, err)
		return int(metrics["vmgroup_sync_duration_seconds_count"])
	}
	all, err := w.Client.VsphereV1alpha1().VmGroups(metav1.NamespaceAll).List(t.Context(), metav1.ListOptions{})
	harness.Must(t, err)
	kept := 0
	for _, vg := range all.Items {
		if vg.Status.ControllerName != "" {
			kept++
		}
	}
	const changes = 20
	others, before := len(all.Items)-kept, syncs() // others are groups of other tests that nobody keeps: any class may become theirs
	for i := range changes {
		change(w, "lead", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(i + 1))} })
		ready(w, "lead", metav1.ConditionTrue, v1alpha1.ReasonClassResolved)
	}
	if n := syncs() - before - changes*others; n > changes/2 {
		t.Errorf("%d syncs of groups at rest, after %d changes of another class", n, changes)
	}
	change(w, "iron", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(1))} })
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU, vg.Spec.Replicas = 2, new(int32(2)) })
	stalled(w, "web", v1alpha1.ReasonLimitExceeded)
	change(w, "iron", func(c *v1alpha1.VmGroupClass) { c.Spec.Limits = nil }) // its own class wakes it
	w.Ready("web", 2)
}

// TestClassInUse keeps a class until its last group is gone. A group that the class has always refused does not count.
func TestClassInUse(t *testing.T) {
	w := newWorld(t)
	bronze := class("bronze", "vc6")
	bronze.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(2))}
	create(w, bronze)
	start(w, "vc6")
	refused := groupOf(w, "refused", "bronze", 1)
	refused.Spec.CPU = 3
	w.Create(refused)
	stalled(w, "refused", v1alpha1.ReasonLimitExceeded)
	w.Create(groupOf(w, "web", "bronze", 1))
	vg := w.Ready("web", 1)
	classes := w.Client.VsphereV1alpha1().VmGroupClasses()
	harness.Must(t, classes.Delete(t.Context(), "bronze", metav1.DeleteOptions{}))
	going := ready(w, "bronze", metav1.ConditionFalse, v1alpha1.ReasonDeleting)
	if !strings.Contains(going.Message, w.Namespace+"/web") || strings.Contains(going.Message, "refused") {
		t.Errorf("the class says %q", going.Message)
	}
	w.Scale("web", 2)
	w.Ready("web", 2)
	w.Delete("web")
	w.Gone(vg)
	w.Eventually("the class goes", func() error {
		if _, err := classes.Get(t.Context(), "bronze", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("it is there"), err)
		}
		return nil
	})
}

package classes

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// TestNamespaceLimit scales two groups at once against a limit that they have together. There are never more VMs than it allows,
// clones in flight included: that is I18. Both keep the VMs that they have; when one gives some back, the other fills up.
func TestNamespaceLimit(t *testing.T) {
	const most = 6
	w := harness.NewWorld(t, cluster, vcsim.Options{Clusters: 2, TemplateFolder: templates})
	invariants.Watch(w, invariants.Options{VMsPerNamespace: map[string]int{"shared": most}})
	shared := class("shared", "vc18")
	shared.Spec.Limits = &v1alpha1.ClassLimits{PerNamespace: &v1alpha1.NamespaceLimits{VMs: new(int32(most))}}
	create(w, shared)
	start(w, "vc18")
	for _, name := range []string{"web", "pg"} {
		w.Create(groupOf(w, name, "shared", 1))
		w.Ready(name, 1)
	}
	var both sync.WaitGroup
	for _, name := range []string{"web", "pg"} {
		both.Go(func() { w.Scale(name, 5) })
	}
	both.Wait()
	for _, name := range []string{"web", "pg"} {
		vg := stalled(w, name, v1alpha1.ReasonLimitExceeded)
		want := fmt.Sprintf(`VmGroupClass "shared" allows 6 VMs in namespace %s, and there are 6 (`, w.Namespace)
		if !strings.Contains(vg.Status.Message, want) {
			t.Errorf("%s says %q, want %q", name, vg.Status.Message, want)
		}
	}
	count := func() (n int) {
		for _, name := range []string{"web", "pg"} {
			vg, err := w.Get(name)
			harness.Must(t, err)
			for _, vm := range w.VMs(vg) {
				if n++; vm.PowerState != "poweredOn" {
					t.Errorf("%s is %s", vm.Name, vm.PowerState)
				}
			}
		}
		return n
	}
	if n := count(); n != most {
		t.Errorf("there are %d VMs, want %d", n, most)
	}
	w.Scale("pg", 1)
	w.Ready("pg", 1)
	w.Ready("web", 5)
	if n := count(); n != most {
		t.Errorf("there are %d VMs, want %d", n, most)
	}
	w.Scale("web", 6)
	stalled(w, "web", v1alpha1.ReasonLimitExceeded)
	gone, err := w.Get("pg")
	harness.Must(t, err)
	w.Delete("pg")
	w.Gone(gone)
	w.Ready("web", 6)
}

// TestNamespaceLimitOfSizes lets VMs grow in place as far as their class allows all of them together. One that must be switched off
// for that stays on as long as there is no room.
func TestNamespaceLimitOfSizes(t *testing.T) {
	w := newWorld(t)
	sized := class("sized", "vc19")
	sized.Spec.Limits = &v1alpha1.ClassLimits{PerNamespace: &v1alpha1.NamespaceLimits{CPU: new(int32(4))}}
	create(w, sized)
	start(w, "vc19")
	for _, name := range []string{"web", "pg"} {
		w.Create(groupOf(w, name, "sized", 2))
		w.Ready(name, 2)
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.CPU, vg.Spec.Update = 2, &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateInPlaceIfPossible}
	})
	vg := stalled(w, "web", v1alpha1.ReasonLimitExceeded)
	if want := "and its VMs there have 4 (pg 2, web 2), and 1 more are asked for"; !strings.Contains(vg.Status.Message, want) {
		t.Errorf("it says %q, want %q", vg.Status.Message, want)
	}
	for _, vm := range w.VMs(vg) {
		if vm.PowerState != "poweredOn" || vm.NumCPU != 1 {
			t.Errorf("%s is %s, with %d CPUs", vm.Name, vm.PowerState, vm.NumCPU)
		}
	}
	w.Scale("pg", 0)
	w.Ready("pg", 0)
	for _, vm := range w.VMs(w.Ready("web", 2)) {
		if vm.NumCPU != 2 {
			t.Errorf("%s has %d CPUs", vm.Name, vm.NumCPU)
		}
	}
}

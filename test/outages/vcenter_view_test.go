package outages

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// TestFrozenUpdates scales up and loses a VM while vCenter pushes nothing: no VM is made twice because the first was not
// seen, and all is well when the updates come.
func TestFrozenUpdates(t *testing.T) {
	w := newObservedWorld(t, vcsim.Options{}, invariants.Options{HeldBack: true})
	w.start()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	vc := w.VCenter.Control
	harness.Must(t, vc.ResetCalls(t.Context()))
	harness.Must(t, vc.FreezeUpdates(t.Context(), true))
	harness.Must(t, vc.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
	w.Scale("web", 4)
	w.cloning(2)
	lasts(t, forLong(2*time.Second, 90*time.Second))
	w.made(4, 1) // the one by our own hand
	harness.Must(t, vc.FreezeUpdates(t.Context(), false))
	w.cloned(5)
	w.Ready("web", 4)
	w.made(5, 1)
}

// TestSwallowedUpdates loses all that vCenter says while something changes: the next resync finds out.
func TestSwallowedUpdates(t *testing.T) {
	const all = 1000000
	for name, test := range map[string]struct {
		vCenter           vcsim.Options
		before            int32 // replicas
		change            func(w *world, vg *v1alpha1.VmGroup)
		after             int32
		cloned, destroyed int
	}{
		"a VM that goes": {
			before: 3, after: 3, cloned: 4, destroyed: 1,
			change: func(w *world, vg *v1alpha1.VmGroup) {
				harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
				w.cloned(4)
			},
		},
		"a VM that is switched off": {
			before: 2, after: 2, cloned: 2,
			change: func(w *world, vg *v1alpha1.VmGroup) {
				harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), w.VMs(vg)[0].MoRef))
				w.Eventually("it is switched on", func() error {
					if w.VMs(vg)[0].PowerState != "poweredOn" {
						return errors.New("not yet")
					}
					return nil
				})
			},
		},
		"clones that end": {
			before: 1, after: 3, cloned: 3,
			change: func(w *world, _ *v1alpha1.VmGroup) {
				w.Scale("web", 3)
				w.cloned(3)
			},
		},
		"a clone whose VM was seen, without name and configuration": {
			vCenter: vcsim.Options{CloneDelay: 2 * time.Second, VisibleAtStart: true},
			after:   1, cloned: 1,
			change: func(w *world, _ *v1alpha1.VmGroup) {
				harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), 0))
				w.Scale("web", 1)
				w.Meets("web", func(vg *v1alpha1.VmGroup) error {
					if len(vg.Status.VMs) == 0 || vg.Status.VMs[0].MoRef == "" {
						return errors.New("the VM is not in the status yet")
					}
					return nil
				})
				harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), all))
				w.cloned(1)
			},
		},
		"destructions that end": {
			before: 3, after: 1, cloned: 3, destroyed: 2,
			change: func(w *world, _ *v1alpha1.VmGroup) {
				w.Scale("web", 1)
				w.Eventually("VMs are destroyed", func() error {
					if n := w.tasks("VirtualMachine.destroy"); n < 2 {
						return fmt.Errorf("%d, want 2", n)
					}
					return nil
				})
			},
		},
		"a folder that goes": {
			after: 1, cloned: 2, destroyed: 1,
			change: func(w *world, _ *v1alpha1.VmGroup) {
				harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), 0))
				w.Scale("web", 1)
				w.Ready("web", 1)
				w.Scale("web", 0)
				w.Ready("web", 0)
				harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), all))
				harness.Must(t, w.VCenter.Control.RemoveFolder(t.Context(), "vmgroups/"+w.Namespace+"/web"))
				w.Scale("web", 1)
				w.cloned(2)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newObservedWorld(t, test.vCenter, invariants.Options{HeldBack: true})
			w.startIn(app.Overrides{Clock: newFastClock(20)}, "-resync-period", "1m")
			w.Create(w.Group("web", test.before))
			vg := w.Ready("web", test.before)
			harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), all))
			test.change(w, vg)
			harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), 0))
			w.Ready("web", test.after)
			w.made(test.cloned, test.destroyed)
		})
	}
}

// TestSwallowedTemplate adds a template below the template folder, and nobody tells.
func TestSwallowedTemplate(t *testing.T) {
	w := newObservedWorld(t, vcsim.Options{TemplateFolder: "templates"}, invariants.Options{HeldBack: true})
	w.startIn(app.Overrides{Clock: newFastClock(20)}, "-resync-period", "1m", "-template-folder", "templates")
	vg := w.Group("web", 1)
	vg.Spec.Template = "late"
	w.Create(vg)
	w.Phase("web", v1alpha1.PhaseError)
	harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), 1000))
	_, err := w.VCenter.Control.AddTemplate(t.Context(), "late", "templates")
	harness.Must(t, err)
	w.cloned(1)
	harness.Must(t, w.VCenter.Control.SwallowUpdates(t.Context(), 0))
	w.Ready("web", 1)
	w.made(1, 0)
}

// TestReorderedUpdates lets what vCenter says come late and in any order, while a group is made, grows, loses a VM,
// shrinks and goes: no VM is made or destroyed that need not be.
func TestReorderedUpdates(t *testing.T) {
	for seed := range 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newObservedWorld(t, vcsim.Options{VisibleAtStart: seed%2 == 1}, invariants.Options{HeldBack: true})
			w.startIn(app.Overrides{Clock: newFastClock(20)}, "-resync-period", "1m")
			harness.Must(t, w.VCenter.Control.ReorderUpdates(t.Context(), true, seed))
			w.Create(w.Group("web", 3))
			w.Ready("web", 3)
			w.Scale("web", 6)
			vg := w.Ready("web", 6)
			harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
			w.cloned(7)
			w.Scale("web", 2)
			vg = w.Ready("web", 2)
			w.Delete("web")
			w.Gone(vg)
			w.made(7, 7)
		})
	}
}

// TestMassDisappearance hides most VMs of several groups at once, as a lost permission does. They exist: none is cloned,
// none destroyed, and they are counted when they are seen again.
func TestMassDisappearance(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	groups := map[string]int32{"a": 4, "b": 3, "c": 1}
	before := map[string][]control.VM{}
	made := 0
	for name, n := range groups {
		w.Create(w.Group(name, n))
		made += int(n)
	}
	for name, n := range groups {
		before[name] = w.VMs(w.Ready(name, n))
	}
	vc := w.VCenter.Control
	harness.Must(t, vc.ResetCalls(t.Context()))
	hidden, err := vc.HideVMs(t.Context(), control.Hidden{Fraction: 0.6})
	harness.Must(t, err)
	if len(hidden) < 4 {
		t.Fatalf("%d VMs are hidden", len(hidden))
	}
	w.Eventually("the controller asks for the VMs by their MoRefs", func() error {
		calls, err := vc.Calls(t.Context())
		if err == nil && calls.Methods["RetrievePropertiesEx"] == 0 {
			err = errors.New("not yet")
		}
		return err
	})
	for name := range groups { // have each group looked at again
		w.Update(name, func(vg *v1alpha1.VmGroup) { vg.Labels = map[string]string{"look": "again"} })
	}
	lasts(t, forLong(2*time.Second, 90*time.Second))
	w.made(made, 0)
	calls, err := vc.Calls(t.Context())
	harness.Must(t, err)
	if n := calls.Methods["CloneVM_Task"]; n > 0 { // the names would have kept it from making a VM
		t.Errorf("%d clones were asked for", n)
	}
	harness.Must(t, vc.UnhideVMs(t.Context()))
	for name, n := range groups {
		w.same(w.Ready(name, n), before[name])
	}
	w.made(made, 0)
}

// TestHiddenAtTheStart starts a controller that sees few of the VMs that there are.
func TestHiddenAtTheStart(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.start()
	w.Create(w.Group("web", 5))
	vg := w.Ready("web", 5)
	before := w.VMs(vg)
	c.Stop()
	vc := w.VCenter.Control
	_, err := vc.HideVMs(t.Context(), control.Hidden{Fraction: 0.6})
	harness.Must(t, err)
	c = w.start()
	w.Eventually("the controller works", func() error {
		if !logged(c, "Starting workers") {
			return errors.New("not yet")
		}
		return nil
	})
	lasts(t, forLong(2*time.Second, 90*time.Second))
	w.made(5, 0)
	harness.Must(t, vc.UnhideVMs(t.Context()))
	w.Ready("web", 5)
	w.same(vg, before)
	w.made(5, 0)
}

// TestMassDestruction destroys most VMs of several groups for real: they are replaced, each once.
func TestMassDestruction(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	vms := map[string][]control.VM{}
	for _, name := range []string{"a", "b"} {
		w.Create(w.Group(name, 4))
	}
	for _, name := range []string{"a", "b"} {
		vms[name] = w.VMs(w.Ready(name, 4))
	}
	for _, name := range []string{"a", "b"} {
		for _, vm := range vms[name][:3] {
			harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), vm.MoRef))
		}
	}
	w.cloned(14)
	w.Ready("a", 4)
	w.Ready("b", 4)
	w.made(14, 6)
}

package classes

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// linked asks for linked clones of a snapshot, or of the current one.
func linked(vg *v1alpha1.VmGroup, snapshot string) *v1alpha1.VmGroup {
	vg.Spec.Clone = &v1alpha1.CloneOptions{Mode: new(v1alpha1.CloneLinked), Snapshot: snapshot}
	return vg
}

// TestLinkedClones makes VMs that hang on a snapshot of their template, where the class offers it and there is one, and removes them
// without the template's files.
func TestLinkedClones(t *testing.T) {
	w := newWorld(t)
	full := class("full-only", "vc9")
	full.Spec.CloneModes = []v1alpha1.CloneMode{v1alpha1.CloneFull}
	create(w, full)
	offer := class("linked", "vc9")
	offer.Spec.CloneModes = []v1alpha1.CloneMode{v1alpha1.CloneLinked}
	create(w, offer)
	controller := start(w, "vc9")

	w.Create(linked(groupOf(w, "refused", "full-only", 1), ""))
	vg := stalled(w, "refused", v1alpha1.ReasonCloneModeNotOffered)
	wantSaid(t, vg, `VmGroupClass "full-only" does not offer clone mode Linked: set spec.clone.mode to Full`)
	w.Create(groupOf(w, "fat", "linked", 1)) // says nothing, and asks for full clones by that
	wantSaid(t, stalled(w, "fat", v1alpha1.ReasonCloneModeNotOffered), "set spec.clone.mode to Linked")

	w.Create(linked(groupOf(w, "web", "linked", 2), "v1"))
	vg = stalled(w, "web", v1alpha1.ReasonSnapshotNotFound)
	wantSaid(t, vg, `/templates/`+harness.Template+` has no snapshot "v1"`)
	if vms := w.VMs(vg); len(vms) > 0 {
		t.Errorf("without a snapshot there are %+v", vms)
	}
	first := snapshotOf(w, "v1")
	current := snapshotOf(w, "v2")
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 })
	wantParents(w, w.Ready("web", 2), first)
	w.Update("fat", func(vg *v1alpha1.VmGroup) { linked(vg, "") })
	wantParents(w, w.Ready("fat", 1), current)
	change(w, "full-only", func(c *v1alpha1.VmGroupClass) { c.Spec.CloneModes = nil })
	wantParents(w, w.Ready("refused", 1), current)

	// Surplus goes, also with a snapshot of its own.
	w.Scale("web", 3)
	for _, vm := range w.VMs(w.Ready("web", 3)) {
		harness.Must(t, w.VCenter.Control.TakeSnapshot(t.Context(), vm.MoRef))
	}
	w.Scale("web", 1)
	vg = w.Ready("web", 1)

	// A base that is not where it was is not known any more.
	datastore := template(w).Datastores[0]
	harness.Must(t, w.VCenter.Control.RenameObject(t.Context(), datastore, "elsewhere"))
	w.Delete("web")
	wantSaid(t, stalled(w, "web", v1alpha1.ReasonForeignDisk), "nor is "+first+", the file of the template")
	harness.Must(t, w.VCenter.Control.RenameObject(t.Context(), "elsewhere", datastore))
	controller.Stop()
	start(w, "vc9") // remembers no refusal
	w.Gone(vg)
	if got := template(w).DiskParents; !slices.Equal(got, []string{current}) {
		t.Errorf("the template hangs on %q, want %q", got, current)
	}
	w.Create(linked(groupOf(w, "next", "linked", 1), "v1"))
	next := w.Ready("next", 1)
	wantParents(w, next, first)
	for _, name := range []string{"next", "fat", "refused"} {
		vg, err := w.Get(name)
		harness.Must(t, err)
		w.Delete(name)
		w.Gone(vg)
	}
}

// template is the template of all groups, as the simulator's own books have it.
func template(w *harness.World) control.VM {
	w.T.Helper()
	vms, err := w.VCenter.Control.VMs(w.T.Context())
	harness.Must(w.T, err)
	i := slices.IndexFunc(vms, func(vm control.VM) bool { return vm.Name == harness.Template })
	if i < 0 {
		w.T.Fatal("there is no template")
	}
	return vms[i]
}

// snapshotOf takes a snapshot of the template, and returns the file that linked clones of it hang on.
func snapshotOf(w *harness.World, name string) string {
	w.T.Helper()
	_, err := w.VCenter.Control.TakeNamedSnapshot(w.T.Context(), harness.Template, name)
	harness.Must(w.T, err)
	return template(w).DiskParents[0]
}

// wantParents checks by the simulator's own books what the disks of a group's VMs hang on.
func wantParents(w *harness.World, vg *v1alpha1.VmGroup, file string) {
	w.T.Helper()
	for _, vm := range w.VMs(vg) {
		if !slices.Equal(vm.DiskParents, []string{file}) {
			w.T.Errorf("%s hangs on %q, want %q", vm.Name, vm.DiskParents, file)
		}
	}
}

func wantSaid(t *testing.T, vg *v1alpha1.VmGroup, text string) {
	t.Helper()
	if !strings.Contains(vg.Status.Message, text) {
		t.Errorf("%s says %q, and not %q", vg.Name, vg.Status.Message, text)
	}
}

package vspheresync

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestPreview foresees the first sync, and leaves no trace: no write to Kubernetes, no operation, no event.
func TestPreview(t *testing.T) {
	f := newFixture(t, group(2))
	f.journal = nil
	in, p, err := f.Preview(t.Context(), f.live())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, c := range p.RequestsOf(vsphere.OperationClone) {
		names = append(names, c.Name)
	}
	want := []string{plan.VMName("web", string(testUID), 0), plan.VMName("web", string(testUID), 1)}
	if diff := cmp.Diff(want, names); diff != "" || !p.AddFinalizer || !p.EnsureFolder || in.Template.Path == "" {
		t.Errorf("plan %+v (-want +got):\n%s", p, diff)
	}
	if writes := slices.DeleteFunc(slices.Clone(f.journal), func(call string) bool { return call == "get" }); len(writes) > 0 {
		t.Errorf("it has done %q", writes)
	}
	if live := f.live(); len(live.Finalizers) > 0 || live.Status.Phase != "" {
		t.Errorf("the group was changed: %+v", live)
	}
}

func TestPreviewOfWhatCannotBeKnown(t *testing.T) {
	f := newFixture(t, group(2, func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "nowhere" }))
	if _, p, err := f.Preview(t.Context(), f.live()); err != nil || p.Problem == nil || p.Problem.Reason != v1alpha1.ReasonTemplateNotFound {
		t.Errorf("a template that is not there: %+v, %v", p.Problem, err)
	}
	f.world.SetOutage(true)
	if _, p, err := f.Preview(t.Context(), f.live()); vsphere.ClassOf(err) != vsphere.ClassUnavailable || p.Writes() {
		t.Errorf("vCenter is away: %+v, %v", p, err)
	}
}

// Preview foresees the end of a group as if the sweep had ended that a connection begins with, and says what it waits for.
func TestPreviewOfAnEnd(t *testing.T) {
	f := newFixture(t, group(1))
	f.deleteEmpty()
	f.want("a sweep has ended", "Sweep", "update status")
	if _, p, err := f.Preview(t.Context(), f.live()); err != nil || !p.RemoveFinalizer || len(p.RemoveFolders) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	f.edit(func(vg *v1alpha1.VmGroup) { vg.DeletionTimestamp = nil })
	f.cfg.VCenter = &silentTemplates{Interface: f.cfg.VCenter, answer: func() error { return vsphere.ErrPending }}
	if _, p, err := f.Preview(t.Context(), f.live()); !errors.Is(err, vsphere.ErrPending) || p.Writes() {
		t.Errorf("a template that is looked for: %+v, %v", p, err)
	}
}

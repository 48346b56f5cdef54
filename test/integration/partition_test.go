package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// Revisions of VMs that are made from the two templates.
var (
	oldRevision = vsphere.VMSpec{Template: harness.Template}.Revision()
	newRevision = vsphere.VMSpec{Template: newTemplate}.Revision()
)

// partition sets how many VMs stay as they are.
func partition(n int32) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(n)) }
}

// canary makes a group of 3 VMs that keeps two of them, and changes its template and its size.
func canary(w *harness.World) {
	w.T.Helper()
	vg := w.Group("web", 3)
	vg.Spec.Update = replacing(0, 1)
	partition(2)(vg)
	w.Create(vg)
	w.Ready("web", 3)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template, vg.Spec.CPU = newTemplate, 2 })
	rests(w, 3, 2)
}

// rests waits until a group is READY with n VMs, of which some are old, and checks their size.
func rests(w *harness.World, n, old int) []control.VM {
	w.T.Helper()
	vg := w.Ready("web", int32(n))
	c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
	want := v1alpha1.ReasonPartitioned
	if old == 0 {
		want = v1alpha1.ReasonAllReplicasUpdated
	}
	if c.Reason != want || meta.IsStatusConditionTrue(vg.Status.Conditions, v1alpha1.ConditionReconciling) {
		w.T.Errorf("UpToDate is %s: %s", c.Reason, c.Message)
	}
	vms := w.VMs(vg)
	oldOnes := ofRevision(vms, oldRevision)
	if len(oldOnes) != old || len(ofRevision(vms, newRevision)) != n-old {
		w.T.Errorf("%d of %d VMs are old, want %d: %v", len(oldOnes), len(vms), old, vms)
	}
	for _, vm := range vms {
		if want := 2 - len(ofRevision([]control.VM{vm}, oldRevision)); int(vm.NumCPU) != want {
			w.T.Errorf("%s has %d CPUs, want %d", vm.Name, vm.NumCPU, want)
		}
	}
	return oldOnes
}

// ofRevision returns the VMs of a revision, by name.
func ofRevision(vms []control.VM, revision string) []control.VM {
	var of []control.VM
	for _, vm := range vms {
		if strings.Contains(vm.Stamp, revision) {
			of = append(of, vm)
		}
	}
	slices.SortFunc(of, func(a, b control.VM) int { return strings.Compare(a.Name, b.Name) })
	return of
}

// recorded waits until a group has so many ControllerRevisions, and returns them, the earliest first.
func recorded(w *harness.World, n int) []appsv1.ControllerRevision {
	w.T.Helper()
	var list *appsv1.ControllerRevisionList
	w.Eventually(fmt.Sprintf("%d revisions are recorded", n), func() error {
		var err error
		list, err = w.Kube.AppsV1().ControllerRevisions(w.Namespace).List(w.T.Context(), metav1.ListOptions{LabelSelector: v1alpha1.GroupLabel + "=web"})
		if err == nil && len(list.Items) != n {
			err = fmt.Errorf("there are %d", len(list.Items))
		}
		return err
	})
	slices.SortFunc(list.Items, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return list.Items
}

// lose destroys a VM behind the controller's back.
func lose(w *harness.World, vm control.VM) {
	w.T.Helper()
	harness.Must(w.T, w.VCenter.Control.DestroyVM(w.T.Context(), vm.MoRef))
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		if slices.ContainsFunc(vg.Status.VMs, func(s v1alpha1.VMStatus) bool { return s.MoRef == vm.MoRef }) {
			return fmt.Errorf("%s is still listed", vm.Name)
		}
		return nil
	})
}

// stuck waits until a slot stays empty, and until UpToDate says how to go on.
func stuck(w *harness.World) {
	w.T.Helper()
	vg := w.Phase("web", v1alpha1.PhaseError, func(vg *v1alpha1.VmGroup) error {
		if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled); c.Reason != v1alpha1.ReasonRevisionUnavailable {
			return fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
		return nil
	})
	c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
	if c.Reason != v1alpha1.ReasonPartitioned || !strings.Contains(c.Message, "lower spec.update.partition") {
		w.T.Errorf("UpToDate is %s: %s", c.Reason, c.Message)
	}
	if vms := w.VMs(vg); len(vms) != 2 {
		w.T.Errorf("there are %d VMs, and one slot is to be empty", len(vms))
	}
}

// TestPartition lets a rollout rest, loses VMs there, and goes on. Another template has the name of the old one by then.
func TestPartition(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	c := w.StartController()
	canary(w)
	history := recorded(w, 2)

	vms, err := w.VCenter.Control.VMs(t.Context())
	harness.Must(t, err)
	old := vms[slices.IndexFunc(vms, func(vm control.VM) bool { return vm.Name == harness.Template })].MoRef
	harness.Must(t, w.VCenter.Control.Rename(t.Context(), old, "retired"))
	lost := rests(w, 3, 2)
	lose(w, lost[0])
	if again := rests(w, 3, 2); again[0].Name != lost[0].Name {
		t.Errorf("%s was made again as %s", lost[0].Name, again[0].Name)
	}

	for _, vm := range rests(w, 3, 2) { // all of them: what they were is nowhere but in the record
		lose(w, vm)
	}
	c.Stop()
	w.StartController()
	rests(w, 3, 2)

	w.Update("web", partition(1))
	rests(w, 3, 1)
	w.Update("web", partition(0))
	rests(w, 3, 0)
	if left := recorded(w, 1); left[0].Name != history[1].Name {
		t.Errorf("%s is left, want %s", left[0].Name, history[1].Name)
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Update = nil })
	recorded(w, 0)
}

// TestPartitionWithoutTemplate loses a VM whose template is gone. Its slot stays empty until the partition is lowered.
func TestPartitionWithoutTemplate(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	c := w.StartController()
	canary(w)
	harness.Must(t, w.VCenter.Control.RemoveTemplate(t.Context(), harness.Template))
	lose(w, rests(w, 3, 2)[0])
	stuck(w)
	c.Stop()
	w.StartController()
	stuck(w)
	w.Update("web", partition(1))
	rests(w, 3, 1)
}

// TestPartitionTooLate sets the partition together with the new template. The old VMs stay, and one that is lost leaves its slot
// empty.
func TestPartitionTooLate(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	w.StartController()
	vg := w.Group("web", 3)
	w.Create(vg)
	w.Ready("web", 3)
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Template, vg.Spec.CPU, vg.Spec.Update = newTemplate, 2, replacing(0, 1)
		partition(2)(vg)
	})
	lose(w, rests(w, 3, 2)[1])
	stuck(w)
	w.Update("web", partition(1))
	rests(w, 3, 1)
}

// TestPartitionRecordRemoved deletes what was recorded. The VMs stay, and nobody guesses what a lost one was.
func TestPartitionRecordRemoved(t *testing.T) {
	w := newWorld(t, vcsim.Options{Templates: []string{harness.Template, newTemplate}})
	w.StartController()
	canary(w)
	for _, object := range recorded(w, 2) {
		harness.Must(t, w.Kube.AppsV1().ControllerRevisions(w.Namespace).Delete(t.Context(), object.Name, metav1.DeleteOptions{}))
	}
	if again := recorded(w, 2); strings.Contains(string(again[0].Data.Raw), `"template"`) || !strings.Contains(string(again[1].Data.Raw), newTemplate) {
		t.Errorf("recorded are %s and %s", again[0].Data.Raw, again[1].Data.Raw)
	}
	lose(w, rests(w, 3, 2)[0])
	stuck(w)
	w.Update("web", partition(0))
	rests(w, 3, 0)
	recorded(w, 1)
}

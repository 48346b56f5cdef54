package vspheresync

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	k8sfake "k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// newApps returns an API server for ControllerRevisions. Writes come into the journal.
func newApps(f *fixture) *k8sfake.Clientset {
	apps := k8sfake.NewClientset()
	apps.PrependReactor("*", "controllerrevisions", func(action k8stesting.Action) (bool, runtime.Object, error) {
		if action.GetVerb() != "list" {
			f.say("%s controllerrevision", action.GetVerb())
		}
		return false, nil, nil
	})
	return apps
}

// revisions is a cache that knows everything at once.
func (f *fixture) revisions(vg *v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) {
	var out []*appsv1.ControllerRevision
	for _, object := range f.recorded() {
		if owner := metav1.GetControllerOf(object); owner != nil && owner.UID == vg.UID && object.Labels[v1alpha1.GroupLabel] != "" {
			out = append(out, object)
		}
	}
	return out, nil
}

// recorded returns the ControllerRevisions that there are, by their numbers.
func (f *fixture) recorded() []*appsv1.ControllerRevision {
	f.t.Helper()
	obj, err := f.apps.Tracker().List(appsv1.SchemeGroupVersion.WithResource("controllerrevisions"), appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), "default")
	if err != nil {
		f.t.Fatal(err)
	}
	var out []*appsv1.ControllerRevision
	for _, item := range obj.(*appsv1.ControllerRevisionList).Items {
		out = append(out, &item)
	}
	slices.SortFunc(out, func(a, b *appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return out
}

// write puts a ControllerRevision into the API server.
func (f *fixture) write(object *appsv1.ControllerRevision) {
	f.t.Helper()
	if err := f.apps.Tracker().Add(object); err != nil {
		f.t.Fatal(err)
	}
}

// partitioned is a group that replaces one VM at a time, and keeps one.
func partitioned(vg *v1alpha1.VmGroup) {
	vg.Spec.Update = &v1alpha1.UpdateSpec{
		Strategy: v1alpha1.UpdateReplace, MaxSurge: ptr.To(intstr.FromInt32(0)), MaxUnavailable: ptr.To(intstr.FromInt32(1)),
		Partition: ptr.To(intstr.FromInt32(1)),
	}
}

// newCanary returns a group of 2 that rests with one VM of each of two templates.
func newCanary(t *testing.T) *fixture {
	f := newFixture(t, group(2, partitioned))
	f.settle()
	f.world.AddTemplate("templates", "new")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "new" })
	f.settle()
	f.wantStatus("it rests at the partition", "2/2 READY AllReplicasAvailable")
	if len(f.recorded()) != 2 {
		t.Fatalf("recorded are %v", f.recorded())
	}
	f.events()
	return f
}

// What VMs are made from is recorded before they are made, and forgotten when no VM is of it.
func TestOrderOfRevisions(t *testing.T) {
	f := newFixture(t, group(2, partitioned))
	f.want("step 1/9, created",
		"patch", "update status", "create controllerrevision", "EnsureFolder", "StartClone web-0d1f2-0", "StartClone web-0d1f2-1")
	f.want("step 2/9, the clones have ended", "update status")
	f.want("step 3/9, at rest")
	f.world.AddTemplate("templates", "new")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "new" })
	f.want("step 4/9, a new template", "update status", "create controllerrevision", "StartPowerOff")
	f.settle()
	f.world.Destroy(f.vm(0).Ref)
	f.want("step 5/9, the old one is lost: its template is known already", "get", "StartClone web-0d1f2-0", "update status")
	f.settle()
	if got, want := f.vm(0).Stamp.Revision, (vsphere.VMSpec{Template: "golden"}).Revision(); got != want {
		t.Errorf("the VM is of revision %s, want %s", got, want)
	}
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(0)) })
	f.want("step 6/9, no partition: the last one goes", "update status", "StartPowerOff")
	f.settle()
	if recorded := f.recorded(); len(recorded) != 1 || !strings.Contains(string(recorded[0].Data.Raw), `"template":"new"`) {
		t.Errorf("step 7/9, all are new, and recorded are %v", recorded)
	}
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Update = nil })
	f.want("step 8/9, no strategy", "delete controllerrevision", "update status")
	f.want("step 9/9, at rest")
}

// TestRevisionObject is what others read, and what a later version of the controller has to understand.
func TestRevisionObject(t *testing.T) {
	f := newFixture(t, group(1, partitioned, func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Trigger = "once" }))
	f.settle()
	object := f.recorded()[0]
	want := `{"revision":"` + (vsphere.VMSpec{Template: "golden", Trigger: "once"}).Revision() +
		`","template":"golden","templateMoRef":"` + string(f.golden) + `","vCenter":"` + f.snapshotOf().VCenter + `","trigger":"once","cpu":2,"memoryMiB":4096}`
	if diff := cmp.Diff(want, string(object.Data.Raw)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if owner := metav1.GetControllerOf(object); owner == nil || owner.UID != testUID || owner.BlockOwnerDeletion != nil ||
		object.Labels[v1alpha1.GroupLabel] != "web" || object.Revision != 1 || !strings.HasPrefix(object.Name, "web-") {
		t.Errorf("it is %+v", object.ObjectMeta)
	}
}

func (f *fixture) snapshotOf() vsphere.Snapshot {
	f.t.Helper()
	s, err := f.client.Snapshot(f.t.Context(), groupID(f.live()), "")
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// A restart in the middle comes to the same end: all that is needed is in the API server.
func TestRestartAtThePartition(t *testing.T) {
	f := newCanary(t)
	f.world.Destroy(f.vm(0).Ref)
	f.restart(fake.Config{}, Config{})
	f.settle()
	if got, want := f.vm(0).Stamp.Revision, (vsphere.VMSpec{Template: "golden"}).Revision(); got != want {
		t.Errorf("the VM is of revision %s, want %s", got, want)
	}
}

// A template is known by its reference: its name may be another's by now.
func TestRenamedTemplate(t *testing.T) {
	f := newCanary(t)
	f.world.Rename(f.golden, "retired")
	f.world.AddTemplate("templates", "golden")
	f.world.Destroy(f.vm(0).Ref)
	f.settle()
	if from := f.clonedFrom[len(f.clonedFrom)-1]; from != f.golden {
		t.Errorf("it was made from %s, want %s", from, f.golden)
	}
	f.wantStatus("then", "2/2 READY AllReplicasAvailable")
}

// The slot of a VM stays empty that cannot be made as it was.
func TestLostTemplate(t *testing.T) {
	f := newCanary(t)
	f.world.Destroy(f.golden)
	f.world.Destroy(f.vm(0).Ref)
	f.want("it is lost", "update status")
	f.wantStatus("then", "1/1 ERROR RevisionUnavailable")
	c := meta.FindStatusCondition(f.live().Status.Conditions, v1alpha1.ConditionUpToDate)
	if c.Reason != v1alpha1.ReasonPartitioned || !strings.Contains(c.Message, "lower spec.update.partition") || !strings.Contains(c.Message, `"golden"`) {
		t.Errorf("UpToDate says %s: %s", c.Reason, c.Message)
	}
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(0)) })
	f.settle()
	f.wantStatus("the partition is lowered", "2/2 READY AllReplicasAvailable")
}

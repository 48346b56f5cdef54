package vspheresync

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// What people do to ControllerRevisions makes no VM, and keeps none from being made.
func TestForeignRevisions(t *testing.T) {
	tests := map[string]struct {
		change func(*appsv1.ControllerRevision) // of the record of the old revision
		says   string                           // part of the message
	}{
		"garbage":                 {func(o *appsv1.ControllerRevision) { o.Data.Raw = []byte(`"golden"`) }, "is left out: its data are not those of a revision"},
		"nothing":                 {func(o *appsv1.ControllerRevision) { o.Data.Raw = nil }, "is left out: its data are not those of a revision"},
		"a field of another":      {edited(`"cpu"`, `"cpus"`), "is left out: its data are not those of a revision"},
		"another template":        {edited(`"template":"golden"`, `"template":"new"`), "is left out: its data have the revision"},
		"no template":             {edited(`"template":"golden",`, ``), "is left out: its data lack the template"},
		"no size":                 {edited(`"cpu":2`, `"cpu":0`), "is left out: its data lack the revision or the size"},
		"somebody else's":         {func(o *appsv1.ControllerRevision) { o.OwnerReferences[0].UID = "another" }, ""},
		"nobody's":                {func(o *appsv1.ControllerRevision) { o.OwnerReferences = nil }, ""},
		"without its label":       {func(o *appsv1.ControllerRevision) { o.Labels = nil }, ""},
		"another vCenter's":       {edited(`"vCenter":"`, `"vCenter":"not-`), "lies in another vCenter"},
		"a template that is none": {edited(`"templateMoRef":"`, `"templateMoRef":"not-`), `its template "golden"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newCanary(t)
			object := f.recorded()[0].DeepCopy()
			tc.change(object)
			if err := f.apps.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("controllerrevisions"), object, "default"); err != nil {
				t.Fatal(err)
			}
			f.settle()
			f.wantStatus("the VMs stay", "2/2 READY AllReplicasAvailable")
			if message := f.live().Status.Message + conditionMessages(f.live()); !strings.Contains(message, tc.says) {
				t.Errorf("it says %s", message)
			}
			f.world.Destroy(f.vm(0).Ref)
			f.settle()
			f.wantStatus("an old one is lost: nothing takes its place", "1/1 ERROR RevisionUnavailable")
			f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(0)) })
			f.settle()
			f.wantStatus("the partition is lowered", "2/2 READY AllReplicasAvailable")
		})
	}
}

func edited(old, changed string) func(*appsv1.ControllerRevision) {
	return func(o *appsv1.ControllerRevision) {
		o.Data.Raw = []byte(strings.Replace(string(o.Data.Raw), old, changed, 1))
	}
}

func conditionMessages(vg *v1alpha1.VmGroup) string {
	var all []string
	for _, c := range vg.Status.Conditions {
		all = append(all, c.Message)
	}
	return strings.Join(all, "\n")
}

// A ControllerRevision that is not the group's, or that nobody finds as such, may have the name. The next one is taken.
func TestRevisionNameTaken(t *testing.T) {
	for name, change := range map[string]func(*appsv1.ControllerRevision){
		"nobody's":          func(o *appsv1.ControllerRevision) { o.OwnerReferences = nil },
		"without its label": func(o *appsv1.ControllerRevision) { o.Labels = nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1, partitioned))
			f.settle()
			first := f.recorded()[0]
			f = newFixture(t, group(1, partitioned))
			change(first)
			f.write(first)
			f.settle()
			recorded := f.recorded()
			if len(recorded) != 2 || recorded[0].Name == recorded[1].Name || !cmp.Equal(recorded[0].Data, recorded[1].Data) {
				t.Errorf("recorded are %v", recorded)
			}
			f.wantStatus("then", "1/1 READY AllReplicasAvailable")
		})
	}
}

// What is not the group's means nothing, whoever hands it in.
func TestRevisionsOfOthers(t *testing.T) {
	f := newCanary(t)
	all := func(*v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) { return f.recorded(), nil }
	f.restart(fake.Config{}, Config{Revisions: all})
	for _, object := range f.recorded() {
		object.OwnerReferences[0].UID = "another"
		if err := f.apps.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("controllerrevisions"), object, "default"); err != nil {
			t.Fatal(err)
		}
	}
	f.world.Destroy(f.vm(0).Ref)
	for range 3 {
		f.pass(lastInterval)
		f.try()
	}
	if made := f.clonedFrom[len(f.clonedFrom)-1]; made == f.golden {
		t.Errorf("a VM is made from %s, of which somebody else's record tells", made)
	}
}

// A group at rest looks again when its records change.
func TestRevisionRemovedAtRest(t *testing.T) {
	f := newFixture(t, group(1, partitioned))
	f.settle()
	f.want("at rest")
	if err := f.apps.Tracker().Delete(appsv1.SchemeGroupVersion.WithResource("controllerrevisions"), "default", f.recorded()[0].Name); err != nil {
		t.Fatal(err)
	}
	f.want("its record is removed", "create controllerrevision")
}

// A cache that does not have the last write yet leads to no second object.
func TestRevisionCacheLags(t *testing.T) {
	f := newFixture(t, group(1, partitioned))
	empty := func(*v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) { return nil, nil }
	f.restart(fake.Config{}, Config{Revisions: empty})
	for range 3 {
		f.pass(lastInterval)
		f.try()
	}
	f.wantStatus("it does not mind", "1/1 READY AllReplicasAvailable")
	if recorded := f.recorded(); len(recorded) != 1 {
		t.Errorf("recorded are %v", recorded)
	}
}

// Without the ControllerRevisions it is not known what keeps: nothing is changed. A group without a partition does not mind.
func TestRevisionsNotListed(t *testing.T) {
	unknown := func(*v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) {
		return nil, errors.New("not listed yet")
	}
	f := newFixture(t, group(1, partitioned))
	f.restart(fake.Config{}, Config{Revisions: unknown})
	f.try()
	f.said("nothing is known", "update status")
	if message := f.live().Status.Message; !strings.Contains(message, "not listed yet") {
		t.Errorf("it says %q", message)
	}
	f = newFixture(t, group(1))
	f.restart(fake.Config{}, Config{Revisions: unknown})
	f.want("without a partition", "patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0")
}

// What cannot be recorded is not made.
func TestRevisionNotRecorded(t *testing.T) {
	resource := appsv1.SchemeGroupVersion.WithResource("controllerrevisions").GroupResource()
	for name, tc := range map[string]struct {
		err  error
		says string
	}{
		"forbidden":                         {apierrors.NewForbidden(resource, "web", errors.New("no")), "0/0 ERROR RevisionNotRecorded"},
		"the API server is not of any help": {apierrors.NewInternalError(errors.New("no")), "0/0 PENDING ScalingUp"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1, partitioned))
			fails := true
			f.apps.PrependReactor("create", "controllerrevisions", func(k8stesting.Action) (bool, runtime.Object, error) { return fails, nil, tc.err })
			for range 2 {
				f.pass(lastInterval)
				f.try()
			}
			if clones := f.sent(fake.StartClone); len(clones) > 0 {
				t.Errorf("clones are sent: %v", clones)
			}
			f.wantStatus("then", tc.says)
			fails = false
			f.settle()
			f.wantStatus("it can be recorded", "1/1 READY AllReplicasAvailable")
		})
	}
}

// A deletion that fails is tried again, and harms nothing.
func TestRevisionNotForgotten(t *testing.T) {
	f := newCanary(t)
	fails := true
	f.apps.PrependReactor("delete", "controllerrevisions", func(k8stesting.Action) (bool, runtime.Object, error) {
		return fails, nil, apierrors.NewInternalError(errors.New("no"))
	})
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(0)) })
	for range 10 {
		f.pass(lastInterval)
		f.try()
	}
	f.wantStatus("all are new", "2/2 READY AllReplicasAvailable")
	if len(f.recorded()) != 2 {
		t.Errorf("recorded are %v", f.recorded())
	}
	fails = false
	f.settle()
	if len(f.recorded()) != 1 {
		t.Errorf("recorded are %v", f.recorded())
	}
}

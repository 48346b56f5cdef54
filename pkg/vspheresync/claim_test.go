package vspheresync

import (
	"testing"

	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// Two controllers, each with a vCenter of its own, see a new group at the same time, and there is no class: one of them keeps it, and
// the other makes nothing.
func TestOneOfTwoControllersKeepsANewGroup(t *testing.T) {
	f := newFixture(t, group(2))
	f.restart(fake.Config{}, Config{Name: "vc1"})
	theirs := fake.NewVCenter(f.clock)
	theirs.AddTemplate("templates", "golden")
	other := New(Config{
		Name: "vc2", VCenter: theirs.Connect(fake.Config{Root: fake.VMFolder + "/vmgroups", TemplateFolder: fake.VMFolder + "/templates"}),
		Client: f.kube.VsphereV1alpha1(), Lister: listers.NewVmGroupLister(f.cache), Revisions: f.revisions, RevisionClient: f.apps.AppsV1(),
		Recorder: record.NewFakeRecorder(100), Clock: f.clock, Wrote: func(cache.ObjectName, string) {},
	})
	seen := f.live() // by both
	syncOther := func(vg *v1alpha1.VmGroup) {
		if _, err := other.Sync(t.Context(), vg); err != nil {
			t.Logf("the other: %v", err) // a conflict
		}
	}
	f.beforeClones = func() {
		f.beforeClones = nil
		syncOther(seen)
		syncOther(f.live())
	}
	for range 10 {
		f.try()
		syncOther(f.live())
		f.pass(lastInterval)
	}
	f.wantStatus("in the end", "2/2 READY AllReplicasAvailable")
	const template = 1
	if keeper := f.live().Status.ControllerName; keeper != "vc1" || len(f.world.VMs()) != 2+template || len(theirs.VMs()) != template {
		t.Errorf("%q keeps it, vc1 has made %d VMs, and vc2 %d", keeper, len(f.world.VMs())-template, len(theirs.VMs())-template)
	}
}

// What a group's class depends on may change while its first VMs are made: they stay with the controller that makes them.
func TestAGroupIsClaimedBeforeItsFirstVM(t *testing.T) {
	f := newFixture(t, group(2))
	claimed := ""
	f.beforeClones = func() { claimed = f.live().Status.ControllerName }
	f.settle()
	if claimed != v1alpha1.DefaultControllerName {
		t.Errorf("when its first VM was made, the status named the controller %q", claimed)
	}
}

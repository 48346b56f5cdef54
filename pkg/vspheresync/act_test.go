package vspheresync

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// To wait for one's turn is not an error.
func TestNoBudget(t *testing.T) {
	f := newFixture(t, group(3))
	f.restart(fake.Config{MaxClones: 1}, Config{})
	f.world.Hold()
	f.want("three are to be made",
		"patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0", "StartClone web-0d1f2-1", "StartClone web-0d1f2-2")
	if diff := cmp.Diff([]string{"StartClone web-0d1f2-0"}, f.sent(fake.StartClone)); diff != "" {
		t.Errorf("one may be sent, the next is not (-want +got):\n%s", diff)
	}
	f.pass(firstInterval)
	f.try()
	f.wantStatus("then", "0/1 PENDING ScalingUp")
	f.world.Release()
	for range 3 {
		f.pass(time.Minute)
		if _, err := f.sync(); err != nil {
			t.Fatal(err)
		}
	}
	f.wantStatus("one after the other", "3/3 READY AllReplicasAvailable")
}

func TestNoBudgetHoldsNothingElseBack(t *testing.T) {
	f := newFixture(t, group(2))
	f.restart(fake.Config{MaxPower: 1}, Config{})
	f.settle()
	f.world.Hold()
	f.delete()
	f.want("one is powered off, the other has to wait", "update status", "StartPowerOff", "StartPowerOff")
	f.world.PowerOff(f.vm(1).Ref)
	f.want("what is off already can be destroyed", "get", "StartDestroy")
}

// A name that is in use and a lost answer concern one clone, all other errors concern all.
func TestCloneErrors(t *testing.T) {
	first, both := []string{"StartClone web-0d1f2-0"}, []string{"StartClone web-0d1f2-0", "StartClone web-0d1f2-1"}
	tests := map[string]struct {
		class  vsphere.Class
		reason string
		want   []string
	}{
		"a name is in use":       {vsphere.ClassConflict, vsphere.ReasonNameTaken, both},
		"something else is gone": {vsphere.ClassConflict, "Gone", first},
		"a value is wrong":       {vsphere.ClassInvalid, "", first},
		"there is no room":       {vsphere.ClassExhausted, "", first},
		"vCenter is away":        {vsphere.ClassUnavailable, "", first},
		"no answer came":         {vsphere.ClassUnknown, "", both},
		"nobody knows what":      {vsphere.ClassTransient, "", first},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(2))
			f.world.Inject(fake.Fault{Method: fake.StartClone, Err: &vsphere.Error{Class: tc.class, Reason: tc.reason, Message: "no"}})
			if _, err := f.sync(); vsphere.ClassOf(err) != tc.class {
				t.Errorf("got %v, want class %s", err, tc.class)
			}
			if diff := cmp.Diff(tc.want, f.sent(fake.StartClone)); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

// What is cloned is looked up anew at once, and what is planned then is carried out.
func TestATemplateThatHasChanged(t *testing.T) {
	ask := []string{"StartClone web-0d1f2-1", "StartClone web-0d1f2-2"}
	askFirst := slices.Concat([]string{"update status"}, ask)
	for name, tc := range map[string]struct {
		change func(f *fixture)
		class  vsphere.Class
		asked  []string
		status string
	}{
		"another one has its name": {func(f *fixture) {
			f.world.Rename(f.golden, "old")
			f.world.AddTemplate("templates", "golden")
		}, "", slices.Concat(askFirst, []string{"get"}, ask, []string{"update status"}), "3/3 READY AllReplicasAvailable"},
		"it is gone": {func(f *fixture) { f.world.Destroy(f.golden) },
			vsphere.ClassInvalid, slices.Concat(askFirst, []string{"update status"}), "1/1 ERROR TemplateNotFound"},
		"it is a VM now": {func(f *fixture) { f.world.MarkAsTemplate(f.golden, false) },
			vsphere.ClassInvalid, slices.Concat(askFirst, []string{"update status"}), "1/1 ERROR TemplateUnusable"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1))
			f.settle()
			f.scale(3)
			f.beforeClones = func() { f.beforeClones = nil; tc.change(f) }
			f.journal = nil
			f.pass(lastInterval)
			if _, err := f.sync(); vsphere.ClassOf(err) != tc.class {
				t.Errorf("got %v, want class %q", err, tc.class)
			}
			f.said("asked", tc.asked...)
			f.try() // sees what the first has brought about
			f.wantStatus("then", tc.status)
		})
	}
}

// Planning again has an end.
func TestATemplateThatChangesAgainAndAgain(t *testing.T) {
	f := newFixture(t, group(1))
	n := 0
	f.beforeClones = func() {
		n++
		f.world.Rename(f.golden, fmt.Sprint("old-", n))
		f.golden = f.world.AddTemplate("templates", "golden")
	}
	if _, err := f.sync(); !vsphere.TemplateChanged(err) || vsphere.ClassOf(err) != vsphere.ClassConflict || n != 2 {
		t.Errorf("after %d attempts: %v", n, err)
	}
	f.wantStatus("nothing is told yet", "0/0  -")
	f.beforeClones = nil
	f.settle()
	f.wantStatus("it stays as it is", "1/1 READY AllReplicasAvailable")
}

// What else is wrong is still told.
func TestATemplateThatHasChangedHidesNothing(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.world.PowerOff(f.vm(0).Ref)
	f.scale(2)
	f.world.Inject(fake.Fault{Method: fake.StartPowerOn, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "busy"}})
	f.beforeClones = func() {
		f.beforeClones = nil
		f.world.Rename(f.golden, "old")
		f.world.AddTemplate("templates", "golden")
	}
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Errorf("got %v, want ClassTransient", err)
	}
}

func TestFolderCannotBeMade(t *testing.T) {
	f := newFixture(t, group(1))
	f.world.Inject(fake.Fault{Method: fake.EnsureFolder, Err: &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNoPermission, Message: "Folder.Create is missing",
	}})
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassInvalid {
		t.Errorf("got %v, want ClassInvalid", err)
	}
	f.said("nothing is cloned", "patch", "update status", "EnsureFolder", "update status")
	f.wantStatus("then", "0/0 ERROR NoPermission")
	f.world.Inject(fake.Fault{Method: fake.EnsureFolder, Err: &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNoPermission, Message: "Folder.Create is missing",
	}})
	f.pass(lastInterval)
	f.try()
	f.said("tried again, it is no PENDING in between", "get", "EnsureFolder")
}

func TestOneKindOfChangeDoesNotHoldBackAnother(t *testing.T) {
	f := newFixture(t, group(3))
	f.settle()
	f.delete()
	f.world.PowerOff(f.vm(1).Ref)
	f.world.Inject(fake.Fault{Method: fake.StartPowerOff, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "busy"}})
	f.journal = nil
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Errorf("got %v, want ClassTransient", err)
	}
	f.said("the other VMs go on", "update status", "StartPowerOff", "StartPowerOff", "StartDestroy", "update status")
}

func TestDestroyIsRefused(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.world.AddDisk(f.vm(0).Ref)
	f.delete()
	f.want("it is powered off", "update status", "StartPowerOff")
	f.pass(time.Minute)
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassInvalid {
		t.Errorf("got %v, want ClassInvalid", err)
	}
	f.wantStatus("somebody has to detach the disk", "0/1 ERROR ForeignDisk")
	f.settle()
	f.want("it is not asked again soon")
	f.wantStatus("then", "0/1 ERROR ForeignDisk")
	f.world.RemoveDisks(f.vm(0).Ref)
	f.pass(5 * time.Minute)
	f.settle()
	if len(f.live().Finalizers) > 0 {
		t.Error("the disk is detached, and the group does not go")
	}
}

func TestCancelIsSent(t *testing.T) {
	f := newFixture(t, group(2))
	f.world.Hold()
	f.try()
	f.scale(1)
	f.want("one too many is under way", "Cancel web-0d1f2-1", "update status")
}

func TestFinalizerStaysAfterAnError(t *testing.T) {
	f := newFixture(t, group(1))
	f.deleteEmpty()
	f.want("first a sweep", "Sweep", "update status")
	f.world.Inject(fake.Fault{Method: fake.RemoveFolder, Err: &vsphere.Error{Class: vsphere.ClassTransient, Message: "busy"}})
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassTransient {
		t.Errorf("got %v, want ClassTransient", err)
	}
	f.said("the folder is still there", "RemoveFolder", "update status")
	if !slices.Contains(f.live().Finalizers, v1alpha1.Finalizer) {
		t.Error("the finalizer is gone before the folder")
	}
}

// The removal is asked for, and the finalizer stays until the folder is proven gone.
func TestFinalizerWaitsForTheFolder(t *testing.T) {
	f := newFixture(t, group(1))
	f.deleteEmpty()
	f.want("a sweep", "Sweep", "update status")
	f.world.HoldAnswers()
	f.want("asked for", "RemoveFolder")
	f.want("not answered", "RemoveFolder")
	if !slices.Contains(f.live().Finalizers, v1alpha1.Finalizer) {
		t.Fatal("the finalizer is gone before the folder")
	}
	f.wantStatus("meanwhile", "0/0 PENDING Deleting")
	f.world.ReleaseAnswers()
	f.want("the folder is gone", "patch")
}

func TestEach(t *testing.T) {
	conflict := &vsphere.Error{Class: vsphere.ClassConflict, Message: "conflict"}
	transient := &vsphere.Error{Class: vsphere.ClassTransient, Message: "transient"}
	away := &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "away"}
	tests := map[string]struct {
		errs  []error
		calls int
		want  error
	}{
		"all go well":                           {[]error{nil, nil}, 2, nil},
		"the first error is told, all are done": {[]error{conflict, transient, nil}, 3, conflict},
		"an outage ends it and is told":         {[]error{transient, away, nil}, 2, away},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := each(tc.errs, func(err error) error { calls++; return err })
			if !errors.Is(err, tc.want) || calls != tc.calls {
				t.Errorf("got %v after %d calls, want %v after %d", err, calls, tc.want, tc.calls)
			}
		})
	}
}

func TestWholeLife(t *testing.T) {
	f := newFixture(t, group(0))
	for _, replicas := range []int32{0, 3, 5, 2} {
		f.scale(replicas)
		f.settle()
		if n := len(f.live().Status.VMs); n != int(replicas) {
			t.Errorf("%d VMs are listed, want %d", n, replicas)
		}
	}
	f.delete()
	f.settle()
	var left []string
	for _, vm := range f.world.VMs() {
		left = append(left, vm.Name)
	}
	if diff := cmp.Diff([]string{"golden"}, left); diff != "" {
		t.Errorf("VMs in the end (-want +got):\n%s", diff)
	}
}

// TestRefusalIsToldOfItsVM tells of a VM, with the sync that was refused, why it is not in service: the next may be minutes away.
func TestRefusalIsToldOfItsVM(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	vm := f.live().Status.VMs[0]
	f.world.PowerOff(vsphere.Ref(vm.MoRef))
	f.world.Inject(fake.Fault{Method: fake.StartPowerOn, Err: &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNoPermission, Message: "denied"}})
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassInvalid {
		t.Errorf("the error that is acted on: %v", err)
	}
	status := f.live().Status
	if got := status.VMs[0]; got.Name != vm.Name || got.State != v1alpha1.VMFailed || got.Message != "denied" {
		t.Errorf("its VM: %+v", got)
	}
	if status.Phase != v1alpha1.PhaseError {
		t.Errorf("phase %s", status.Phase)
	}
}

// A VM that is off for a change which is refused is powered on by the next sync, which does not wait for the back-off of the
// refusal.
func TestAChangeThatIsRefusedIsSyncedAgainAtOnce(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.world.SetHotPlug(f.vm(0).Ref, false)
	f.edit(func(vg *v1alpha1.VmGroup) {
		vg.Spec.CPU++
		vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateInPlaceOnly}
	})
	f.world.Inject(fake.Fault{Method: fake.StartReconfigure, Err: &vsphere.Error{Class: vsphere.ClassInvalid, Message: "too many CPUs"}})
	for range 10 {
		if f.vm(0).Power == vsphere.PoweredOff {
			break
		}
		f.pass(lastInterval)
		f.try()
	}
	f.journal = nil
	f.pass(lastInterval)
	again, err := f.sync()
	if vsphere.ClassOf(err) != vsphere.ClassInvalid || again != atOnce {
		t.Errorf("again after %s, %v", again, err)
	}
	f.said("it is refused", "StartReconfigure", "update status")
	f.try()
	f.said("it is powered on", "StartPowerOn")
}

// TestALimitIsNotTriedAgainAtOnce: the snapshot does not tell of the limits of a class, so the next sync would be refused again. The
// adapter notifies the group when there is room, and then it fills up.
func TestALimitIsNotTriedAgainAtOnce(t *testing.T) {
	f := newFixture(t, group(3))
	f.restart(fake.Config{}, Config{KeeperOf: func(*v1alpha1.VmGroup) (plan.Keeper, error) { return plan.Keeper{Class: "gold"}, nil }})
	limit := func(most int64) {
		f.client.SetClasses([]vsphere.ClassSpec{{
			Name: "gold", TemplateFolder: "templates", Zones: []vsphere.ZoneSpec{{Name: "a", Cluster: fake.FirstCluster}},
			PerNamespace: vsphere.NamespaceLimits{VMs: &most},
		}})
	}
	limit(2)
	var again time.Duration
	var err error
	for range 5 {
		f.pass(lastInterval)
		again, err = f.sync()
	}
	if vsphere.ClassOf(err) != vsphere.ClassInvalid || again == atOnce {
		t.Errorf("again after %s, %v", again, err)
	}
	status := f.live().Status
	if status.Phase != v1alpha1.PhaseError || status.AvailableReplicas != 2 || !strings.Contains(status.Message, "and there are 2 (web 2)") {
		t.Errorf("%d available, %s: %s", status.AvailableReplicas, status.Phase, status.Message)
	}
	limit(3)
	f.settle()
	f.wantStatus("there is room", "3/3 READY AllReplicasAvailable")
}

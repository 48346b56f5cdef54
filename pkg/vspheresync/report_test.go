package vspheresync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

func TestEventsOnTransitionsOnly(t *testing.T) {
	f := newFixture(t, group(2))
	f.world.Hold()
	f.try()
	f.wantEvents("step 1/7, clones are sent, as was asked for")
	f.pass(firstInterval)
	f.try()
	f.wantEvents("step 2/7, they are under way")
	f.world.Release()
	f.settle()
	f.wantEvents("step 3/7, all there", "Normal AllReplicasAvailable")
	f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.IP = "192.0.2.1" })
	f.settle()
	f.wantEvents("step 4/7, a VM has an address")
	f.scale(3)
	f.settle()
	f.wantEvents("more VMs are asked for, and there", "Normal AllReplicasAvailable")
	f.world.Destroy(f.vm(2).Ref)
	f.settle()
	f.wantEvents("nobody has asked for that", "Normal ScalingUp", "Normal AllReplicasAvailable")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "missing" })
	for range 3 {
		f.pass(time.Minute)
		f.try()
	}
	f.wantEvents("step 5/7, the template is missing", "Warning TemplateNotFound")
	f.restart(fake.Config{}, Config{})
	f.try()
	f.wantEvents("step 6/7, a restart is no transition, and notices are told again", "Warning TemplateNotFound")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "golden" })
	f.settle()
	f.wantEvents("step 7/7, healed: it was READY all the time")
}

// An outage is one event, not one for each group: it is in the conditions, and so is its end.
func TestOutage(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.events()
	f.world.SetOutage(true)
	f.journal = nil
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("got %v, want ClassUnavailable", err)
	}
	f.said("it is told once", "update status")
	f.wantStatus("Ready is unknown, the counts stay", "2/2 PENDING VCenterUnreachable")
	if n := len(f.live().Status.VMs); n != 2 {
		t.Errorf("%d VMs are listed, want 2: they are not known to be gone", n)
	}
	f.pass(time.Hour)
	f.scale(0)
	f.try()
	f.said("nothing is done, and the status says it already")
	f.scale(2)
	f.world.SetOutage(false)
	f.settle()
	f.wantStatus("it is over", "2/2 READY AllReplicasAvailable")
	f.wantEvents("not one event")
}

func TestMassDisappearance(t *testing.T) {
	f := newFixture(t, group(10))
	f.settle()
	f.events()
	readable := func(slot int, can bool) {
		f.world.Update(f.vm(slot).Ref, func(vm *vsphere.VM) { vm.Unreadable = !can })
	}
	for slot := range 3 {
		f.world.Destroy(f.vm(slot).Ref)
	}
	readable(8, false)
	readable(9, false)
	f.want("three are proven gone: they are replaced only when the other two are, or are back", "update status")
	f.wantStatus("then", "5/7 PENDING MassDisappearance")
	f.wantEvents("and", "Warning MassDisappearance")
	readable(8, true)
	f.want("one is back", "update status")
	f.wantEvents("it is told once")
	f.world.Destroy(f.vm(9).Ref)
	f.want("the other is proven gone", "get", "StartClone web-0d1f2-0", "StartClone web-0d1f2-1", "StartClone web-0d1f2-2", "StartClone web-0d1f2-9", "update status")
	f.settle()
	f.wantStatus("in the end", "10/10 READY AllReplicasAvailable")
}

// A group that goes takes its VMs with it by our own hand, which is no disappearance.
func TestScaleDownIsNoDisappearance(t *testing.T) {
	f := newFixture(t, group(10))
	f.settle()
	f.scale(5)
	for range 3 { // switched off, destroyed, seen
		f.try()
	}
	if n := len(f.world.VMs()) - 1; n != 5 {
		t.Fatalf("%d VMs, want 5", n)
	}
	f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.Unreadable = true })
	f.scale(6)
	f.journal = nil
	f.try()
	if !slices.Contains(f.journal, "StartClone web-0d1f2-5") {
		t.Errorf("with one of 6 missing, nothing is cloned: %v", f.journal)
	}
}

func TestOutageInBetween(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.scale(4)
	f.world.Inject(fake.Fault{Method: fake.StartClone, Err: &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "lost"}})
	f.journal = nil
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("got %v, want ClassUnavailable", err)
	}
	f.said("two are to be made", "update status", "StartClone web-0d1f2-2", "StartClone web-0d1f2-3", "update status")
	if sent := f.sent(fake.StartClone); sent[len(sent)-1] != "StartClone web-0d1f2-2" {
		t.Errorf("the other clone is tried: %v", sent)
	}
	f.wantStatus("then", "2/2 PENDING VCenterUnreachable")
}

// A status that could not be written says what is no longer true. It is tried again soon, whatever else has failed: the
// classes of vCenter's troubles wait for minutes, or until vCenter is back.
func TestWhatTheAPIServerRefusedIsTriedSoon(t *testing.T) {
	tests := map[string]struct {
		fault        fake.Fault
		replicas     int32
		verb, subres string
	}{
		"the status, while vCenter is away": {
			fake.Fault{Method: fake.Snapshot, Err: &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "away"}}, 1, "update", "status"},
		"the status, and the template is wrong": {
			fake.Fault{Method: fake.FindTemplate, Err: &vsphere.Error{Class: vsphere.ClassInvalid, Message: "none"}}, 3, "update", "status"},
		"everything, and the template cannot be looked up": {
			fake.Fault{Method: fake.FindTemplate, Err: &vsphere.Error{Class: vsphere.ClassExhausted, Message: "none"}}, 1, "*", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(2))
			f.settle()
			f.scale(tc.replicas)
			f.world.Inject(tc.fault)
			f.kube.PrependReactor(tc.verb, "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
				return tc.verb == "*" || action.GetSubresource() == tc.subres, nil, apierrors.NewInternalError(errors.New("no etcd"))
			})
			_, err := f.sync()
			if got := vsphere.ClassOf(err); got != vsphere.ClassTransient {
				t.Errorf("class %s, want Transient: %v", got, err)
			}
			if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), tc.fault.Err.Message) {
				t.Errorf("not all of it is told: %v", err)
			}
		})
	}
}

func TestNoticesOnce(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.events()
	ref := f.world.CopyVM(f.vm(0).Ref, "mine")
	f.settle()
	f.settle()
	f.wantEvents("step 1/4, a copy", "Warning Copy")
	f.world.SetOutage(true)
	f.try()
	f.world.SetOutage(false)
	f.settle()
	f.wantEvents("step 2/4, after an outage it is the same copy")
	f.world.Destroy(ref)
	f.settle()
	f.wantEvents("step 3/4, it is gone")
	f.world.CopyVM(f.vm(0).Ref, "mine")
	f.settle()
	f.wantEvents("step 4/4, another copy", "Warning Copy")
}

func TestFolderThatStaysIsTold(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.world.AddForeignVM(folder, "db")
	f.delete()
	f.settle()
	if got := f.events(); got[len(got)-1] != "Warning FolderNotEmpty" {
		t.Errorf("events: %v, want the last to be FolderNotEmpty", got)
	}
	if got := f.live().Finalizers; len(got) > 0 {
		t.Errorf("finalizers %v are left", got)
	}
}

func TestStrippedFinalizerIsTold(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.events()
	before := f.live().Status
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{"foregroundDeletion"} })
	f.delete()
	f.want("past our reach")
	f.want("and stays so")
	f.wantEvents("its VM is told of, once", "Warning Orphaned")
	if diff := cmp.Diff(before, f.live().Status); diff != "" {
		t.Errorf("the status has changed:\n%s", diff)
	}
	f.vm(0)
}

func TestStatusIsWrittenEvenWhenTheWorkFailed(t *testing.T) {
	tests := map[string]struct {
		class vsphere.Class
		want  string
	}{
		"refused":        {vsphere.ClassInvalid, "0/0 ERROR InvalidConfiguration"},
		"no room":        {vsphere.ClassExhausted, "0/0 PENDING ResourceExhausted"},
		"failed":         {vsphere.ClassTransient, "0/0 PENDING Retrying"},
		"never answered": {vsphere.ClassUnknown, "0/0 PENDING OutcomeUnknown"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1))
			f.world.Inject(fake.Fault{Method: fake.StartClone, Err: &vsphere.Error{Class: tc.class, Message: "no"}})
			if _, err := f.sync(); vsphere.ClassOf(err) != tc.class {
				t.Errorf("got %v, want class %s", err, tc.class)
			}
			f.wantStatus("then", tc.want)
			if f.live().Status.Folder == nil {
				t.Error("the folder that was made is not recorded")
			}
		})
	}
	t.Run("the API server failed", func(t *testing.T) {
		f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{v1alpha1.Finalizer} }))
		f.pass(-firstInterval)
		f.remember(testUID)
		f.pass(firstInterval)
		failures := 1
		f.kube.PrependReactor("*", "vmgroups", func(k8stesting.Action) (bool, runtime.Object, error) {
			failures--
			return failures >= 0, nil, apierrors.NewInternalError(fmt.Errorf("no"))
		})
		if _, err := f.sync(); !apierrors.IsInternalError(err) {
			t.Errorf("got %v, want the error of the API server", err)
		}
		f.said("nothing is sent without a proof", "update status")
		f.wantStatus("then", "0/0 PENDING ScalingUp")
	})
}

// TestWhatCouldNotBeLearned has the lookup of the template fail after a long silence. The sync ends with that error, so that
// another comes: to look again at once, and to succeed, would leave a plan that nobody carries out.
func TestWhatCouldNotBeLearned(t *testing.T) {
	f := newFixture(t, group(1))
	var answer error = &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "no answer"}
	f.cfg.VCenter = &silentTemplates{Interface: f.cfg.VCenter, answer: func() error {
		f.pass(time.Minute)
		first := answer
		answer = nil
		return first
	}}
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("got %v, want ClassUnavailable", err)
	}
}

// A template that is still looked for is neither there nor missing: nothing is cloned, and nobody is told of an error.
func TestATemplateThatIsLookedFor(t *testing.T) {
	f := newFixture(t, group(1))
	templates := &silentTemplates{Interface: f.cfg.VCenter, answer: func() error { return vsphere.ErrPending }}
	f.cfg.VCenter = templates
	f.want("it is looked for")
	f.pass(firstInterval)
	f.want("the search takes long", "update status")
	f.wantStatus("meanwhile", "0/0 PENDING ScalingUp")
	templates.answer = func() error { return nil }
	f.want("it is found", "patch", "EnsureFolder", "StartClone web-0d1f2-0", "update status")
	templates.answer = func() error { return vsphere.ErrPending }
	f.settle()
	f.wantStatus("looked for again, with nothing to do", "1/1 READY AllReplicasAvailable")
}

// silentTemplates is a vCenter that answers to the lookup of a template when it wants to.
type silentTemplates struct {
	vsphere.Interface
	answer func() error
}

func (v *silentTemplates) FindTemplate(ctx context.Context, g vsphere.GroupID, class, name string) (vsphere.Template, error) {
	if err := v.answer(); err != nil {
		return vsphere.Template{}, err
	}
	return v.Interface.FindTemplate(ctx, g, class, name)
}

func TestStatusWriteFails(t *testing.T) {
	t.Run("somebody else was first", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.try()
		f.pass(firstInterval)
		f.conflict("update", "status")
		if _, err := f.sync(); !apierrors.IsConflict(err) {
			t.Errorf("got %v, want a conflict", err)
		}
		f.wantEvents("nothing is told that was not written")
	})
	t.Run("it took effect, and nobody was told", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.settle()
		cached := f.live()
		f.world.PowerOff(f.vm(0).Ref)
		lost := errors.New("connection reset")
		f.kube.PrependReactor("update", "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
			if err := lost; err != nil {
				lost = nil
				f.edit(func(vg *v1alpha1.VmGroup) {
					vg.Status = action.(k8stesting.UpdateAction).GetObject().(*v1alpha1.VmGroup).Status
				})
				return true, nil, err
			}
			return false, nil, nil
		})
		if _, err := f.sync(); err == nil {
			t.Fatal("no error of a lost answer")
		}
		f.wantStatus("written, and the answer is lost", "0/1 PENDING ScalingUp")
		f.journal = nil
		if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
			t.Errorf("got %v, want a conflict", err)
		}
		f.said("the VM is back before the cache has that status, which says the same as is to be written", "update status")
		f.want("the cache has it", "update status")
		f.want("and once is enough")
	})
	t.Run("the group is gone", func(t *testing.T) {
		f := newFixture(t)
		f.world.SetOutage(true)
		if _, err := f.syncFrom(group(1)); apierrors.IsNotFound(err) {
			t.Errorf("got %v: that it is gone is no error", err)
		}
	})
}

// A process whose lease is not surely its own has nothing to say: what it sees may be older than what its successor wrote.
func TestSilentWithoutLease(t *testing.T) {
	f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Status.ControllerName = v1alpha1.DefaultControllerName }))
	forbidden := &vsphere.Error{Class: vsphere.ClassUnavailable, Reason: vsphere.ReasonWriteForbidden, Message: "no lease"}
	f.restart(fake.Config{Guard: func() error { return forbidden }}, Config{})
	f.journal = nil
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("got %v, want ClassUnavailable", err)
	}
	for _, write := range f.journal {
		if write == "update status" {
			t.Errorf("a status was written: %v", f.journal)
		}
	}
}

// The same when there is nothing to ask of vCenter, whose guard then refuses nothing: neither status nor finalizer.
func TestNoWriteWithoutLease(t *testing.T) {
	for name, vg := range map[string]*v1alpha1.VmGroup{
		"a status":    group(0, func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{v1alpha1.Finalizer} }),
		"a finalizer": group(1),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, vg)
			f.restart(fake.Config{}, Config{Sure: func() error { return errors.New("no lease") }})
			f.journal = nil
			if _, err := f.sync(); err != nil && vsphere.ClassOf(err) != vsphere.ClassUnavailable {
				t.Errorf("got %v, want ClassUnavailable", err)
			}
			for _, write := range f.journal {
				if write == "update status" || write == "patch" {
					t.Errorf("the API server was written to: %v", f.journal)
				}
			}
		})
	}
}

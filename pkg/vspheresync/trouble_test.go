package vspheresync

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

var errNoCache = errors.New("no cache")

// brokenLister cannot list.
type brokenLister struct{ listers.VmGroupLister }

func (brokenLister) List(labels.Selector) ([]*v1alpha1.VmGroup, error) { return nil, errNoCache }

// lateOutage answers so many snapshots, and none after them.
type lateOutage struct {
	vsphere.Interface
	left int
}

func (l *lateOutage) Snapshot(ctx context.Context, g vsphere.GroupID, class string) (vsphere.Snapshot, error) {
	if l.left--; l.left < 0 {
		return vsphere.Snapshot{}, &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "away"}
	}
	return l.Interface.Snapshot(ctx, g, class)
}

// What has to be known before anything is changed is asked again when it could not be learned.
func TestWhatCannotBeLearned(t *testing.T) {
	t.Run("who else lives", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.settle()
		f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.Stamp.UID = "another" })
		lister := f.cfg.Lister
		f.cfg.Lister = brokenLister{lister}
		f.journal = nil
		if _, err := f.sync(); !errors.Is(err, errNoCache) {
			t.Errorf("got %v", err)
		}
		f.said("nothing is cloned", "update status")
		f.cfg.Lister = lister
		f.settle()
		f.wantStatus("then", "1/1 READY AllReplicasAvailable")
	})
	t.Run("what a deletion that the cache does not know whole has asked for", func(t *testing.T) {
		f := newFixture(t, group(1))
		f.settle()
		f.delete()
		f.try()
		cached := f.live().DeepCopy()
		f.edit(func(vg *v1alpha1.VmGroup) { vg.ResourceVersion = "20" })
		f.kube.PrependReactor("list", "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
			if action.(k8stesting.ListActionImpl).ListOptions.ResourceVersion == "19" {
				return true, nil, apierrors.NewInternalError(errors.New("no etcd"))
			}
			return true, &v1alpha1.VmGroupList{}, nil
		})
		f.journal = nil
		if _, err := f.syncFrom(cached); !apierrors.IsConflict(err) {
			t.Errorf("got %v, want a conflict", err)
		}
		f.said("nothing is destroyed", "get")
		if _, err := f.sync(); !apierrors.IsInternalError(err) {
			t.Errorf("got %v", err)
		}
		f.said("nor when the cache has it")
	})
}

// Whoever has taken the finalizer, it is gone: the end that was wanted.
func TestFinalizerIsGoneAlready(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   error
		finished bool
	}{
		"gone":           {apierrors.NewNotFound(v1alpha1.Resource("vmgroups"), "web"), true},
		"nobody can say": {apierrors.NewInternalError(errors.New("no etcd")), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(1))
			f.settle()
			f.delete()
			f.want("its VM goes", "update status", "StartPowerOff")
			f.want("its VM goes", "get", "StartDestroy")
			f.want("then a sweep", "Sweep")
			f.kube.PrependReactor("patch", "vmgroups", func(k8stesting.Action) (bool, runtime.Object, error) {
				return true, nil, tc.answer
			})
			f.journal = nil
			f.pass(lastInterval)
			if _, err := f.sync(); (err == nil) != tc.finished {
				t.Errorf("error %v, want finished %t", err, tc.finished)
			}
			if wrote := slices.Contains(f.journal, "update status"); wrote == tc.finished {
				t.Errorf("a status was written: %t; journal %v", wrote, f.journal)
			}
		})
	}
}

// A power-on or a cancel that fails is told, keeps nothing else back, and is tried again.
func TestChangesThatFailAreTriedAgain(t *testing.T) {
	busy := &vsphere.Error{Class: vsphere.ClassTransient, Message: "busy"}
	t.Run("power on", func(t *testing.T) {
		f := newFixture(t, group(2))
		f.settle()
		f.world.PowerOff(f.vm(0).Ref)
		f.scale(3)
		f.world.Inject(fake.Fault{Method: fake.StartPowerOn, Err: busy})
		f.journal = nil
		if _, err := f.sync(); !errors.Is(err, busy) {
			t.Errorf("got %v, want what vCenter said", err)
		}
		f.said("the clone goes on", "update status", "StartPowerOn", "StartClone web-0d1f2-2", "update status")
		f.settle()
		f.wantStatus("in the end", "3/3 READY AllReplicasAvailable")
	})
	t.Run("cancel", func(t *testing.T) {
		f := newFixture(t, group(2))
		f.world.Hold()
		f.try()
		f.scale(1)
		f.world.Inject(fake.Fault{Method: fake.Cancel, Err: busy})
		f.journal = nil
		f.pass(lastInterval)
		if _, err := f.sync(); !errors.Is(err, busy) {
			t.Errorf("got %v, want what vCenter said", err)
		}
		f.want("it is asked again", "Cancel web-0d1f2-1", "update status")
	})
}

// What was verified is not known before it is seen again.
func TestOutageAfterVerification(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	ref := f.vm(1).Ref
	f.restart(fake.Config{}, Config{})
	f.world.Destroy(ref)
	f.cfg.VCenter = &lateOutage{f.cfg.VCenter, 1}
	f.journal = nil
	if _, err := f.sync(); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("got %v, want ClassUnavailable", err)
	}
	f.said("nothing is replaced", "Verify ["+string(ref)+"]", "update status")
	f.wantStatus("unknown is not empty", "2/2 PENDING VCenterUnreachable")
}

// Without a list of the VmGroups, nobody can say that the root folder was never there.
func TestRootFolderWithoutACache(t *testing.T) {
	f := newFixture(t, group(1))
	lister := f.cfg.Lister
	f.cfg.Lister = brokenLister{lister}
	if _, err := f.sync(); !errors.Is(err, errNoCache) {
		t.Errorf("got %v, want %v", err, errNoCache)
	}
	f.said("nothing is made", "update status")
	f.cfg.Lister = lister
	f.want("it is made", "patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0", "update status")
}

// Without a list of the VmGroups, nobody is an orphan.
func TestOrphansWithoutACache(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	strip(f)
	o := NewOrphans(OrphansConfig{
		VCenter: f.client, Client: f.kube.VsphereV1alpha1(), Lister: brokenLister{}, Period: time.Minute,
		Count: func(n int) { t.Errorf("%d orphans are counted", n) }, Clock: clocktesting.NewFakeClock(start),
	})
	if err := o.Check(t.Context()); !errors.Is(err, errNoCache) {
		t.Errorf("got %v, want %v", err, errNoCache)
	}
}

// The port promises a *vsphere.Error. One that carries none is no reason to give up.
func TestAnErrorOfNoClassIsTransient(t *testing.T) {
	err := errors.New("whatever")
	if got := asError(err); got.Class != vsphere.ClassTransient || !errors.Is(got, err) {
		t.Errorf("%+v", got)
	}
}

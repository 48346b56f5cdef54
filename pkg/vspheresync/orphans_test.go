package vspheresync

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	apiruntime "k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// orphansOf returns an Orphans of a fixture, and what it says.
func orphansOf(f *fixture, namespace string) (count func() int, check func() error, said func() string) {
	n := -1
	o := NewOrphans(OrphansConfig{
		VCenter: f.client, Client: f.kube.VsphereV1alpha1(), Lister: listers.NewVmGroupLister(f.cache),
		Namespace: namespace, Period: time.Minute, Count: func(found int) { n = found }, Clock: clocktesting.NewFakeClock(start),
	})
	logger := ktesting.NewLogger(f.t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	check = func() error { return o.Check(klog.NewContext(f.t.Context(), logger)) }
	buffer := logger.GetSink().(ktesting.Underlier).GetBuffer()
	return func() int { return n }, check, buffer.String
}

// strip takes the finalizer from a VmGroup that is being deleted: it is gone, and its VMs stay.
func strip(f *fixture) {
	f.t.Helper()
	vg := f.live()
	if err := f.kube.Tracker().Delete(v1alpha1.SchemeGroupVersion.WithResource("vmgroups"), vg.Namespace, vg.Name); err != nil {
		f.t.Fatal(err)
	}
	if err := f.cache.Delete(vg); err != nil {
		f.t.Fatal(err)
	}
}

func TestOrphansAreToldOfAndLeftAlone(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	count, check, said := orphansOf(f, "")
	want := func(step string, n, lines int) {
		t.Helper()
		if err := check(); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if got := strings.Count(said(), "is an orphan"); count() != n || got != lines {
			t.Errorf("%s: %v orphans and %d lines, want %v and %d:\n%s", step, count(), got, n, lines, said())
		}
	}
	f.journal = nil
	want("all have their VmGroup", 0, 0)
	f.said("nobody is asked")

	first, second := f.vm(0), f.vm(1)
	f.world.MarkAsTemplate(second.Ref, true)
	f.world.CopyVM(first.Ref, "a-copy")
	f.world.AddForeignVM(folder, "somebody")
	f.world.ResetCalls()
	strip(f)
	want("the finalizer was stripped", 2, 2)
	for _, word := range []string{first.Name, string(first.Ref), testUID, "/vmgroups/default/web/" + first.Name} {
		if !strings.Contains(said(), word) {
			t.Errorf("it does not say %q:\n%s", word, said())
		}
	}
	want("they are told of once", 2, 2)
	f.journal = nil
	f.world.Destroy(second.Ref)
	want("somebody has removed one", 1, 2)
	if calls := f.world.Calls(); len(calls) > 0 {
		t.Errorf("they were touched: %v", calls)
	}
}

func TestOrphansAreConfirmedLive(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	if err := f.cache.Delete(f.live()); err != nil { // a cache that lags behind
		t.Fatal(err)
	}
	count, check, _ := orphansOf(f, "")
	if err := check(); err != nil || count() != 0 {
		t.Errorf("its VmGroup exists: %v orphans, %v", count(), err)
	}

	strip(f)
	if err := check(); err != nil || count() != 1 {
		t.Errorf("its VmGroup is gone: %v orphans, %v", count(), err)
	}
	broken := errors.New("no API server")
	f.kube.PrependReactor("list", "vmgroups", func(k8stesting.Action) (bool, apiruntime.Object, error) { return true, nil, broken })
	if err := check(); !errors.Is(err, broken) || count() != 1 {
		t.Errorf("what cannot be confirmed: %v orphans, %v", count(), err)
	}
	f.world.SetOutage(true)
	if err := check(); vsphere.ClassOf(err) != vsphere.ClassUnavailable || count() != 1 {
		t.Errorf("unknown is not empty: %v orphans, %v", count(), err)
	}
}

// A VmGroup of another namespace exists as well as ever, although it is not to be seen.
func TestOrphansOfOneNamespace(t *testing.T) {
	for namespace, want := range map[string]int{"": 1, "default": 1, "another": 0} {
		f := newFixture(t, group(1))
		f.settle()
		strip(f)
		count, check, _ := orphansOf(f, namespace)
		if err := check(); err != nil || count() != want {
			t.Errorf("namespace %q: %v orphans, %v; want %v", namespace, count(), err, want)
		}
		f.world.Move(f.vm(0).Ref, "elsewhere")
		if err := check(); err != nil || count() != want {
			t.Errorf("namespace %q: moved elsewhere: %v orphans, %v; want %v", namespace, count(), err, want)
		}
		f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.Stamp.Namespace = "" }) // a stamp of version 1 has none
		if err := check(); err != nil || count() != 0 && namespace != "" {
			t.Errorf("namespace %q: moved elsewhere with an old stamp: %v orphans, %v", namespace, count(), err)
		}
	}
}

func TestOrphansAreLookedForAgain(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	strip(f)
	clock := clocktesting.NewFakeClock(start)
	found := make(chan int)
	o := NewOrphans(OrphansConfig{
		VCenter: f.client, Client: f.kube.VsphereV1alpha1(), Lister: listers.NewVmGroupLister(f.cache),
		Period: time.Hour, Count: func(n int) { found <- n }, Clock: clock,
	})
	f.world.SetOutage(true)
	ctx, stop := context.WithCancel(t.Context())
	go o.Run(ctx)
	rest := func() {
		t.Helper()
		for !clock.HasWaiters() {
			runtime.Gosched()
		}
	}
	rest()
	f.world.SetOutage(false)
	clock.Step(orphansRetry)
	if n := <-found; n != 1 {
		t.Errorf("after vCenter is back: %d, want 1", n)
	}
	rest()
	f.world.Destroy(f.vm(0).Ref)
	clock.Step(2 * time.Hour)
	if n := <-found; n != 0 {
		t.Errorf("after the period: %d, want none", n)
	}
	stop()
	if n := <-found; n != 0 {
		t.Errorf("in the end: %d, want none", n)
	}
}

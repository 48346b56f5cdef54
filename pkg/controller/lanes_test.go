package controller

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/cache"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"

	"time"
)

func TestEditsOvertakeRoutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		sync := &syncer{}
		f := startWith(t, sync, Config{Workers: 1}, 0, group("a"), group("b"), group("c"))
		sync.take()
		sync.answer = func(context.Context, *v1alpha1.VmGroup) (time.Duration, error) {
			<-hold
			return 0, nil
		}
		f.Notify(id("uid-a"))
		f.want("the only worker is busy", "a")
		f.Notify(id("uid-b"))
		f.Notify(id("uid-c"))
		f.update("c", func(vg *v1alpha1.VmGroup) { vg.ResourceVersion, vg.Generation = "11", 2 })
		f.update("a", func(vg *v1alpha1.VmGroup) { vg.ResourceVersion, vg.Generation = "11", 2 })
		synctest.Wait()
		close(hold)
		f.want("edits first, also of what waits or is being synced", "c", "a", "b")
	})
}

func TestLanes(t *testing.T) {
	key := func(name string) cache.ObjectName { return cache.NewObjectName("ns", name) }
	l := newLanes()
	for i := range 3 {
		l.Push(key(fmt.Sprintf("slow%d", i)))
	}
	for i := range turn + 2 {
		l.hurry(key(fmt.Sprintf("fast%d", i)))
		l.Push(key(fmt.Sprintf("fast%d", i)))
	}
	l.Touch(key("slow0")) // not marked
	l.hurry(key("slow2"))
	l.Touch(key("slow2"))
	l.hurry(key("fast0"))
	l.Touch(key("fast0"))
	var got []string
	for l.Len() > 0 {
		got = append(got, l.Pop().Name)
	}
	want := []string{"fast0", "fast1", "fast2", "fast3", "fast4", "fast5", "fast6", "fast7", "slow0", "fast8", "fast9", "slow2", "slow1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	l.Push(key("fast0"))
	if l.Len() != 1 || len(l.slow) != 1 {
		t.Error("a mark has outlived its key")
	}
}

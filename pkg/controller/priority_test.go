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

func TestEditsHavePriority(t *testing.T) {
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

func TestPriorities(t *testing.T) {
	key := func(name string) cache.ObjectName { return cache.NewObjectName("ns", name) }
	q := newPriorityQueue()
	for i := range 3 {
		q.Push(key(fmt.Sprintf("low%d", i)))
	}
	for i := range maxHighInARow + 2 {
		q.raise(key(fmt.Sprintf("high%d", i)))
		q.Push(key(fmt.Sprintf("high%d", i)))
	}
	q.Touch(key("low0")) // not raised
	q.raise(key("low2"))
	q.Touch(key("low2"))
	q.raise(key("high0"))
	q.Touch(key("high0"))
	var got []string
	for q.Len() > 0 {
		got = append(got, q.Pop().Name)
	}
	want := []string{"high0", "high1", "high2", "high3", "high4", "high5", "high6", "high7", "low0", "high8", "high9", "low2", "low1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	q.Push(key("high0"))
	if q.Len() != 1 || len(q.low) != 1 {
		t.Error("a key stays raised after it has left")
	}
}

package vspheresync

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// wantState hands the group to the cache, if it is there, as its informer does, and compares the sums without their zeros.
func (f *fixture) wantState(step string, want metrics.State) {
	f.t.Helper()
	if len(f.cache.List()) > 0 {
		if err := f.cache.Update(f.live()); err != nil {
			f.t.Fatal(err)
		}
	}
	got := f.State()
	for _, values := range []map[string]int{got.Groups, got.Replicas, got.VMs, got.Rollouts} {
		for key, n := range values {
			if n == 0 {
				delete(values, key)
			}
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.t.Errorf("%s: (-want +got):\n%s", step, diff)
	}
}

func replicas(desired, current, available, updated int) map[string]int {
	out := map[string]int{}
	for state, n := range map[string]int{"Desired": desired, "Current": current, "Ready": available, "Available": available, "Updated": updated} {
		if n > 0 {
			out[state] = n
		}
	}
	return out
}

func TestState(t *testing.T) {
	f := newFixture(t, group(120))
	if err := f.cache.Add(f.live()); err != nil {
		t.Fatal(err)
	}
	f.wantState("step 1/7, not synced yet", metrics.State{
		Groups: map[string]int{"NEW": 1}, Replicas: replicas(120, 0, 0, 0), VMs: map[string]int{},
	})
	f.world.Hold()
	f.try()
	f.pass(lastInterval)
	f.try()
	f.wantState("step 2/7, clones are under way", metrics.State{
		Groups: map[string]int{"PENDING": 1}, Replicas: replicas(120, 16, 0, 0), VMs: map[string]int{"Pending": 16},
	})
	f.world.Release()
	for range 10 {
		f.settle()
	}
	f.wantState("step 3/7, more than a status lists", metrics.State{
		Groups: map[string]int{"READY": 1}, Replicas: replicas(120, 120, 120, 120), VMs: map[string]int{"Available": 120},
	})
	f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.Connection = "disconnected" })
	f.world.CopyVM(f.vm(1).Ref, "mine")
	f.settle()
	f.wantState("step 4/7, not all in service", metrics.State{
		Groups: map[string]int{"PENDING": 1}, Replicas: replicas(120, 120, 119, 120),
		VMs: map[string]int{"Available": 119, "Unreachable": 1, "Copy": 1},
	})
	f.world.SetOutage(true)
	f.try()
	f.wantState("step 5/7, an outage: as last known", metrics.State{
		Groups: map[string]int{"PENDING": 1}, Replicas: replicas(120, 120, 119, 120),
		VMs: map[string]int{"Available": 119, "Unreachable": 1, "Copy": 1},
	})
	if err := f.cache.Delete(f.live()); err != nil {
		t.Fatal(err)
	}
	f.wantState("step 6/7, the group is gone", metrics.State{Groups: map[string]int{}, Replicas: map[string]int{}, VMs: map[string]int{}})
	f.Forget(cache.NewObjectName("default", "web"), testUID)
	if err := f.cache.Add(f.live()); err != nil {
		t.Fatal(err)
	}
	if n := f.State().VMs["Available"]; n != 0 {
		t.Errorf("step 7/7, %d VMs are known of a group that was forgotten", n)
	}
}

func TestRolloutState(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	want := func(step, state string, age time.Duration) {
		t.Helper()
		if err := f.cache.Update(f.live()); err != nil {
			t.Fatal(err)
		}
		got := f.State()
		for _, each := range []string{"Progressing", "Halted", "Paused"} {
			if n, shown := got.Rollouts[each]; !shown || (n == 1) != (each == state) {
				t.Errorf("%s: %d rollouts are %s (shown: %t); want one %s", step, n, each, shown, state)
			}
		}
		if got.LongestRollout != age {
			t.Errorf("%s: a rollout has been under way for %s, want %s", step, got.LongestRollout, age)
		}
	}
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 8 })
	f.settle()
	f.pass(time.Hour)
	want("step 1/9, out of date, and nothing replaces that", "", 0)
	f.world.Hold()
	f.edit(func(vg *v1alpha1.VmGroup) {
		vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, ProgressDeadlineSeconds: ptr.To[int32](600)}
	})
	f.try()
	want("step 2/9, it begins", "Progressing", 0)
	f.pass(9 * time.Minute)
	f.try()
	want("step 3/9, a clone takes its time", "Progressing", 9*time.Minute)
	f.restart(fake.Config{}, Config{})
	f.try()
	want("step 4/9, another process: since the group is not ready", "Progressing", 9*time.Minute)
	f.world.SetOutage(true)
	f.pass(time.Minute)
	f.try()
	want("step 5/9, an outage: as last known", "Progressing", 10*time.Minute)
	f.world.SetOutage(false)
	f.try()
	f.pass(10 * time.Minute)
	f.try()
	want("step 6/9, the deadline has passed", "Halted", 20*time.Minute)
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	f.try()
	want("step 7/9, paused", "Paused", 20*time.Minute)
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = false })
	f.try()
	want("step 8/9, it goes on", "Progressing", 20*time.Minute)
	f.world.Release()
	for range 10 {
		f.settle()
	}
	want("step 9/9, its end", "", 0)
}

func TestEventsHaveTheOpID(t *testing.T) {
	f := newFixture(t, group(1))
	f.try()
	vg := f.live()
	if _, err := f.Sync(vsphere.WithOpID(t.Context(), "op-1"), vg); err != nil {
		t.Fatal(err)
	}
	if event := <-f.recorder.Events; !strings.HasSuffix(event, "map["+v1alpha1.OpIDAnnotation+":op-1]") {
		t.Errorf("the event is %q, want it to have the opID as an annotation", event)
	}
}

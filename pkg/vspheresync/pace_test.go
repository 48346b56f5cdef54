package vspheresync

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// Progress is told after 1, 2, 4 ... 60 s, however often something happens.
func TestPaceOfProgress(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "missing" }) // a transition, so that it begins anew
	f.try()
	last := f.clock.Now()
	progress := func(want time.Duration) {
		t.Helper()
		for second := time.Second; second <= want; second += time.Second {
			f.pass(time.Second)
			f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.IP = fmt.Sprintf("192.0.2.%d", f.clock.Now().Unix()%250) })
			f.journal = nil
			after, _ := f.sync()
			written := cmp.Equal(f.journal, []string{"update status"})
			if due := second == want; written != due {
				t.Fatalf("%v after the last write: written %v, want %v", f.clock.Since(last), written, due)
			}
			if !written && after != want-second {
				t.Fatalf("%v after the last write: sync again after %v, want %v", second, after, want-second)
			}
		}
		last = f.clock.Now()
	}
	for _, seconds := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		progress(seconds * time.Second)
	}
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "golden" })
	f.journal = nil
	f.try()
	f.said("a transition is told at once", "update status")
	last = f.clock.Now()
	progress(time.Second)
	progress(2 * time.Second)
}

// A group whose guests are ready by turns writes its status at most once in flapInterval, and says what is true then.
func TestPaceOfGuests(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.edit(func(vg *v1alpha1.VmGroup) {
		vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	})
	f.world.SetTools(f.vm(0).Ref, true)
	f.world.SetTools(f.vm(1).Ref, true)
	f.try()
	f.pass(time.Hour)
	f.try()
	f.wantStatus("step 1, both run", "2/2 READY AllReplicasAvailable")
	f.pass(time.Hour)
	writes := 0
	for second := range 60 {
		f.world.SetTools(f.vm(1).Ref, second%2 == 0)
		f.journal = nil
		if _, err := f.sync(); err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(f.journal, []string{"update status"}) {
			writes++
		}
		if second == 1 {
			f.wantStatus("step 2, one stops: told at once", "1/2 PENDING NotReady")
		}
		f.pass(time.Second)
	}
	if writes < 2 || writes > 7 {
		t.Errorf("%d writes in a minute, at most 7 are allowed", writes)
	}
	f.world.SetTools(f.vm(0).Ref, true)
	f.world.SetTools(f.vm(1).Ref, true)
	after, _ := f.sync()
	if after > flapInterval {
		t.Errorf("it is looked at again after %s", after)
	}
	f.pass(after)
	f.try()
	f.wantStatus("step 3, both run", "2/2 READY AllReplicasAvailable")
}

// To submit a plan may take long. The status tells what is true when it is written, not when the plan was made.
func TestStatusAfterALongSync(t *testing.T) {
	f := newFixture(t, group(1))
	f.beforeClones = func() { f.pass(2 * freshFor) }
	if _, err := f.sync(); err != nil {
		t.Fatal(err)
	}
	f.wantStatus("the clone has ended before the sync has", "1/1 READY AllReplicasAvailable")
}

// Of VMs that follow each other within a second, only the last is told.
func TestProgressOfWhatIsUnderWay(t *testing.T) {
	f := newFixture(t, group(3))
	f.restart(fake.Config{MaxClones: 1}, Config{})
	f.world.Hold()
	f.want("the first is made", "patch", "update status", "EnsureFolder", "StartClone web-0d1f2-0", "StartClone web-0d1f2-1", "StartClone web-0d1f2-2")
	f.want("which a status says", "update status")
	after := func(d time.Duration, step string, want ...string) {
		t.Helper()
		f.world.Release()
		f.world.Hold()
		f.pass(d)
		f.try()
		f.said(step, want...)
	}
	after(lastInterval, "the second is made", "get", "StartClone web-0d1f2-1", "StartClone web-0d1f2-2")
	after(firstInterval-1, "the third is made", "StartClone web-0d1f2-2")
	after(0, "all are there", "update status")
	f.wantStatus("then", "3/3 READY AllReplicasAvailable")
}

// Of a thousand groups whose VMs are made at once, twenty in a second tell of progress. What has ended does not wait.
func TestProgressOfManyGroups(t *testing.T) {
	f := newFixture(t, group(1))
	f.world.Hold()
	f.try()
	f.turns.ReserveN(f.clock.Now(), 50) // by fifty others
	f.pass(firstInterval)
	f.turns.ReserveN(f.clock.Now(), 20)
	f.journal = nil
	for range 3 {
		if after, err := f.sync(); err != nil || after != 50*time.Millisecond {
			t.Errorf("synced again after %v, %v; want the time until its turn, which it keeps", after, err)
		}
	}
	f.said("others have come first")
	f.pass(50 * time.Millisecond)
	f.try()
	f.said("its turn has come", "update status")
	f.turns.ReserveN(f.clock.Now(), 50)
	f.world.Release()
	f.journal = nil
	f.try()
	f.said("it has ended", "update status")
	f.wantStatus("then", "1/1 READY AllReplicasAvailable")
}

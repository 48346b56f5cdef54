package operations_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// poweredOn lets a power-on succeed.
func (f *fixture) poweredOn(uid string, vm vsphere.Ref) {
	f.t.Helper()
	_, task := f.run(uid, vsphere.Operation{Kind: vsphere.OperationPowerOn, VM: vm})
	f.Ended(task, "", nil)
}

func (f *fixture) wantPowerOns(step, uid string, want ...string) {
	f.t.Helper()
	var got []string
	for _, p := range f.PowerOns(uid) {
		got = append(got, fmt.Sprintf("%s %d", p.VM, p.Count))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", step, diff)
	}
}

func TestPowerOnsInARow(t *testing.T) {
	f := newFixture(t, 4)
	f.wantPowerOns("none", "a")
	f.poweredOn("a", "vm-2")
	f.poweredOn("a", "vm-1")
	f.pass(10 * time.Second)
	f.poweredOn("a", "vm-1")
	f.wantPowerOns("each VM for itself", "a", "vm-1 2", "vm-2 1")
	f.wantPowerOns("each group for itself", "b")
	if got := f.PowerOns("a")[0].At; !got.Equal(start.Add(10 * time.Second)) {
		t.Errorf("the last was at %v", got)
	}
	_, task := f.run("a", vsphere.Operation{Kind: vsphere.OperationPowerOn, VM: "vm-1"})
	f.Ended(task, "", failure(vsphere.ClassTransient))
	_, task = f.run("a", power("vm-1"))
	f.Ended(task, "", nil)
	f.wantPowerOns("neither what fails nor what powers off", "a", "vm-1 2", "vm-2 1")
}

func TestPowerOnThatLasts(t *testing.T) {
	f := newFixture(t, 4)
	for range 2 {
		f.poweredOn("a", "vm-1")
	}
	f.pass(vsphere.PowerOnDelay(2) + vsphere.StableAfter - 1)
	f.wantPowerOns("not quite", "a", "vm-1 2")
	f.poweredOn("a", "vm-1")
	f.wantPowerOns("it was powered on before", "a", "vm-1 3")
	f.pass(vsphere.PowerOnDelay(3) + vsphere.StableAfter)
	f.wantPowerOns("it has stayed on", "a")
	f.poweredOn("a", "vm-1")
	f.wantPowerOns("a new row", "a", "vm-1 1")
}

// A VM that never stays on is waited for 10 minutes at most, and that wait does not count as having stayed on.
func TestPowerOnThatNeverLasts(t *testing.T) {
	f := newFixture(t, 4)
	for n := range 20 {
		f.poweredOn("a", "vm-1")
		f.wantPowerOns("next", "a", fmt.Sprintf("vm-1 %d", n+1))
		f.pass(vsphere.PowerOnDelay(n + 1))
	}
	if got := vsphere.PowerOnDelay(20); got != 10*time.Minute {
		t.Errorf("the pause is %v", got)
	}
}

func TestPowerOnsAreForgotten(t *testing.T) {
	for name, forget := range map[string]func(*fixture){
		"the VM is gone":     func(f *fixture) { f.Gone("vm-1") },
		"the group is gone":  func(f *fixture) { f.Forget("a") },
		"another vCenter":    func(f *fixture) { f.Reset() },
		"it has proven last": func(f *fixture) { f.pass(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 4)
			f.poweredOn("a", "vm-1")
			forget(f)
			f.wantPowerOns("then", "a")
		})
	}
	t.Run("one that ends after the group is gone", func(t *testing.T) {
		f := newFixture(t, 4)
		_, task := f.run("a", vsphere.Operation{Kind: vsphere.OperationPowerOn, VM: "vm-1"})
		f.Forget("a")
		f.Ended(task, "", nil)
		f.wantPowerOns("then", "a")
	})
}

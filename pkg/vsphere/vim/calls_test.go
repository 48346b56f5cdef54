package vim_test

import (
	"fmt"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// waker hands one group's notifications to a loop, as a workqueue would.
type waker chan struct{}

func (w waker) Notify(vsphere.GroupID) { w.wake() }

func (w waker) NotifyAll() { w.wake() }

func (w waker) wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// TestCallsPerVM holds what 300 VMs cost vCenter. How often the adapter asks for updates, and changes the list of tasks that it
// watches, depends on how fast the machine is: make bench measures that, and it does not count here.
func TestCallsPerVM(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 300 VMs")
	}
	const n = 300
	ctx := t.Context()
	sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}})
	woken := make(waker, 1)
	v, _ := run(t, configFor(sim, woken))
	awaitSynced(t, v)
	must(t, sim.Control.ResetCalls(ctx))

	folder, err := v.EnsureFolder(ctx, web)
	must(t, err)
	template, err := findTemplate(t, v, web, "linux")
	must(t, err)
	loop(t, v, woken, func(s vsphere.Snapshot) bool {
		if ready(s) == n && len(s.Operations) == 0 {
			return true
		}
		var clones []vsphere.Request
		for slot := range n {
			name := fmt.Sprintf("web-0d1f2-%d", slot)
			if !taken(s, name) {
				spec := vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{CPU: 1, MemoryMiB: 512}, Folder: folder, Slot: slot, PowerOn: true}
				clones = append(clones, cloneOf(template, name, spec))
			}
		}
		_ = v.Start(ctx, web, clones) // no turn left: later
		return false
	})
	report(t, sim, "created", n, 1.2)

	loop(t, v, woken, func(s vsphere.Snapshot) bool {
		var off []vsphere.Ref
		for _, vm := range s.VMs {
			switch {
			case busy(s, vm.Ref):
			case vm.Power == vsphere.PoweredOff:
				off = append(off, vm.Ref)
			default:
				_ = v.Start(ctx, web, requestsOn(vsphere.OperationPowerOff, vm.Ref)) // no turn left: later
			}
		}
		_ = v.Start(ctx, web, requestsOn(vsphere.OperationDestroy, off...)) // no turn left: later
		return len(s.VMs) == 0 && len(s.Operations) == 0
	})
	report(t, sim, "destroyed", n, 2.6)
}

// loop acts on the group whenever it is woken, until it is done.
func loop(t *testing.T, v *vim.VCenter, woken waker, act func(vsphere.Snapshot) bool) {
	t.Helper()
	woken.wake()
	for {
		select {
		case <-woken:
		case <-t.Context().Done():
			t.Fatal("out of time")
		}
		s, err := v.Snapshot(t.Context(), web, "")
		must(t, err)
		if act(s) {
			return
		}
	}
}

func ready(s vsphere.Snapshot) int {
	n := 0
	for _, vm := range s.VMs {
		if vm.Configured && vm.Power == vsphere.PoweredOn {
			n++
		}
	}
	return n
}

func taken(s vsphere.Snapshot, name string) bool {
	for _, vm := range s.VMs {
		if vm.Name == name {
			return true
		}
	}
	for _, op := range s.Operations {
		if op.Name == name {
			return true
		}
	}
	return false
}

func busy(s vsphere.Snapshot, vm vsphere.Ref) bool {
	for _, op := range s.Operations {
		if op.VM == vm {
			return true
		}
	}
	return false
}

func report(t *testing.T, sim *vcsim.Process, what string, n int, limit float64) {
	t.Helper()
	calls, err := sim.Control.Calls(t.Context())
	must(t, err)
	counted := calls.Total() - calls.Methods["WaitForUpdatesEx"] - calls.Methods["ModifyListView"]
	per := float64(counted) / float64(n)
	t.Logf("%.2f calls per VM %s: %v", per, what, calls.Methods)
	if per > limit {
		t.Errorf("%.2f calls per VM %s, at most %.2f are allowed", per, what, limit)
	}
	must(t, sim.Control.ResetCalls(t.Context()))
}

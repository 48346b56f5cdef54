package sim_test

import (
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

func onHost(ref types.ManagedObjectReference) option {
	return func(s *types.VirtualMachineCloneSpec) { s.Location.Host = &ref }
}

// cloneError clones and returns what the task has failed with.
func (e *env) cloneError(name string, options ...option) error {
	e.t.Helper()
	task, err := e.submit(name, options...)
	e.must(err)
	return task.Wait(e.ctx)
}

// Where DRS is off, or only recommends, a clone that names no host is refused, as by vCenter.
func TestCloneWithoutDRS(t *testing.T) {
	e := start(t, sim.Options{Hosts: 2})
	host := types.ManagedObjectReference{Type: "HostSystem", Value: e.truth("template").Host}
	for behavior, on := range map[string]bool{"fullyAutomated": false, "manual": true} {
		e.must(e.control.SetDRS(e.ctx, on, behavior))
		if f := wantFault[*types.InvalidArgument](t, e.cloneError("refused")); f.InvalidProperty != "spec.location.host" {
			t.Errorf("DRS %t %s: it refuses %q", on, behavior, f.InvalidProperty)
		}
		e.clone("named-"+behavior, onHost(host))
		if got := e.truth("named-" + behavior).Host; got != host.Value {
			t.Errorf("it is on %s, want %s", got, host.Value)
		}
		_, err := e.control.CloneVM(e.ctx, "template", "by hand "+behavior) // the vSphere Client asks
		e.must(err)
	}
	e.must(e.control.SetDRS(e.ctx, true, "partiallyAutomated"))
	e.clone("chosen")
}

// A clone goes to no host that is in maintenance, away, or in another cluster.
func TestCloneToAnUnfitHost(t *testing.T) {
	e := start(t, sim.Options{Hosts: 2})
	host := types.ManagedObjectReference{Type: "HostSystem", Value: e.truth("template").Host}
	e.must(e.control.SetHost(e.ctx, host.Value, true, ""))
	wantFault[*types.InvalidState](t, e.cloneError("a", onHost(host)))
	e.clone("elsewhere")
	if got := e.truth("elsewhere").Host; got == host.Value || got == "" {
		t.Errorf("DRS has chosen %q, which is in maintenance", got)
	}
	e.must(e.control.SetHost(e.ctx, host.Value, false, "disconnected"))
	wantFault[*types.HostNotConnected](t, e.cloneError("b", onHost(host)))
	e.must(e.control.SetHost(e.ctx, e.truth("elsewhere").Host, true, ""))
	wantFault[*types.NoCompatibleHost](t, e.cloneError("c"))
	if err := e.control.SetHost(e.ctx, "nowhere", true, ""); err == nil {
		t.Error("a host that does not exist was changed")
	}
	two := start(t, sim.Options{Clusters: 2})
	var hosts []types.ObjectContent
	view := newView(two, two.client.ServiceContent.RootFolder, []string{"HostSystem"})
	two.must(view.Retrieve(two.ctx, []string{"HostSystem"}, []string{"name"}, &hosts))
	refused := 0
	for _, h := range hosts {
		if err := two.cloneError("on-"+h.Obj.Value, onHost(h.Obj)); err != nil {
			wantFault[*types.InvalidArgument](t, err)
			refused++
		}
	}
	if len(hosts) != 2 || refused != 1 {
		t.Errorf("%d of %d hosts refuse a clone into the pool of one cluster", refused, len(hosts))
	}
}

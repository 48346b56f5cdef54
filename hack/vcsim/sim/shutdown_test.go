package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const running = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)

// runTools has the stock simulator say that a virtual machine's Tools run.
func (e *env) runTools(vm *object.VirtualMachine) {
	e.t.Helper()
	task, err := vm.Reconfigure(e.ctx, types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "SET.guest.toolsRunningStatus", Value: running}},
	})
	e.must(err)
	e.must(task.Wait(e.ctx))
}

func TestShutdownNeedsTools(t *testing.T) {
	e := start(t, sim.Options{})
	vm := object.NewVirtualMachine(e.client.Client, e.clone("a"))
	e.runTools(vm)
	if fault := wantFault[*types.InvalidPowerState](t, vm.ShutdownGuest(e.ctx)); fault.ExistingState != types.VirtualMachinePowerStatePoweredOff ||
		fault.RequestedState != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("fault %+v", fault)
	}
	e.must(e.control.PowerOn(e.ctx, "a"))
	other := object.NewVirtualMachine(e.client.Client, e.clone("b"))
	e.must(e.control.PowerOn(e.ctx, "b"))
	wantFault[*types.ToolsUnavailable](t, other.ShutdownGuest(e.ctx))
	if state := e.truth("b").PowerState; state != "poweredOn" {
		t.Errorf("the refused shutdown left the VM %s", state)
	}
	e.must(vm.ShutdownGuest(e.ctx))
	if state := e.truth("a").PowerState; state != "poweredOff" {
		t.Errorf("the VM is %s after its shutdown", state)
	}
}

func TestShutdownHasNoTask(t *testing.T) {
	e := start(t, sim.Options{})
	vm := object.NewVirtualMachine(e.client.Client, e.clone("a", func(s *types.VirtualMachineCloneSpec) { s.PowerOn = true }))
	e.runTools(vm)
	before, err := e.control.Tasks(e.ctx)
	e.must(err)
	e.must(vm.ShutdownGuest(e.ctx))
	after, err := e.control.Tasks(e.ctx)
	e.must(err)
	if len(after) != len(before) {
		t.Errorf("a new task: %+v", after[len(after)-1])
	}
	entries := e.journal(0)
	call := find(t, entries, "call", func(e control.Entry) bool { return e.Kind == control.EntryCall && e.Method == "ShutdownGuest" })
	find(t, entries, "power-off after it", func(e control.Entry) bool {
		return e.VM != nil && e.VM.Name == "a" && e.VM.PowerState == "poweredOff" && e.Seq > call.Seq
	})
	if call.Name != "a" || call.User != "user" {
		t.Errorf("the call in the journal: %+v", call)
	}
}

func TestShutdownAsksForThePrivilegeOfPowerOff(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	vm := e.own("a")
	wantFault[*types.InvalidPowerState](t, vm.ShutdownGuest(e.ctx)) // it is off, and nothing else is wrong
	e.must(e.control.Deny(e.ctx, "VirtualMachine.Interact.PowerOff"))
	if fault := wantFault[*types.NoPermission](t, vm.ShutdownGuest(e.ctx)); fault.PrivilegeId != "VirtualMachine.Interact.PowerOff" {
		t.Errorf("fault %+v", fault)
	}
	if v := e.violations(); len(v) != 0 {
		t.Errorf("violations: %v", v)
	}
}

func TestTripwireOfShutdown(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	_, err := e.control.AddForeignVM(e.ctx, "group", "foreign")
	e.must(err)
	e.own("a")
	e.own("outside")
	_, err = e.control.CloneVM(e.ctx, "a", "copy")
	e.must(err)
	e.must(e.control.Move(e.ctx, "outside", e.makeFolder("elsewhere").Value))
	for name, reason := range map[string]string{
		"template": "template", "foreign": "no stamp", "copy": "copy", "outside": "outside the root folder",
	} {
		err := object.NewVirtualMachine(e.client.Client, e.vm(name)).ShutdownGuest(e.ctx)
		e.tripped(err, "VirtualMachine.ShutdownGuest", reason)
	}
	e.must(e.control.SetOwner(e.ctx, "somebody else"))
	err = object.NewVirtualMachine(e.client.Client, e.vm("a")).ShutdownGuest(e.ctx)
	e.tripped(err, "VirtualMachine.ShutdownGuest", fmt.Sprintf("owner %q", "me"))
}

func TestShutdownOfAGuest(t *testing.T) {
	e := startGuests(t, patient)
	vm := e.cloneOn("a")
	e.advance(boot + address)
	e.must(vm.ShutdownGuest(e.ctx))
	e.wantHealth(vm, "going down", leaving())
	e.advance(shutdown - 1)
	e.must(vm.ShutdownGuest(e.ctx)) // changes nothing
	e.wantHealth(vm, "going down, asked twice", leaving())
	e.advance(1)
	e.wantHealth(vm, "down", off())
	got := e.read(vm)
	if conn := e.cards(vm.Reference())[0].Connectable; conn.Connected || got.Summary.Runtime.BootTime != nil {
		t.Errorf("card %+v, booted at %v", conn, got.Summary.Runtime.BootTime)
	}
	wantFault[*types.InvalidPowerState](t, vm.ShutdownGuest(e.ctx))
	wantFault[*types.InvalidPowerState](t, vm.RebootGuest(e.ctx))
}

// TestShutdownBeforeTheAddresses has a guest go down when it has just booted: it does that and nothing else.
func TestShutdownBeforeTheAddresses(t *testing.T) {
	e := startGuests(t, patient)
	vm := e.cloneOn("a")
	e.advance(boot)
	e.must(vm.ShutdownGuest(e.ctx))
	if n := e.timers(); n != 1 {
		t.Errorf("%d timers, want that of the shutdown alone", n)
	}
	e.advance(address)
	e.wantHealth(vm, "when it would have had its addresses", booted.with(func(h *health) { h.State = "shuttingDown" }))
	e.advance(shutdown - address)
	e.wantHealth(vm, "down", off())
}

// TestShutdownThatDoesNotEnd takes a guest that ignores it, and one that hangs on its way down.
func TestShutdownThatDoesNotEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		change        func(*control.Guest)
		before, after bool // it changes before, or after, the guest is asked
		want          health
	}{
		"ignored": {func(g *control.Guest) { g.IgnoreShutdown = true }, true, false, ready()},
		"hung":    {func(g *control.Guest) { g.Hung = true }, false, true, booting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startGuests(t, patient)
			vm := e.cloneOn("a")
			e.advance(boot + address)
			other := patient
			tt.change(&other)
			if tt.before {
				e.must(e.control.SetGuest(e.ctx, "a", other))
			}
			e.must(vm.ShutdownGuest(e.ctx))
			if tt.after {
				e.must(e.control.SetGuest(e.ctx, "a", other))
			}
			e.advance(time.Hour)
			e.wantHealth(vm, "an hour later", tt.want)
			e.do(vm.PowerOff(e.ctx)) // which always works
			e.wantHealth(vm, "switched off", off())
		})
	}
}

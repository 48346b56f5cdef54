package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const (
	boot     = 30 * time.Second
	address  = 10 * time.Second
	shutdown = 20 * time.Second

	readyKey  = "guestinfo.vmgroup.ready"
	readyPath = `config.extraConfig["` + readyKey + `"]`
)

// patient is a guest that takes its time for everything.
var patient = control.Guest{Tools: true, BootDelay: boot, IPDelay: address, ShutdownDelay: shutdown}

// startGuests is a simulator whose guests are all like that, and whose clock stands still.
func startGuests(t *testing.T, g control.Guest) *env {
	t.Helper()
	return start(t, sim.Options{Guest: g, GuestClockStopped: true})
}

// cloneOn is a clone that is switched on.
func (e *env) cloneOn(name string) *object.VirtualMachine {
	e.t.Helper()
	ref := e.clone(name, func(s *types.VirtualMachineCloneSpec) { s.PowerOn = true })
	return object.NewVirtualMachine(e.client.Client, ref)
}

func (e *env) advance(d time.Duration) {
	e.t.Helper()
	e.must(e.control.AdvanceGuests(e.ctx, d))
}

// do waits for the task of a call.
func (e *env) do(task *object.Task, err error) {
	e.t.Helper()
	e.must(err)
	e.must(task.Wait(e.ctx))
}

func (e *env) timers() int {
	e.t.Helper()
	clock, err := e.control.GuestClock(e.ctx)
	e.must(err)
	return clock.Timers
}

// read is the properties of a virtual machine.
func (e *env) read(vm *object.VirtualMachine) mo.VirtualMachine {
	e.t.Helper()
	var out mo.VirtualMachine
	paths := []string{"guest", "summary", "guestHeartbeatStatus", "runtime", "config"}
	e.must(property.DefaultCollector(e.client.Client).RetrieveOne(e.ctx, vm.Reference(), paths, &out))
	return out
}

// health is what tells people and controllers how a guest is.
type health struct {
	Power, Running, Status, Version, State, Heartbeat string
	IP                                                bool
}

var (
	unheard = health{Power: "poweredOn", Running: "guestToolsNotRunning", Status: "toolsNotInstalled", Heartbeat: "gray"}
	booting = health{Power: "poweredOn", Running: "guestToolsNotRunning", Status: "toolsNotRunning", Version: "guestToolsCurrent",
		State: "notRunning", Heartbeat: "gray"}
	booted = health{Power: "poweredOn", Running: "guestToolsRunning", Status: "toolsOk", Version: "guestToolsCurrent",
		State: "running", Heartbeat: "green"}
)

func (h health) with(change func(*health)) health { change(&h); return h }

func ready() health   { return booted.with(func(h *health) { h.IP = true }) }
func off() health     { return booting.with(func(h *health) { h.Power = "poweredOff" }) }
func leaving() health { return ready().with(func(h *health) { h.State = "shuttingDown" }) }

// wantHealth fails the test unless a virtual machine, its summary and its addresses all say the same.
func (e *env) wantHealth(vm *object.VirtualMachine, when string, want health) {
	e.t.Helper()
	got := e.read(vm)
	seen := health{
		string(got.Runtime.PowerState), got.Guest.ToolsRunningStatus, string(got.Guest.ToolsStatus), got.Guest.ToolsVersionStatus2,
		got.Guest.GuestState, string(got.GuestHeartbeatStatus), got.Guest.IpAddress != "",
	}
	if seen.Heartbeat == "" {
		seen.Heartbeat = "gray" // as the stock simulator has it of those that were never on
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		e.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
	if got.Summary.Guest.ToolsRunningStatus != got.Guest.ToolsRunningStatus && got.Guest.GuestState != "" ||
		got.Summary.Guest.IpAddress != got.Guest.IpAddress || got.Summary.Runtime.PowerState != got.Runtime.PowerState {
		e.t.Errorf("%s: the summary %+v contradicts %+v", when, got.Summary.Guest, got.Guest)
	}
	for _, nic := range got.Guest.Net {
		if has := len(nic.IpAddress) > 0; has != want.IP {
			e.t.Errorf("%s: network card %+v", when, nic)
		}
	}
}

func TestGuestsHaveNoToolsUnlessTold(t *testing.T) {
	e := start(t, sim.Options{GuestClockStopped: true})
	vm := e.cloneOn("a")
	e.advance(time.Hour)
	e.wantHealth(vm, "without Tools", unheard)
	wantFault[*types.ToolsUnavailable](t, vm.ShutdownGuest(e.ctx))
}

func TestGuestBoots(t *testing.T) {
	e := startGuests(t, patient)
	vm := e.cloneOn("a")
	e.wantHealth(vm, "after power-on", booting)
	e.advance(boot - 1)
	e.wantHealth(vm, "before the boot delay is over", booting)
	wantFault[*types.ToolsUnavailable](t, vm.ShutdownGuest(e.ctx))
	e.advance(1)
	e.wantHealth(vm, "after the boot delay", booted)
	e.advance(address - 1)
	e.wantHealth(vm, "before the address delay is over", booted)
	e.advance(1)
	e.wantHealth(vm, "after the address delay", ready())
	if n := e.timers(); n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

// TestGuestThatIsQuick does all at once: neither delay needs the clock.
func TestGuestThatIsQuick(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	vm := e.cloneOn("a")
	e.wantHealth(vm, "after power-on", ready())
	e.must(vm.ShutdownGuest(e.ctx))
	e.wantHealth(vm, "after the shutdown", off())
}

// TestGuestOnTheRealClock needs no control port.
func TestGuestOnTheRealClock(t *testing.T) {
	e := start(t, sim.Options{Guest: control.Guest{Tools: true, BootDelay: time.Millisecond, IPDelay: time.Millisecond}})
	vm := e.cloneOn("a")
	w := e.watchGuests()
	w.until("an address", func() bool { return w.value(vm.Reference(), "guest.ipAddress") != nil })
	if err := e.control.AdvanceGuests(e.ctx, time.Second); err == nil {
		t.Error("the real clock was advanced")
	}
}

// TestGuestStops takes each way in which a guest ends.
func TestGuestStops(t *testing.T) {
	suspended := off().with(func(h *health) { h.Power = "suspended" })
	for name, tt := range map[string]struct {
		end  func(e *env, vm *object.VirtualMachine)
		want health
		on   bool // it boots again
	}{
		"power-off": {func(e *env, vm *object.VirtualMachine) { e.do(vm.PowerOff(e.ctx)) }, off(), false},
		"suspend":   {func(e *env, vm *object.VirtualMachine) { e.do(vm.Suspend(e.ctx)) }, suspended, false},
		"reset":     {func(e *env, vm *object.VirtualMachine) { e.do(vm.Reset(e.ctx)) }, booting, true},
		"shutdown": {func(e *env, vm *object.VirtualMachine) {
			e.must(vm.ShutdownGuest(e.ctx))
			e.advance(shutdown)
		}, off(), false},
		"reboot": {func(e *env, vm *object.VirtualMachine) {
			e.must(vm.RebootGuest(e.ctx))
			e.wantHealth(vm, "while it goes down", ready().with(func(h *health) { h.State = "resetting" }))
			e.advance(shutdown)
		}, booting, true},
		"it hangs": {func(e *env, vm *object.VirtualMachine) {
			hung := patient
			hung.Hung = true
			e.must(e.control.SetGuest(e.ctx, "a", hung))
		}, booting, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startGuests(t, patient)
			vm := e.cloneOn("a")
			e.advance(boot + address)
			e.wantHealth(vm, "before", ready())
			tt.end(e, vm)
			e.wantHealth(vm, "after", tt.want)
			if n := e.timers(); n != 0 != tt.on {
				t.Errorf("%d timers", n)
			}
			e.advance(boot + address)
			if tt.on {
				e.wantHealth(vm, "after the boot", ready())
			} else {
				e.wantHealth(vm, "much later", tt.want)
			}
		})
	}
}

// TestGuestBootIsCancelled has a power-off come between, and the next boot start from nothing.
func TestGuestBootIsCancelled(t *testing.T) {
	e := startGuests(t, patient)
	vm := e.cloneOn("a")
	e.advance(boot - 1)
	e.do(vm.PowerOff(e.ctx))
	if n := e.timers(); n != 0 {
		t.Errorf("%d timers are left of a VM that is off", n)
	}
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot - 1)
	e.wantHealth(vm, "when the first boot would have been over", booting)
	e.advance(1)
	e.wantHealth(vm, "after the second boot", booted)
}

func TestGuestThatIsDestroyedLeavesNoTimer(t *testing.T) {
	e := startGuests(t, patient)
	e.cloneOn("booting")
	vm := e.cloneOn("leaving")
	e.must(e.control.SetGuest(e.ctx, "leaving", control.Guest{Tools: true, ShutdownDelay: shutdown}))
	e.must(vm.ShutdownGuest(e.ctx))
	if n := e.timers(); n != 2 {
		t.Fatalf("%d timers before, want 2", n)
	}
	e.must(e.control.DestroyVM(e.ctx, "booting"))
	e.must(e.control.DestroyVM(e.ctx, "leaving"))
	if n := e.timers(); n != 0 {
		t.Errorf("%d timers are left", n)
	}
	e.advance(time.Hour)
}

func TestGuestOfOneVM(t *testing.T) {
	e := startGuests(t, control.Guest{})
	vm, other := e.cloneOn("a"), e.cloneOn("b")
	e.must(e.control.SetGuest(e.ctx, "a", patient))
	e.wantHealth(vm, "after it was told", booting)
	e.advance(boot + address)
	e.wantHealth(vm, "after its boot", ready())
	e.wantHealth(other, "the other one", unheard)
	hung := patient
	hung.Hung = true
	e.must(e.control.SetGuest(e.ctx, "a", hung))
	e.wantHealth(vm, "hung", booting)
	e.do(vm.Reset(e.ctx))
	e.advance(time.Hour)
	e.wantHealth(vm, "hung for good", booting)
	e.must(e.control.SetGuest(e.ctx, "a", patient))
	e.advance(boot + address)
	e.wantHealth(vm, "mended", ready())
	e.must(e.control.SetGuest(e.ctx, "a", control.Guest{Tools: true, IgnoreShutdown: true}))
	e.wantHealth(vm, "told something that stops nothing", ready())
	e.must(e.control.SetGuest(e.ctx, "a", control.Guest{}))
	removed := unheard.with(func(h *health) { h.Version, h.State = "guestToolsNotInstalled", "notRunning" })
	e.wantHealth(vm, "with its Tools removed", removed)

	e.must(e.control.SetUsualGuest(e.ctx, control.Guest{Tools: true}))
	e.do(other.Reset(e.ctx))
	e.wantHealth(other, "the other one, as usual by now", ready())
	e.do(vm.Reset(e.ctx))
	e.wantHealth(vm, "the one that was told otherwise", removed)
}

// TestGuestsOutliveARestart has vCenter restart while one guest boots and another goes down.
func TestGuestsOutliveARestart(t *testing.T) {
	e := startGuests(t, patient)
	e.cloneOn("leaving")
	e.advance(boot + address)
	e.must(object.NewVirtualMachine(e.client.Client, e.vm("leaving")).ShutdownGuest(e.ctx))
	e.cloneOn("booting")
	e.must(e.control.Restart(e.ctx, 0, control.TasksFail))
	e.client = e.login("user", "pass")
	e.advance(boot)
	e.wantHealth(object.NewVirtualMachine(e.client.Client, e.vm("booting")), "after the restart", booted)
	e.wantHealth(object.NewVirtualMachine(e.client.Client, e.vm("leaving")), "after the restart", off())
}

// watchGuests watches what readiness and shutdown are told by.
func (e *env) watchGuests() *watch {
	e.t.Helper()
	v := newView(e, e.folder, []string{"VirtualMachine"})
	return e.watch(v.Reference(), "ContainerView", types.PropertySpec{Type: "VirtualMachine", PathSet: []string{
		"guest.toolsRunningStatus", "guest.ipAddress", "guest.net", "guest.guestState", "runtime.powerState", readyPath,
	}})
}

// TestGuestsAreWatched follows one guest through its life by its updates alone.
func TestGuestsAreWatched(t *testing.T) {
	e := startGuests(t, patient)
	vm := object.NewVirtualMachine(e.client.Client, e.clone("a"))
	w := e.watchGuests()
	whole := e.watch(newView(e, e.folder, []string{"VirtualMachine"}).Reference(), "ContainerView",
		types.PropertySpec{Type: "VirtualMachine", PathSet: []string{"guest"}})
	w.next()
	whole.next()
	is := func(path string, want any) {
		t.Helper()
		w.until(fmt.Sprintf("%s = %v", path, want), func() bool { return cmp.Equal(w.value(vm.Reference(), path), want) })
	}
	inNet := func(want bool) {
		t.Helper()
		w.until(fmt.Sprintf("addresses in guest.net: %t", want), func() bool {
			nets, ok := w.value(vm.Reference(), "guest.net").(types.ArrayOfGuestNicInfo)
			return ok && len(nets.GuestNicInfo) == 1 && len(nets.GuestNicInfo[0].IpAddress) > 0 == want
		})
	}
	status := func(want string) {
		t.Helper()
		is("guest.toolsRunningStatus", want)
		whole.until("guest: "+want, func() bool {
			guest, ok := whole.value(vm.Reference(), "guest").(types.GuestInfo)
			return ok && guest.ToolsRunningStatus == want
		})
	}
	e.do(vm.PowerOn(e.ctx))
	is("runtime.powerState", types.VirtualMachinePowerStatePoweredOn)
	is("guest.guestState", "notRunning")
	e.advance(boot)
	status("guestToolsRunning")
	is("guest.ipAddress", nil)
	e.advance(address)
	is("guest.ipAddress", e.read(vm).Guest.IpAddress)
	inNet(true)

	e.must(e.control.SetGuestInfo(e.ctx, "a", readyKey, "true"))
	key := func(want any) {
		t.Helper()
		w.until(fmt.Sprintf("the key: %v", want), func() bool {
			value, ok := w.value(vm.Reference(), readyPath).(types.OptionValue)
			return ok && value.Value == want || !ok && want == nil
		})
	}
	key("true")
	e.must(e.control.SetGuestInfo(e.ctx, "a", readyKey, "false"))
	key("false")
	e.must(e.control.SetGuestInfo(e.ctx, "a", readyKey, ""))
	key(nil)

	e.must(e.control.SetGuestIPs(e.ctx, "a"))
	is("guest.ipAddress", nil)
	inNet(false)
	e.must(e.control.SetGuestIPs(e.ctx, "a", "192.0.2.1"))
	is("guest.ipAddress", "192.0.2.1")
	inNet(true)

	e.must(vm.ShutdownGuest(e.ctx))
	is("guest.guestState", "shuttingDown")
	e.advance(shutdown)
	is("runtime.powerState", types.VirtualMachinePowerStatePoweredOff)
	status("guestToolsNotRunning")
	is("guest.ipAddress", nil)
	inNet(false)
}

package sim

import (
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// A simulator that is closed leaves no guest behind that is about to do something.
func TestCloseEndsTheGuests(t *testing.T) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, vm := range []string{"vm-1", "vm-2"} {
		s.guests.plan(types.ManagedObjectReference{Type: "VirtualMachine", Value: vm}, time.Hour, func(*guestTimer) {})
	}
	if n := s.guests.clock.describe().Timers; n != 2 {
		t.Fatalf("%d timers before, want 2", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := s.guests.clock.describe().Timers; n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

// A timer that runs out just when something comes between has to wait for the virtual machine's lock, and is too late then.
func TestGuestTimerThatIsTooLate(t *testing.T) {
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-1"}
	g := guests{all: make(map[types.ManagedObjectReference]*guest)}
	g.clock.stopped = true
	plan := func() *guestTimer {
		g.plan(ref, time.Second, func(*guestTimer) {})
		return g.all[ref].next
	}
	for name, between := range map[string]func(){
		"another plan": func() { plan() }, "an interruption": func() { g.interrupt(ref) }, "the end": func() { g.forget(ref) },
	} {
		late := plan()
		between()
		if g.due(ref, late) {
			t.Errorf("a timer is due after %s", name)
		}
	}
	if !g.due(ref, plan()) {
		t.Error("a timer that nothing came between is not due")
	}
}

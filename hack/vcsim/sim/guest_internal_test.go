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

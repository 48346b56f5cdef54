package sim

import (
	"testing"
	"time"
)

// TestLockoutPolicy holds the clock that the front door cannot.
func TestLockoutPolicy(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLockouts(1)
	l.now = func() time.Time { return now }
	for i := range 6 { // never five within 180 s
		if l.failed("slow") {
			t.Errorf("locked by failure %d", i+1)
		}
		now = now.Add(45 * time.Second)
	}
	for i := range 5 {
		if got, want := l.failed("fast"), i == 4; got != want {
			t.Errorf("failure %d locked: %v", i+1, got)
		}
		now = now.Add(44 * time.Second)
	}
	now = now.Add(255 * time.Second) // 299 s after the last failure
	if !l.locked("fast") {
		t.Error("unlocked before its time")
	}
	now = now.Add(time.Second)
	if l.locked("fast") || l.state("fast").Failures != 0 {
		t.Errorf("not unlocked after 300 s: %+v", l.state("fast"))
	}
}

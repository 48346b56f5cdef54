package sim

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

func TestIdleRESTSession(t *testing.T) {
	var ended []string
	sessions := newRESTSessions(func(s control.Session) { ended = append(ended, s.User) })
	now := time.Unix(0, 0)
	sessions.now = func() time.Time { return now }
	idle, busy := sessions.open("idle", ""), sessions.open("busy", "")
	now = now.Add(restIdle - 1)
	if _, ok := sessions.seen(busy); !ok || len(sessions.list()) != 2 {
		t.Error("a session has ended too early")
	}
	now = now.Add(1)
	if left := sessions.list(); len(left) != 1 || left[0].User != "busy" {
		t.Errorf("sessions: %v", left)
	}
	if _, ok := sessions.seen(idle); ok {
		t.Error("an idle session still lives")
	}
	if len(ended) != 1 || ended[0] != "idle" {
		t.Errorf("the end was told of %v, want idle once", ended)
	}
}

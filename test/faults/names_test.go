package faults

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlanNames(t *testing.T) {
	for _, p := range []Plan{
		{"create", []Fault{{1, Call{VCenter, "CloneVM_Task", "web-1", 1}, AnswerLost}}},
		{"class", []Fault{{1, Call{VCenter, "session-Login", "", 1}, AnswerLost}}},
		{"scale", []Fault{{1, Call{VCenter, "CreateFilter", "", 12}, "503"}}},
		{"scale", []Fault{{1, Call{Kubernetes, "update", "vmgroups-web-status", 3}, CrashAfter}, {2, Call{VCenter, "Login", "", 1}, CrashBefore}}},
	} {
		got, err := ParsePlan(p.String())
		if diff := cmp.Diff(p, got); err != nil || diff != "" {
			t.Errorf("%s is read as %v, %v: %s", p, got, err, diff)
		}
	}
	for _, name := range []string{"create/vc.Login.1", "create/Login.1/refused", "create/vc.Login/refused", "create/vc.Login.x/refused"} {
		if p, err := ParsePlan(name); err == nil {
			t.Errorf("%q is read as %v", name, p)
		}
	}
}

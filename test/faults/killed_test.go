package faults

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// killSample is the part of the plans with a crash that is played with the real binary and SIGKILL: one in so many.
const (
	killSample      = 19
	killSampleShort = 61
)

// TestKilled plays a sample of the plans in which the process dies with the binary that ships, which is killed at that
// call by SIGKILL. It lives in real time, and chooses for itself.
func TestKilled(t *testing.T) {
	s := newSuite(t)
	s.kill = true
	var plans []Plan
	for _, name := range []string{"create", "scale", "destroyed", "delete", "again"} {
		i := slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == name })
		s.learn(scenarios[i])
		for _, h := range s.learned[name].calls {
			if ofLogin(h.call) {
				continue
			}
			plans = append(plans, Plan{name, []Fault{{1, h.call, CrashBefore}}}, Plan{name, []Fault{{1, h.call, CrashAfter}}})
		}
	}
	if t.Failed() {
		return
	}
	every := killSample
	if testing.Short() {
		every = killSampleShort
	}
	var sample []Plan
	for k := every / 2; k < len(plans); k += every {
		sample = append(sample, plans[k])
	}
	s.playAll(sample)
	s.report(len(sample))
}

// ofLogin tells whether a process that dies at a call may leave an attempt to log in on record, and not what came of it. The
// next one then waits for five minutes, which take as long in real time: TestFaults plays these plans.
func ofLogin(c Call) bool {
	return c.Verb == "Login" || c.Verb == "session-Login" || c.Verb == "create" && c.Object == "leases" || strings.HasPrefix(c.Object, "leases-") && strings.HasSuffix(c.Object, "-login")
}

// startChild starts the binary that ships on a line.
func (r *run) startChild(l *line) controller {
	return r.StartChild(harness.ChildOptions{
		Args:           append([]string{"-v=4"}, r.scenario.args...),
		CredentialsDir: r.dir,
		WrapKubernetes: l.side(Kubernetes), WrapVCenter: l.side(VCenter),
	})
}

package invariants

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const (
	traceKept  = 2000 // lines
	traceShown = 60
)

// trace is what has happened lately, for people: all that changes something, and what came of it.
type trace struct {
	start time.Time
	lines []line
}

type line struct {
	at   time.Time
	uid  string // of the group that it is about, if it is about one
	text string
}

func (t *trace) add(at time.Time, uid, text string) {
	if t.start.IsZero() {
		t.start = at
	}
	t.lines = append(t.lines, line{at, uid, text})
	if len(t.lines) >= 2*traceKept {
		t.lines = append([]line(nil), t.lines[traceKept:]...)
	}
}

// text returns the last lines that are about a group, or about none.
func (t *trace) text(g *group) string {
	var out []string
	for i := len(t.lines) - 1; i >= 0 && len(out) < traceShown; i-- {
		l := t.lines[i]
		if g == nil || l.uid == "" || l.uid == g.uid {
			out = append(out, fmt.Sprintf("  +%6d ms  %s\n", l.at.Sub(t.start).Milliseconds(), l.text))
		}
	}
	var b strings.Builder
	for i := len(out) - 1; i >= 0; i-- {
		b.WriteString(out[i])
	}
	return b.String()
}

// record puts an event into the trace. It comes before the event has any effect, so what it says is what was before.
func (s *state) record(e event) {
	switch what := e.what.(type) {
	case control.Entry:
		s.recordEntry(e.at, what)
	case groupSeen:
		if !s.news(what) {
			return
		}
		vg, verb := what.vg, "is"
		if what.gone {
			verb = "is gone, was"
		}
		s.trace.add(e.at, string(vg.UID), fmt.Sprintf("VmGroup   %s/%s %s generation %d, %d replicas, deleting %t, finalizers %v; status: generation %d %s, %d of %d",
			vg.Namespace, vg.Name, verb, vg.Generation, vg.DesiredReplicas(), vg.DeletionTimestamp != nil, vg.Finalizers,
			vg.Status.ObservedGeneration, vg.Status.Phase, vg.Status.AvailableReplicas, vg.Status.Replicas))
	case write:
		s.trace.add(e.at, what.uid, "write     "+what.text())
	case refusal:
		s.trace.add(e.at, what.uid, fmt.Sprintf("refused   %d: %s", what.code, what.text()))
	case processes:
		s.trace.add(e.at, "", fmt.Sprintf("process   %+d", what))
	case rotated:
		s.trace.add(e.at, "", "process   has another credential")
	}
}

func (w write) text() string {
	out := w.verb + " " + w.path
	if w.finalizers != nil {
		out += fmt.Sprintf(" finalizers %v", *w.finalizers)
	}
	if w.status != nil {
		out += fmt.Sprintf(" status: generation %d %s, %d of %d", w.status.ObservedGeneration, w.status.Phase, w.status.AvailableReplicas, w.status.Replicas)
	}
	return out
}

func (s *state) recordEntry(at time.Time, e control.Entry) {
	switch {
	case e.Kind == control.EntryCall && !mutates(e.Method):
		return
	case e.Kind == control.EntryAnswer:
		if call, ok := s.calls[e.Call]; !ok || (e.Fault == "" && call.Method != methodClone) {
			return
		}
	}
	s.trace.add(at, s.uidOf(e), fmt.Sprintf("%-9s %s", e.Kind, e.Text()))
}

// uidOf returns the UID of the group that an entry is about, if it is about one.
func (s *state) uidOf(e control.Entry) string {
	var text string
	switch {
	case e.VM != nil:
		text = e.VM.Stamp
	case e.Clone != nil:
		text = e.Clone.Stamp
	case s.vms[e.MoRef] != nil:
		text = s.vms[e.MoRef].Stamp
	}
	if stamp := parseStamp(text); stamp != nil {
		return stamp.UID
	}
	return ""
}

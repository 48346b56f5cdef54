package sim

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// traceLength is how many entries of the journal a violation carries.
const traceLength = 30

// violations is what a controller of ours must never do, and has done.
type violations struct {
	journal *journal

	mu   sync.Mutex
	seen []control.Violation
}

// add records a violation, with what led to it.
func (v *violations) add(violation control.Violation) {
	violation.Time = time.Now()
	bare := violation // the journal's has no trace
	v.journal.add(control.Entry{
		Kind: control.EntryViolation, Method: violation.Method, MoRef: violation.MoRef, Name: violation.Name,
		Agent: violation.UserAgent, Violation: &bare,
	})
	violation.Trace = v.journal.last(traceLength)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, violation)
}

func (v *violations) list() []control.Violation {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]control.Violation{}, v.seen...)
}

// violation describes a call as one that must not be.
func (s *Simulator) violation(ctx *simulator.Context, m *simulator.Method, kind, reason string) control.Violation {
	return control.Violation{
		Kind: kind, Method: m.This.Type + "." + m.Name, MoRef: m.This.Value, Name: entityName(s.registry, m.This),
		UserAgent: ctx.Session.UserAgent, Reason: reason, Refused: s.options.Strict, TargetChanged: s.journal.vmChanged(m.This.Value),
	}
}

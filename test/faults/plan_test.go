package faults

import (
	"fmt"
	"strconv"
	"strings"
)

// Fault is one thing that goes wrong: a mode for one call of one incarnation of the controller.
type Fault struct {
	Incarnation int // 1 is the first
	Call        Call
	Mode        Mode
}

// losesALogin reports whether f leaves a session that nobody knows. vCenter ends it when it has been idle for long.
func (f Fault) losesALogin() bool {
	return f.Mode == AnswerLost && (f.Call.Verb == "Login" || f.Call.Verb == "session-Login")
}

// Plan is one run: a scenario, and what goes wrong in it. The second fault of a plan hits the recovery from the first.
type Plan struct {
	Scenario string
	Faults   []Fault
}

// String is the name of the plan: scenario/call/mode, and for a second fault call/mode again. ParsePlan reads it.
func (p Plan) String() string {
	parts := []string{p.Scenario}
	for _, f := range p.Faults {
		parts = append(parts, f.Call.String(), string(f.Mode))
	}
	return strings.Join(parts, "/")
}

// ParsePlan reads the name of a plan.
func ParsePlan(name string) (Plan, error) {
	parts := strings.Split(name, "/")
	if len(parts)%2 == 0 {
		return Plan{}, fmt.Errorf("plan %q: want scenario/call/mode, and perhaps call/mode once more", name)
	}
	p := Plan{Scenario: parts[0]}
	for i := 1; i < len(parts); i += 2 {
		call, err := parseCall(parts[i])
		if err != nil {
			return Plan{}, fmt.Errorf("plan %q: %w", name, err)
		}
		p.Faults = append(p.Faults, Fault{Incarnation: len(p.Faults) + 1, Call: call, Mode: Mode(parts[i+1])})
	}
	return p, nil
}

func parseCall(name string) (Call, error) {
	kind, number, ok := cutLast(name, ".")
	n, err := strconv.Atoi(number)
	parts := strings.SplitN(kind, ".", 3)
	if !ok || err != nil || len(parts) < 2 {
		return Call{}, fmt.Errorf("call %q: want side.verb.object.number", name)
	}
	c := Call{Side: Side(parts[0]), Verb: parts[1], N: n}
	if len(parts) == 3 {
		c.Object = parts[2]
	}
	return c, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// The stock simulator has a REST endpoint too. It is not used: to link it adds it to every simulator of the process, it
// asks for no privilege, refuses next to nothing, and its cluster modules are not safe for concurrent use.

// restMethod is one operation of the REST endpoint.
type restMethod struct {
	name    string // as counters, fault rules, privileges and the journal have it
	pattern string // of http.ServeMux
	action  string // of the query
	serve   func(*Simulator, *restCall) (any, *restError)
}

// restMethods is what govmomi's clients of sessions, tags and cluster modules call, and nothing else.
func restMethods() []restMethod {
	return slices.Concat(sessionMethods(), tagMethods(), moduleMethods())
}

func isREST(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/rest/") || isAPI(r)
}

// isAPI reports whether a call is one of the newer form, whose answers are not wrapped.
func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

// restHandler serves the REST endpoint.
func (s *Simulator) restHandler() http.Handler {
	byPattern := map[string][]restMethod{"/": nil}
	for _, m := range restMethods() {
		byPattern[m.pattern] = append(byPattern[m.pattern], m)
	}
	mux := http.NewServeMux()
	for pattern, methods := range byPattern {
		mux.Handle(pattern, s.serveREST(methods))
	}
	return mux
}

// serveREST serves the methods of one path, which differ by the action that the query names.
func (s *Simulator) serveREST(methods []restMethod) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := s.requests.answer(w, r, s.gate)
		defer out.end(control.ReplyLost) // unless it has been answered
		c := s.newRESTCall(out.request, r, methods)
		s.arriveREST(c)
		value, err := s.answerREST(c)
		out.reply(c, value, err)
	})
}

// arriveREST counts a call and puts it into the journal.
func (s *Simulator) arriveREST(c *restCall) {
	s.calls.add(c.request.agent, c.name)
	call := control.Entry{
		Kind: control.EntryCall, Method: c.name, Agent: c.request.agent, User: c.session.User, OpID: c.http.Header.Get("X-Request-ID"),
	}
	if objects := c.objects(); len(objects) > 0 {
		call.MoRef, call.Name = objects[0].Value, entityName(s.registry, objects[0])
	}
	call.Seq = s.journal.add(call)
	c.request.call = call
}

// answerREST refuses a call, lets it meet a fault rule, or does what it asks for.
func (s *Simulator) answerREST(c *restCall) (any, *restError) {
	if err := s.forbidREST(c); err != nil {
		return nil, err
	}
	type answer struct {
		value any
		err   *restError
	}
	out := meet(s, s.faults.match(s.restSighting(c)), c.request,
		func() answer {
			value, err := c.serve(s, c)
			return answer{value, err}
		},
		func(rule *rule) answer { return answer{err: s.restFault(c, rule)} })
	return out.value, out.err
}

// reply writes the answer in the form of the path that was called.
func (w *answer) reply(c *restCall, value any, err *restError) {
	status, body := http.StatusOK, []byte(nil)
	switch {
	case err != nil:
		w.request.fault = err.name()
		status, body = err.status, marshal(err.body(isAPI(c.http)))
	case value == nil && isAPI(c.http):
		status = http.StatusNoContent
	case value == nil:
	case !isAPI(c.http):
		body = marshal(map[string]any{"value": value})
	default:
		if c.name == restLogin {
			status = http.StatusCreated
		}
		body = marshal(value)
	}
	w.empty = len(body) == 0
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if w.empty {
		return
	}
	if _, err := w.Write(body); err != nil {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one: net/http cuts the connection
	}
}

// marshal encodes an answer. All of them are made of texts, numbers and times, which cannot fail: one that does is a defect of the
// simulator, and no fault of vCenter that a test may take it for.
func marshal(value any) []byte {
	out, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Errorf("encode the answer %T: %w", value, err))
	}
	return out
}

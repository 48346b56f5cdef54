package sim

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// request is the HTTP request that a SOAP call came in. The stock simulator keeps it to itself; but it lets the session
// cookie be read, so that is where the number of the request travels.
type request struct {
	agent string
	ctx   context.Context // ends when the client gives up

	// Set by the gateway, and read once it has returned.
	call   control.Entry // the call's own entry; Seq is 0 if no call has been made out
	fault  string        // of the answer
	status int           // answer with this HTTP status instead; 0 for the answer there is
}

// requests is the requests that are being served.
type requests struct {
	journal *journal
	next    atomic.Int64
	open    sync.Map // number, as a string: *request
}

const requestSeparator = "."

// handler numbers every request and puts an entry into the journal when it has been answered, or when it has become sure
// that it will not be.
func (q *requests) handler(gate *gate, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := q.answer(w, r, gate)
		number := strconv.FormatInt(q.next.Add(1), 10)
		q.open.Store(number, out.request)
		defer func() {
			q.open.Delete(number)
			out.end(control.ReplyLost) // unless it has been answered
		}()
		next.ServeHTTP(out, numbered(r, number))
	})
}

// answer returns the writer of the answer to a request.
func (q *requests) answer(w http.ResponseWriter, r *http.Request, gate *gate) *answer {
	rq := &request{agent: r.UserAgent(), ctx: r.Context()}
	return &answer{ResponseWriter: w, gate: gate, request: rq, journal: q.journal}
}

// numbered returns the request with its number in the session cookie.
func numbered(r *http.Request, number string) *http.Request {
	session := ""
	if cookie, err := r.Cookie(soap.SessionCookieName); err == nil {
		session = cookie.Value
	}
	out := r.Clone(r.Context())
	out.Header.Set("Cookie", soap.SessionCookieName+"="+session+requestSeparator+number)
	return out
}

// sessionCookie implements Registry.Cookie: the session's key without the number.
func sessionCookie(ctx *simulator.Context) string {
	session, _, _ := strings.Cut(simulator.HTTPCookie(ctx), requestSeparator)
	return session
}

// of returns the request that a call came in.
func (q *requests) of(ctx *simulator.Context) *request {
	_, number, _ := strings.Cut(simulator.HTTPCookie(ctx), requestSeparator)
	rq, ok := q.open.Load(number)
	if !ok {
		return &request{ctx: context.Background()}
	}
	return rq.(*request)
}

// answer writes an answer, unless the gate or a fault has other plans for it.
type answer struct {
	http.ResponseWriter
	gate    *gate
	request *request
	journal *journal
	ended   bool
	cut     bool // half of it is all the client gets
	empty   bool // it has no body, and so no half
}

// WriteHeader passes the gate once more: an outage that began while the call ran swallows the answer, and so does a
// client that is no longer there.
func (w *answer) WriteHeader(code int) {
	var late time.Duration
	late, w.cut = w.gate.answers()
	if late > 0 {
		timer := time.NewTimer(late)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-w.request.ctx.Done():
		}
	}
	if w.gate.pass(w.request.ctx) || w.request.ctx.Err() != nil {
		panic(http.ErrAbortHandler) // cuts the connection, without an answer or in the middle of it
	}
	switch {
	case w.cut:
		w.end(control.ReplyLost)
		if w.empty {
			panic(http.ErrAbortHandler) // cuts the connection
		}
	case w.request.status != 0:
		w.end("HTTP" + strconv.Itoa(w.request.status))
		code = w.request.status
	default:
		w.end(w.request.fault)
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write writes the body of an answer, which comes in one piece, or what is to be seen of it.
func (w *answer) Write(body []byte) (int, error) {
	switch {
	case w.request.status != 0:
		if _, err := io.WriteString(w.ResponseWriter, "the service is not available\n"); err != nil {
			return 0, err
		}
		return len(body), nil
	case w.cut:
		if _, err := w.ResponseWriter.Write(body[:len(body)/2]); err != nil {
			return 0, err
		}
		if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
			return 0, err
		}
		panic(http.ErrAbortHandler) // cuts the connection, without an answer or in the middle of it
	}
	return w.ResponseWriter.Write(body)
}

// end puts the answer into the journal, once, before the client can see it.
func (w *answer) end(fault string) {
	if w.ended || w.request.call.Seq == 0 {
		return
	}
	w.ended = true
	call := w.request.call
	w.journal.add(control.Entry{
		Kind: control.EntryAnswer, Call: call.Seq, Method: call.Method, Agent: call.Agent, User: call.User, Fault: fault,
	})
}

// answered notes what a call is answered with.
func (rq *request) answered(res soap.HasFault) soap.HasFault {
	rq.fault = faultName(res)
	return res
}

// faultName is the type name of the fault that an answer carries, or "".
func faultName(res soap.HasFault) string {
	fault := res.Fault()
	if fault == nil {
		return ""
	}
	kind := reflect.TypeOf(fault.VimFault())
	if kind == nil {
		return "SoapFault"
	}
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}

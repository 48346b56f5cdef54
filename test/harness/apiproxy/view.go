package apiproxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Event is one of a watch of VmGroups.
type Event struct {
	Type  string // ADDED, MODIFIED, DELETED, BOOKMARK or ERROR
	Group v1alpha1.VmGroup
	raw   []byte
}

// view is what is shown of the VmGroups.
type view struct {
	frozen bool
	past   []byte // a list, in JSON, that is shown instead of the present; empty: none
	filter func(Event) []Event
	held   int // events that a frozen view has held back
}

// errExpired ends watches whose version is too old.
var errExpired = errors.New("too old resource version")

// List is what a list of VmGroups looked like at some time.
type List struct{ raw []byte }

// Freeze holds back every event of every watch from now on.
func (p *Proxy) Freeze() {
	p.change(func() { p.view.frozen, p.view.held = true, 0 })
}

// Thaw ends Freeze: what was held back comes, in order.
func (p *Proxy) Thaw() {
	p.change(func() { p.view.frozen = false })
}

// Held returns the number of watches with an event that Freeze, or Rewind, holds back.
func (p *Proxy) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view.held
}

// Filter has f decide what becomes of each event from now on: none, itself, itself twice, those that it has held back
// before. f is called by one goroutine at a time. nil lets all of them pass.
func (p *Proxy) Filter(f func(Event) []Event) {
	p.change(func() { p.view.filter = f })
}

// Expire tells every watch that its version is too old (410 Gone) and ends it. The client has to list again.
func (p *Proxy) Expire() {
	p.cut(func(watch bool) bool { return watch }, errExpired)
}

// Remember returns what a list of the VmGroups of a namespace looks like now, for Rewind.
func (p *Proxy) Remember(ctx context.Context, namespace string) (List, error) {
	path := "/apis/" + v1alpha1.SchemeGroupVersion.String() + "/namespaces/" + namespace + "/vmgroups"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return List{}, err
	}
	r.Header.Set("Accept", "application/json")
	res, err := p.send(r)
	if err != nil {
		return List{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("list VmGroups: %s: %s", res.Status, raw)
	}
	return List{raw}, err
}

// Rewind shows the past to every client that lists from now on, as a cache of the API server does that lags behind. Watches
// tell nothing, until Repair.
func (p *Proxy) Rewind(past List) {
	p.change(func() { p.view = view{frozen: true, past: past.raw} })
	p.Expire()
}

// Repair shows the present again, to everybody: watches have to list anew, so that what was filtered out is not missed.
func (p *Proxy) Repair() {
	p.change(func() { p.view = view{} })
	p.Expire()
}

type kind int

const (
	other kind = iota
	list
	watch
)

var collection = regexp.MustCompile(`^/apis/` + regexp.QuoteMeta(v1alpha1.SchemeGroupVersion.String()) + `/(namespaces/[^/]+/)?vmgroups$`)

func kindOf(r *http.Request) kind {
	switch {
	case r.Method != http.MethodGet || !collection.MatchString(r.URL.Path):
		return other
	case slices.Contains([]string{"true", "1"}, r.URL.Query().Get("watch")):
		return watch
	default:
		return list
	}
}

func (p *Proxy) list(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	past := p.view.past
	p.mu.Unlock()
	if len(past) == 0 {
		p.forward(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(past) // a client that has gone needs no list
}

func (p *Proxy) watch(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	past := p.view.past
	p.mu.Unlock()
	if len(past) > 0 && r.URL.Query().Get("sendInitialEvents") == "true" {
		// The client falls back to a list, as with an older API server.
		writeStatus(w, http.StatusUnprocessableEntity, "Invalid", "sendInitialEvents is forbidden for watch")
		return
	}
	res, err := p.send(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	writeHeader(w, res)
	flush(w)
	err = p.stream(r.Context(), w, res.Body)
	if errors.Is(context.Cause(r.Context()), errExpired) {
		fmt.Fprintf(w, `{"type":"ERROR","object":%s}`+"\n", status(http.StatusGone, "Expired", errExpired.Error()))
		flush(w)
		return
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// stream passes events on until either side ends.
func (p *Proxy) stream(ctx context.Context, w http.ResponseWriter, body io.Reader) error {
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := p.pass(ctx, w, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pass waits until the view is not frozen, and passes one event on, or what the filter makes of it. A frozen view loses
// bookmarks.
func (p *Proxy) pass(ctx context.Context, w http.ResponseWriter, line []byte) error {
	event, err := decode(line)
	if err != nil {
		return err
	}
	if event.Type == "BOOKMARK" && p.isFrozen() {
		return nil // nobody waits for it, and behind it no event would be held back
	}
	counted := false
	err = p.wait(ctx, func() bool {
		if p.view.frozen && !counted {
			counted = true
			p.view.held++
		}
		return !p.view.frozen && p.outage != Hang
	})
	if err != nil {
		return err
	}
	for _, e := range p.filtered(event) {
		if _, err := w.Write(e.raw); err != nil {
			return err
		}
		flush(w)
	}
	return nil
}

func (p *Proxy) isFrozen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view.frozen
}

func decode(line []byte) (Event, error) {
	event := Event{raw: line}
	decoded := struct {
		Type   string            `json:"type"`
		Object *v1alpha1.VmGroup `json:"object"`
	}{Object: &event.Group}
	if err := json.Unmarshal(line, &decoded); err != nil {
		return event, fmt.Errorf("event %q: %w", line, err)
	}
	event.Type = decoded.Type
	return event, nil
}

func (p *Proxy) filtered(e Event) []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view.filter == nil {
		return []Event{e}
	}
	return p.view.filter(e)
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

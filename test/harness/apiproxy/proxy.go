package apiproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Outage is how the API server is away, as a client sees it.
type Outage string

// Outages. Requests that wait for an answer when Cut or Unavailable begins, watches among them, are cut.
const (
	Off         Outage = "off"
	Cut         Outage = "cut"         // connections are closed without an answer
	Unavailable Outage = "unavailable" // every answer is 503
	Hang        Outage = "hang"        // no answer, and no event, until the outage ends
	Slow        Outage = "slow"        // every request waits for a second first
	LoseAnswers Outage = "loseAnswers" // requests take effect, and the connection is closed instead of an answer
)

// slowness is what Slow adds to each request.
const slowness = time.Second

// errCut ends requests that are under way when an outage begins.
var errCut = errors.New("cut by an outage")

// Request is one that has arrived, whatever became of it.
type Request struct {
	Method, Path string
}

// Proxy is a running proxy. Its methods may be called concurrently.
type Proxy struct {
	transport  http.RoundTripper
	upstream   *url.URL
	kubeconfig string

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever outage or view change
	outage   Outage
	view     view
	running  map[*context.CancelCauseFunc]bool // true: a watch of VmGroups
	requests []Request
}

// Start starts a proxy before the API server of a kubeconfig. It ends with the test.
func Start(t testing.TB, kubeconfig string) *Proxy {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	p := &Proxy{outage: Off, changed: make(chan struct{}), running: map[*context.CancelCauseFunc]bool{}}
	if p.transport, err = rest.TransportFor(config); err != nil {
		t.Fatalf("proxy: %v", err)
	}
	if p.upstream, err = url.Parse(config.Host); err != nil {
		t.Fatalf("proxy: %v", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it says that it was closed
	t.Cleanup(func() {
		p.cut(func(bool) bool { return true }, errCut)
		if err := server.Close(); err != nil {
			t.Errorf("proxy: %v", err)
		}
		serving.Wait()
	})
	p.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := writeKubeconfig(p.kubeconfig, "http://"+listener.Addr().String()); err != nil {
		t.Fatalf("proxy: %v", err)
	}
	return p
}

func writeKubeconfig(path, server string) error {
	const name = "proxy"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, path)
}

// Kubeconfig returns the path of a kubeconfig that leads through the proxy.
func (p *Proxy) Kubeconfig() string { return p.kubeconfig }

// SetOutage begins an outage, or ends one.
func (p *Proxy) SetOutage(o Outage) {
	p.change(func() { p.outage = o })
	if o == Cut || o == Unavailable {
		p.cut(func(bool) bool { return true }, errCut)
	}
}

// Requests returns those that have arrived since the start or the last ResetRequests.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// ResetRequests forgets them.
func (p *Proxy) ResetRequests() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

// change changes what p.mu guards, and wakes those who wait for a change.
func (p *Proxy) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait waits until ok, which is called under p.mu, or ctx ends.
func (p *Proxy) wait(ctx context.Context, ok func() bool) error {
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// cut ends the requests under way that match, by whether they are watches of VmGroups.
func (p *Proxy) cut(match func(watch bool) bool, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for cancel, watch := range p.running {
		if match(watch) {
			(*cancel)(why)
		}
	}
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	r = r.WithContext(ctx)
	kind := kindOf(r)
	p.mu.Lock()
	p.requests = append(p.requests, Request{r.Method, r.URL.Path})
	p.running[&cancel] = kind == watch
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.running, &cancel)
		p.mu.Unlock()
	}()

	outage, err := p.admit(ctx)
	switch {
	case err != nil || outage == Cut:
		panic(http.ErrAbortHandler) // cuts the connection
	case outage == Unavailable:
		writeStatus(w, http.StatusServiceUnavailable, "ServiceUnavailable", "the proxy plays an outage")
	case outage == LoseAnswers:
		p.forward(discard{}, r)
		panic(http.ErrAbortHandler) // cuts the connection
	case kind == list:
		p.list(w, r)
	case kind == watch:
		p.watch(w, r)
	default:
		p.forward(w, r)
	}
}

// admit waits for as long as the outage holds a request back, and returns the outage that it meets then.
func (p *Proxy) admit(ctx context.Context) (outage Outage, err error) {
	err = p.wait(ctx, func() bool { outage = p.outage; return outage != Hang })
	if err != nil || outage != Slow {
		return outage, err
	}
	timer := time.NewTimer(slowness)
	defer timer.Stop()
	select {
	case <-timer.C:
		return outage, nil
	case <-ctx.Done():
		return outage, context.Cause(ctx)
	}
}

// send sends a request on.
func (p *Proxy) send(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.Host, out.RequestURI = "", ""
	out.Header.Del("Connection")
	if kindOf(r) != other {
		out.Header.Set("Accept-Encoding", "identity") // they are read here
	}
	return p.transport.RoundTrip(out)
}

// forward sends a request on, and its answer back as it comes.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request) {
	res, err := p.send(r)
	if err != nil {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	defer res.Body.Close()
	writeHeader(w, res)
	flusher, _ := w.(http.Flusher)
	buf := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			if flusher != nil {
				flusher.Flush()
			}
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // cuts the connection
		}
	}
}

func writeHeader(w http.ResponseWriter, res *http.Response) {
	for key, values := range res.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(res.StatusCode)
}

func writeStatus(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprint(w, status(code, reason, message))
}

func status(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
}

// discard is where an answer goes that is lost.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

package harness

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ChildOptions say how a Child runs.
type ChildOptions struct {
	Args []string // besides those that lead it to this world
	// CredentialsDir holds the files username and password.
	CredentialsDir string
	// Token is what the controller shows the API server as its own. WrapKubernetes must take it off: the proxy has
	// credentials that are good.
	Token string
	// Log is the file that gets the log; default: one that goes with the test.
	Log string
	// Each of these, which may be nil, wraps the transport to a server. An error of it cuts the controller's connection.
	WrapKubernetes, WrapVCenter func(http.RoundTripper) http.RoundTripper
}

// Child is the binary that ships, as a process of its own, with a proxy before each server. Its methods may be called
// concurrently.
type Child struct {
	t                   testing.TB
	cmd                 *exec.Cmd
	log                 *os.File
	kubernetes, vcenter *httptest.Server
	killed, stopped     atomic.Bool
	ended               chan struct{} // closed when the process has ended; err is set before that
	err                 error
}

// StartChild starts the binary. The caller must Stop it.
func (w *World) StartChild(o ChildOptions) *Child {
	w.T.Helper()
	if w.observer == nil {
		w.T.Fatal("nobody observes this world: see invariants.Watch")
	}
	c := &Child{t: w.T, ended: make(chan struct{})}
	dir := w.T.TempDir()
	if o.Log == "" {
		o.Log = filepath.Join(dir, "log")
	}
	kubeconfig, caFile := c.standBetween(w, dir, o)
	u, err := url.Parse(c.vcenter.URL)
	Must(w.T, err)
	c.log, err = os.Create(o.Log)
	Must(w.T, err)
	c.cmd = exec.Command(filepath.Join(Root(), "bin", "vmgroup-controller"), append([]string{
		"-kubeconfig", kubeconfig, "-namespace", w.Namespace, "-leader-elect-resource-namespace", w.Namespace,
		"-vcenter-ca-file", caFile, "-vcenter-credentials-dir", o.CredentialsDir, "-metrics-addr", "127.0.0.1:0", "-health-addr", "0",
	}, o.Args...)...)
	c.cmd.Env = append(os.Environ(), "VC_HOST="+u.Hostname(), "VC_PORT="+u.Port())
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	w.observer.Started()
	Must(w.T, c.cmd.Start())
	go func() {
		defer close(c.ended)
		if c.err = c.cmd.Wait(); c.err == nil { // not by SIGKILL
			w.observer.Ended()
		}
	}()
	return c
}

// standBetween starts the proxies, and returns the files by which the controller finds and trusts them.
func (c *Child) standBetween(w *World, dir string, o ChildOptions) (kubeconfig, caFile string) {
	admin, err := clientcmd.BuildConfigFromFlags("", w.Cluster.Kubeconfig())
	Must(w.T, err)
	transport, err := rest.TransportFor(admin)
	Must(w.T, err)
	c.kubernetes = c.proxy(admin.Host, both(w.observer.Kubernetes, o.WrapKubernetes)(transport))

	ca, err := os.ReadFile(w.VCenter.CAFile)
	Must(w.T, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	toVCenter := http.RoundTripper(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
	if o.WrapVCenter != nil {
		toVCenter = o.WrapVCenter(toVCenter)
	}
	c.vcenter = c.proxy(w.VCenter.URL, toVCenter)
	caFile = filepath.Join(dir, "ca.pem")
	Must(w.T, os.WriteFile(caFile, Certificate(c.vcenter), 0o600))
	return writeKubeconfig(w.T, dir, c.kubernetes.URL, Certificate(c.kubernetes), o.Token), caFile
}

// Certificate returns what a client of a proxy has to trust, in PEM form.
func Certificate(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// proxy stands before a server. An error of its transport cuts the connection.
func (c *Child) proxy(target string, transport http.RoundTripper) *httptest.Server {
	server, err := NewProxy(target, transport)
	Must(c.t, err)
	return server
}

// NewProxy starts a proxy before a server. An error of its transport cuts the client's connection.
func NewProxy(target string, transport http.RoundTripper) (*httptest.Server, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return httptest.NewTLSServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, u.Host
		},
		Transport:     transport,
		FlushInterval: -1, // a watch has no end
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}), nil
}

func writeKubeconfig(t testing.TB, dir, server string, ca []byte, token string) string {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	path := filepath.Join(dir, "kubeconfig")
	Must(t, clientcmd.WriteToFile(*config, path))
	return path
}

// Kill ends the process by SIGKILL, and does not wait.
func (c *Child) Kill() {
	c.killed.Store(true)
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("kill the controller: %v", err)
	}
}

// Stop stops the process as its operator does, waits, and closes the proxies. It may be called after Kill, and again.
func (c *Child) Stop() {
	if c.stopped.Swap(true) {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.t.Errorf("the controller did not stop within %s", patience)
		c.Kill()
		<-c.ended
	}
	for _, server := range []*httptest.Server{c.kubernetes, c.vcenter} {
		server.CloseClientConnections()
		server.Close()
	}
	if err := c.log.Close(); err != nil {
		c.t.Errorf("close the controller's log: %v", err)
	}
	if c.t.Failed() {
		c.t.Logf("the controller's log ends:\n%s", c.logEnd())
	}
}

// CutKubernetes cuts the connections to the API server.
func (c *Child) CutKubernetes() { c.kubernetes.CloseClientConnections() }

// Ended returns a channel that is closed when the process has ended.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Err returns what the process, which has ended, has ended with: nil if it stopped in good order, or was killed by Kill.
func (c *Child) Err() error {
	<-c.ended
	if c.killed.Load() {
		return nil
	}
	return c.err
}

// Log returns what the process has logged so far.
func (c *Child) Log() string {
	text, err := os.ReadFile(c.log.Name())
	Must(c.t, err)
	return string(text)
}

// logShown is how much of a log is shown with a test that fails.
const logShown = 4 << 20

func (c *Child) logEnd() string {
	text := c.Log()
	return text[max(0, len(text)-logShown):]
}

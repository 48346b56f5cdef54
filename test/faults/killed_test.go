package faults

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// killSample is the part of the plans with a crash that is played with the real binary and SIGKILL: one in so many.
const (
	killSample      = 19
	killSampleShort = 61
)

// TestKilled plays a sample of the plans in which the process dies with the binary that ships, which is killed at that
// call by SIGKILL. It lives in real time.
func TestKilled(t *testing.T) {
	if os.Getenv(planEnv) != "" || os.Getenv(orderEnv) != "" {
		t.Skip("plans are played by TestFaults")
	}
	s := newSuite(t)
	var plans []Plan
	for _, name := range []string{"create", "scale", "destroyed", "delete", "again"} {
		i := slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == name })
		s.learn(scenarios[i])
		for _, h := range s.learned[name].calls {
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
	s.kill = true
	s.playAll(sample)
	s.report(len(sample))
}

// child is the binary that ships, with proxies in the place of both servers.
type child struct {
	t       testing.TB
	cmd     *exec.Cmd
	log     *os.File
	servers []*httptest.Server
	ended   chan struct{}
}

// startChild starts the binary on a line.
func (r *run) startChild(l *line) *child {
	c := &child{t: r.T, ended: make(chan struct{})}
	dir := r.T.TempDir()
	admin, err := clientcmd.BuildConfigFromFlags("", r.Cluster.Kubeconfig())
	harness.Must(r.T, err)
	transport, err := rest.TransportFor(admin)
	harness.Must(r.T, err)
	kube := c.proxy(admin.Host, l.side(Kubernetes)(r.checker.Kubernetes(transport)))

	ca, err := os.ReadFile(r.VCenter.CAFile)
	harness.Must(r.T, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	vcenter := c.proxy(r.VCenter.URL, l.side(VCenter)(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}))
	caFile := filepath.Join(dir, "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: vcenter.Certificate().Raw}
	harness.Must(r.T, os.WriteFile(caFile, pem.EncodeToMemory(block), 0o600))
	kubeCA := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: kube.Certificate().Raw})
	u, err := url.Parse(vcenter.URL)
	harness.Must(r.T, err)

	c.log, err = os.Create(filepath.Join(dir, "log"))
	harness.Must(r.T, err)
	c.cmd = exec.Command(filepath.Join(harness.Root(), "bin", "vmgroup-controller"), append([]string{
		"-v=4", "-kubeconfig", kubeconfig(r.T, dir, kube.URL, kubeCA), "-namespace", r.Namespace,
		"-leader-elect-resource-namespace", r.Namespace, "-vcenter-ca-file", caFile, "-vcenter-credentials-dir", r.dir,
		"-metrics-addr", "127.0.0.1:0", "-health-addr", "127.0.0.1:0",
	}, r.scenario.args...)...)
	c.cmd.Env = append(os.Environ(), "VC_HOST="+u.Hostname(), "VC_PORT="+u.Port())
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	r.checker.Started()
	harness.Must(r.T, c.cmd.Start())
	go func() {
		defer close(c.ended)
		if err := c.cmd.Wait(); err == nil { // not by SIGKILL
			r.checker.Ended()
		}
	}()
	return c
}

// proxy stands before a server. An error of its transport cuts the connection.
func (c *child) proxy(target string, transport http.RoundTripper) *httptest.Server {
	u, err := url.Parse(target)
	harness.Must(c.t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, u.Host
		},
		Transport:     transport,
		FlushInterval: -1, // a watch has no end
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewTLSServer(proxy)
	c.servers = append(c.servers, server)
	return server
}

func kubeconfig(t testing.TB, dir, server string, ca []byte) string {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test"}
	config.CurrentContext = "test"
	path := filepath.Join(dir, "kubeconfig")
	harness.Must(t, clientcmd.WriteToFile(*config, path))
	return path
}

// Kill implements controller.
func (c *child) Kill() {
	if err := c.cmd.Process.Kill(); err != nil && !strings.Contains(err.Error(), "finished") {
		c.t.Errorf("kill the controller: %v", err)
	}
}

// Stop implements controller.
func (c *child) Stop() {
	_ = c.cmd.Process.Signal(os.Interrupt) // it may have been killed
	<-c.ended
	for _, server := range c.servers {
		server.CloseClientConnections()
		server.Close()
	}
	if err := c.log.Close(); err != nil {
		c.t.Errorf("close the controller's log: %v", err)
	}
	if c.t.Failed() {
		c.t.Logf("the controller's log:\n%s", c.Log())
	}
}

// Log implements controller.
func (c *child) Log() string {
	text, err := os.ReadFile(c.log.Name())
	harness.Must(c.t, err)
	return string(text)
}

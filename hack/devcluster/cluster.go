package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// pollInterval is how often a starting component is asked whether it is ready.
const pollInterval = 50 * time.Millisecond

// cluster is a control plane in one directory. Its methods are called by one goroutine.
type cluster struct {
	dir        string
	kubeconfig string // where the administrator's kubeconfig goes once the control plane serves
	options    upOptions

	ip          string   // where kube-apiserver listens
	port        int      // its port there
	reservation *os.File // holds the port
	client      *http.Client
	admin       []byte // the administrator's kubeconfig

	processes []*process // in the order they were started
}

// newCluster prepares what the components need: the API server's port, keys, certificates, kubeconfigs.
func newCluster(dir string, o upOptions) (*cluster, error) {
	c := &cluster{dir: dir, kubeconfig: o.kubeconfigOut, options: o}
	if c.kubeconfig == "" {
		c.kubeconfig = c.file("kubeconfig")
	}
	c.ip = loopback
	if o.node {
		c.ip, c.port = serviceIP, nodePort
	}
	var err error
	if c.port, c.reservation, err = reservePort(c.ip, c.port); err != nil {
		return nil, explainAddress(err)
	}
	if err := c.writeFiles(); err != nil {
		return nil, errors.Join(err, c.reservation.Close())
	}
	return c, nil
}

// start starts the components one after the other, each when the one before is ready, and then writes the kubeconfig.
// If it fails, stop must be called all the same.
func (c *cluster) start(ctx context.Context) error {
	if err := c.startProcess(ctx, etcd, etcdArgs(), c.etcdReady); err != nil {
		return err
	}
	if err := c.startProcess(ctx, apiServer, c.apiServerArgs(), c.apiServerReady); err != nil {
		return err
	}
	if c.options.controllerManager {
		if err := c.startProcess(ctx, controllerManager, c.controllerManagerArgs(), c.controllerManagerReady); err != nil {
			return err
		}
	}
	if c.options.node {
		if err := c.startNode(ctx); err != nil {
			return err
		}
	}
	return replaceFile(c.kubeconfig, c.admin)
}

// startProcess starts a component of this very binary and waits until it is ready, it has exited, or ctx is done.
func (c *cluster) startProcess(ctx context.Context, name string, args []string, ready func(context.Context) error) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the devcluster binary: %w", err)
	}
	return c.startCommand(ctx, name, append([]string{self, name}, args...), ready)
}

// startCommand is startProcess for a command of any binary.
func (c *cluster) startCommand(ctx context.Context, name string, command []string, ready func(context.Context) error) error {
	p, err := startProcess(c.dir, name, command)
	if err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	notReady := errors.New("not asked yet")
	for {
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("told to stop while %s was starting", name)
			}
			return fmt.Errorf("%s is not ready after %s: %w\n%s", name, startTimeout, notReady, p.logTail())
		case <-p.exited:
			return p.failure()
		case <-ticker.C:
			if notReady = ready(ctx); notReady == nil {
				return nil
			}
		}
	}
}

// wait returns nil when ctx is done, or an error as soon as a component ends by itself.
func (c *cluster) wait(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, p := range c.processes {
		go func() {
			select {
			case <-p.exited:
				cancel(p.failure())
			case <-ctx.Done():
			}
		}()
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// stop stops the components, last started first, so that none sees another one missing, and returns when all are gone.
func (c *cluster) stop() {
	for _, p := range slices.Backward(c.processes) {
		p.stop()
	}
	_ = c.reservation.Close()
}

func (c *cluster) etcdReady(ctx context.Context) error {
	// The socket is there before etcd answers; kube-apiserver waits for the rest itself. The path is relative to where
	// the components run, see etcdSocket; here the absolute one may be too long for the kernel.
	_, err := os.Stat(c.file(etcdSocket))
	return err
}

func (c *cluster) apiServerReady(ctx context.Context) error {
	_, err := c.get(ctx, "/readyz")
	return err
}

// controllerManagerReady waits for a trace of its work: every namespace gets a ServiceAccount, without which no Pod can
// be created in it.
func (c *cluster) controllerManagerReady(ctx context.Context) error {
	_, err := c.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default")
	return err
}

// get asks the API server for path, as the administrator, and returns an error unless it answers 200.
func (c *cluster) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url()+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func (c *cluster) url() string {
	return fmt.Sprintf("https://%s", net.JoinHostPort(c.ip, fmt.Sprint(c.port)))
}

func (c *cluster) file(name string) string {
	return filepath.Join(c.dir, name)
}

// replaceFile writes a file in one step: whoever waits for it never reads half of it.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // readable by its owner only
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

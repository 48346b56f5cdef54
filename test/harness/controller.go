package harness

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
	"github.com/vmgroup/vmgroup-controller/test/harness/process"
)

// Controller is a running controller.
type Controller struct {
	t      testing.TB
	cancel context.CancelFunc
	done   chan error
	killed atomic.Bool
	log    *process.Buffer
}

// Options returns what a controller of this world is started with: environment as a user would set it, then args.
func (w *World) Options(args ...string) *options.Options {
	w.T.Helper()
	u, err := url.Parse(w.VCenter.URL)
	Must(w.T, err)
	env := map[string]string{
		"VC_HOST": u.Hostname(), "VC_PORT": u.Port(), "VC_USER": w.VCenter.Username, "VC_PASS": w.VCenter.Password,
	}
	o := options.NewOptions()
	o.FromEnvironment(func(name string) string { return env[name] })
	fs := flag.NewFlagSet("vmgroup-controller", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.AddFlags(fs)
	Must(w.T, fs.Parse(append([]string{
		"-kubeconfig", w.Cluster.Kubeconfig(), "-namespace", w.Namespace, "-leader-elect-resource-namespace", w.Namespace,
		"-vcenter-ca-file", w.VCenter.CAFile, "-metrics-addr", "127.0.0.1:0", "-health-addr", "127.0.0.1:0",
	}, args...)))
	if errs := o.Validate(); len(errs) > 0 {
		w.T.Fatalf("options: %v", errs)
	}
	return o
}

// StartController runs the whole controller in this process.
func (w *World) StartController(args ...string) *Controller {
	w.T.Helper()
	return w.Run(w.Options(args...))
}

// Run runs the whole controller with these options. It is stopped with the test, if not before. Its log is shown if the
// test fails.
func (w *World) Run(o *options.Options) *Controller { return w.RunWith(o, app.Overrides{}) }

// RunWith is Run with overrides.
func (w *World) RunWith(o *options.Options, with app.Overrides) *Controller {
	w.T.Helper()
	with = w.observed(with)
	return w.run(func(ctx context.Context) error { return app.RunWith(ctx, o, with) })
}

// Keep is RunWith for a controller that is started again whenever it ends with an error, as a Pod is.
func (w *World) Keep(o *options.Options, with app.Overrides) *Controller {
	w.T.Helper()
	with = w.observed(with)
	return w.run(func(ctx context.Context) error {
		for {
			err := app.RunWith(ctx, o, with)
			if err == nil || ctx.Err() != nil {
				return nil
			}
			klog.FromContext(ctx).Error(err, "The controller has ended and is started again")
		}
	})
}

func (w *World) run(run func(context.Context) error) *Controller {
	c := &Controller{t: w.T, done: make(chan error, 1), log: &process.Buffer{}}
	logger := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(c.log), textlogger.Verbosity(cmp.Or(w.Verbosity, 4))))
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
	c.cancel = cancel
	w.observer.Started()
	go func() {
		err := run(ctx)
		if !c.killed.Load() {
			w.observer.Ended()
		}
		c.done <- err
	}()
	w.T.Cleanup(func() {
		c.Stop()
		if w.T.Failed() {
			w.T.Logf("the controller's log:\n%s", c.Log())
		}
	})
	return c
}

// observed lets the world's observer see what goes over the wire.
func (w *World) observed(with app.Overrides) app.Overrides {
	w.T.Helper()
	if w.observer == nil {
		w.T.Fatal("nobody observes this world: see invariants.Watch")
	}
	with.WrapKubernetes = both(w.observer.Kubernetes, with.WrapKubernetes)
	with.WrapVCenter = both(w.observer.VCenter, with.WrapVCenter)
	return with
}

// both wraps a transport twice, inner first.
func both(inner, outer func(http.RoundTripper) http.RoundTripper) func(http.RoundTripper) http.RoundTripper {
	if outer == nil {
		return inner
	}
	return func(rt http.RoundTripper) http.RoundTripper { return outer(inner(rt)) }
}

// Stop stops the controller as SIGTERM does, and waits. It may be called again.
func (c *Controller) Stop() {
	if err := c.Shutdown(); err != nil {
		c.t.Errorf("the controller ended with %v", err)
	}
}

// Shutdown is Stop where the controller may end with an error, which it returns.
func (c *Controller) Shutdown() error {
	c.cancel()
	return c.wait()
}

// Kill has the controller end whatever it does, and does not wait. Nothing that it does then counts: its lines are to be
// cut before.
func (c *Controller) Kill() {
	c.killed.Store(true)
	c.cancel()
}

// wait returns what the controller has ended with, the first time.
func (c *Controller) wait() error {
	select {
	case err, first := <-c.done:
		if !first {
			return nil
		}
		close(c.done)
		if c.killed.Load() {
			return nil
		}
		return err
	case <-time.After(patience):
		return fmt.Errorf("nothing: it did not stop within %s", patience)
	}
}

// Log returns what the controller has logged so far.
func (c *Controller) Log() string { return c.log.String() }

// Impersonate returns a kubeconfig that acts as another user.
func (w *World) Impersonate(user string) string {
	w.T.Helper()
	config, err := clientcmd.LoadFromFile(w.Cluster.Kubeconfig())
	Must(w.T, err)
	for _, info := range config.AuthInfos {
		info.Impersonate = user
	}
	path := filepath.Join(w.T.TempDir(), "kubeconfig")
	Must(w.T, clientcmd.WriteToFile(*config, path))
	return path
}

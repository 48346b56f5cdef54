package vim_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const (
	patience  = 30 * time.Second
	slowClone = 2 * time.Second
	owner     = "owner-1"
)

// startSimulator runs a simulated vCenter of the test's own, as a process: the simulator is not free of data races.
func startSimulator(t *testing.T, opts vcsim.Options) *vcsim.Process {
	t.Helper()
	sim, err := vcsim.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		violations, err := sim.Control.Violations(context.Background())
		if err != nil || len(violations) > 0 {
			t.Errorf("forbidden calls: %+v, %v", violations, err)
		}
		if err := sim.Stop(); err != nil {
			t.Errorf("stop the simulator: %v", err)
		}
	})
	return sim
}

// configFor returns a configuration that fits a simulator.
func configFor(sim *vcsim.Process, notifier vsphere.Notifier) vim.Config {
	return vim.Config{
		Endpoint:    sim.URL,
		Credentials: func() (string, string, error) { return sim.Username, sim.Password, nil },
		TLS:         vim.TLS{CAFile: sim.CAFile},
		UserAgent:   "vim-test",
		Owner:       owner,
		Notifier:    notifier,
	}
}

// run starts a VCenter and returns what ends it.
func run(t *testing.T, cfg vim.Config) (*vim.VCenter, func()) {
	t.Helper()
	v, err := vim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v, runThis(t, v)
}

// runThis starts a VCenter that is made already, and returns what ends it.
func runThis(t *testing.T, v *vim.VCenter) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Logf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func awaitSynced(t *testing.T, v *vim.VCenter) {
	t.Helper()
	await(t, "in step with vCenter", func() bool { return v.State().Synced })
}

// findTemplate looks a template up, and waits for the answer.
func findTemplate(t *testing.T, v *vim.VCenter, g vsphere.GroupID, path string) (found vsphere.Template, err error) {
	t.Helper()
	await(t, "the search for "+path, func() bool {
		found, err = v.FindTemplate(t.Context(), g, "", path)
		return !errors.Is(err, vsphere.ErrPending)
	})
	return found, err
}

// startClone submits one clone.
func startClone(
	t *testing.T, v *vim.VCenter, g vsphere.GroupID, template vsphere.Template, name string, spec vsphere.CloneSpec,
) error {
	t.Helper()
	return v.Start(t.Context(), g, []vsphere.Request{cloneOf(template, name, spec)})
}

// cloneOf asks for a clone of a template.
func cloneOf(template vsphere.Template, name string, spec vsphere.CloneSpec) vsphere.Request {
	spec.Source = template
	return vsphere.Request{Kind: vsphere.OperationClone, Name: name, Clone: &spec}
}

// requestsOn asks for the same of some VMs.
func requestsOn(kind vsphere.OperationKind, vms ...vsphere.Ref) []vsphere.Request {
	var out []vsphere.Request
	for _, vm := range vms {
		out = append(out, vsphere.Request{Kind: kind, VM: vm})
	}
	return out
}

// notifier counts.
type notifier struct{ one, all atomic.Int64 }

func (n *notifier) Notify(vsphere.GroupID) { n.one.Add(1) }

func (n *notifier) NotifyAll() { n.all.Add(1) }

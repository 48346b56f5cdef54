// Package vcsim runs the simulated vCenter as a process of its own: the simulator is not free of data races, and under
// the race detector, or where it may be killed, it must not share the test's process.
package vcsim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/test/harness/process"
)

const (
	// startTimeout bounds the wait for the line that says where the simulator listens.
	startTimeout = 30 * time.Second
	// stopTimeout is how long the simulator may take to end before it is killed.
	stopTimeout = 5 * time.Second
)

// Options says what to simulate. The zero value is one small datacenter without templates.
type Options struct {
	Binary string // default: $VCSIM_BIN, then bin/vcsim in the repository

	Listen string // address of the vSphere endpoint, default "127.0.0.1:0"

	Username string // default "user"
	Password string // default "pass"

	// Inventory is a file that describes the first datacenter, in the place of Clusters, Hosts and Datastores.
	Inventory string

	Datacenters    []string // inventory paths, default "DC0"
	Clusters       int      // default 1
	Hosts          int      // per cluster, default 1
	Datastores     int      // per datacenter, default 1
	Templates      []string
	TemplateFolder string
	// Root is the root folder below the VM folder, default "vmgroups": nothing outside it may be changed.
	Root string
	// RootGiven lets nobody but people make the root folder.
	RootGiven  bool
	CloneDelay time.Duration
	// ForeignVMs is how many virtual machines of somebody else are in another folder. They can only be read.
	ForeignVMs int
	// CancelEffective lets CancelTask really stop a clone that has not been made yet.
	CancelEffective bool
	// Lax lets clients do what a controller must never do. By default such a call is refused, and recorded as a violation;
	// see Violations. Lax also switches off the limit to names, the list of privileges, and the lockout of accounts.
	Lax bool
	// DeniedPrivileges is privileges that no account has.
	DeniedPrivileges []string
	// LockoutScale divides the durations of the lockout policy; default 1.
	LockoutScale float64
	// ReserveAtEnd lets clones of one name run side by side, until the second would make its VM.
	ReserveAtEnd bool
	// VisibleAtStart shows a clone's VM as soon as the clone runs, without a name and a config.
	VisibleAtStart bool
	// TempDir is where the simulator keeps the files of its VMs; default: the system's directory for such files.
	TempDir string

	Stderr io.Writer // the simulator's log; default: discarded, but for its end, which errors show
}

// Process is a running simulator.
type Process struct {
	URL        string // of the vSphere endpoint, without credentials
	CAFile     string // certificate to trust; gone after Stop
	Thumbprint string // SHA-256
	Username   string
	Password   string
	ControlURL string
	Control    *control.Client
	// Excuse says which violations are to be expected, of a test that brings them about. Default: none.
	Excuse func(control.Violation) bool

	child *process.Process
}

// Start runs the built binary and returns when it serves. The caller must Stop it. ctx is for the start alone: once Start
// has returned, the end of ctx does not stop the simulator, but the end of this process does, however it comes.
func Start(ctx context.Context, o Options) (*Process, error) {
	p := &Process{Username: cmp.Or(o.Username, "user"), Password: cmp.Or(o.Password, "pass")}
	var err error
	p.child, err = process.Start(ctx, process.Command{
		Binary:       process.Binary{Name: "vcsim", Path: o.Binary, Env: "VCSIM_BIN", Target: "build"},
		Args:         args(o, p.Username, p.Password),
		Env:          env(o),
		Stderr:       o.Stderr,
		Ready:        p.ready,
		StartTimeout: startTimeout,
		StopTimeout:  stopTimeout,
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// ready reads the line that a simulator prints when it serves.
func (p *Process) ready(line string) error {
	for _, field := range strings.Fields(line) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "URL":
			p.URL = value
		case "CONTROL":
			p.ControlURL = value
		case "CA":
			p.CAFile = value
		case "THUMBPRINT":
			p.Thumbprint = value
		}
	}
	if p.URL == "" || p.ControlURL == "" || p.CAFile == "" {
		return fmt.Errorf("it printed %q, want URL=, CONTROL= and CA=", line)
	}
	p.Control = control.New(p.ControlURL)
	return nil
}

// Stop ends the simulator and returns when it has ended. Calling it again, or concurrently, is harmless. It returns an
// error if the simulator had failed or was killed, be it by Kill.
func (p *Process) Stop() error {
	defer p.Control.Close()
	return p.child.Stop()
}

// Violations returns an error that shows what clients did that they must never do, each with what led to it; nil if there
// is nothing to show.
func (p *Process) Violations(ctx context.Context) error {
	violations, err := p.Control.Violations(ctx)
	if err != nil {
		return fmt.Errorf("read the violations: %w", err)
	}
	var errs []error
	for _, v := range violations {
		if p.Excuse == nil || !p.Excuse(v) {
			errs = append(errs, errors.New(v.String()))
		}
	}
	return errors.Join(errs...)
}

// Kill ends the simulator as a power failure would. Its temporary files stay behind.
func (p *Process) Kill() error { return p.child.Kill() }

func env(o Options) []string {
	if o.TempDir == "" {
		return nil
	}
	return []string{"TMPDIR=" + o.TempDir}
}

func args(o Options, username, password string) []string {
	out := []string{"-exit-on-stdin-eof", "-username", username, "-password", password}
	for _, flag := range []struct {
		name, value string
	}{
		{"-l", o.Listen},
		{"-inventory", o.Inventory},
		{"-dc", strings.Join(o.Datacenters, ",")},
		{"-template", strings.Join(o.Templates, ",")},
		{"-template-folder", o.TemplateFolder},
		{"-root", o.Root},
		{"-deny", strings.Join(o.DeniedPrivileges, ",")},
		{"-clusters", number(o.Clusters)},
		{"-hosts", number(o.Hosts)},
		{"-datastores", number(o.Datastores)},
		{"-foreign-vms", number(o.ForeignVMs)},
	} {
		if flag.value != "" {
			out = append(out, flag.name, flag.value)
		}
	}
	if o.CloneDelay > 0 {
		out = append(out, "-clone-delay", o.CloneDelay.String())
	}
	if o.RootGiven {
		out = append(out, "-root-given")
	}
	if o.Lax {
		out = append(out, "-strict=false")
	}
	if o.LockoutScale > 0 {
		out = append(out, "-lockout-scale", strconv.FormatFloat(o.LockoutScale, 'g', -1, 64))
	}
	if o.ReserveAtEnd {
		out = append(out, "-reserve", "end")
	}
	if o.VisibleAtStart {
		out = append(out, "-visible", "start")
	}
	if o.CancelEffective {
		out = append(out, "-cancel", "effective")
	}
	return out
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

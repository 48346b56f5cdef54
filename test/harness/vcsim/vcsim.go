// Package vcsim runs the simulated vCenter as a process of its own: the simulator is not free of data races, and under
// the race detector, or where it may be killed, it must not share the test's process.
package vcsim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const (
	// readyTimeout bounds the wait for the line that says where the simulator listens.
	readyTimeout = 30 * time.Second
	// stopTimeout is how long the simulator may take to end before it is killed.
	stopTimeout = 5 * time.Second
)

// Options says what to simulate. The zero value is one small datacenter without templates.
type Options struct {
	Binary string // default: $VCSIM_BIN, then bin/vcsim in the repository

	Username string // default "user"
	Password string // default "pass"

	Datacenters    []string // default "DC0"
	Clusters       int      // default 1
	Hosts          int      // per cluster, default 1
	Datastores     int      // per datacenter, default 1
	Templates      []string
	TemplateFolder string
	CloneDelay     time.Duration
	// CancelEffective lets CancelTask really stop a clone that has not been made yet.
	CancelEffective bool
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

	cmd    *exec.Cmd
	stdin  io.Closer
	log    *tail
	exited chan struct{}
	err    error // of the process, once exited is closed
	stop   func() error
}

// Start runs the built binary and returns when it serves. The process ends with Stop, with ctx, or with its parent:
// whichever comes first.
func Start(ctx context.Context, o Options) (*Process, error) {
	binary, err := find(o.Binary)
	if err != nil {
		return nil, err
	}
	p := &Process{Username: o.Username, Password: o.Password, log: &tail{next: o.Stderr}, exited: make(chan struct{})}
	if p.Username == "" {
		p.Username = "user"
	}
	if p.Password == "" {
		p.Password = "pass"
	}
	p.cmd = exec.CommandContext(ctx, binary, args(o, p.Username, p.Password)...)
	p.cmd.Stderr = p.log
	if o.TempDir != "" {
		p.cmd.Env = append(os.Environ(), "TMPDIR="+o.TempDir)
	}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTimeout
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start vcsim: %w", err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start vcsim: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start vcsim: %w", err)
	}
	p.stop = sync.OnceValue(p.end)
	line := make(chan string, 1)
	go p.wait(stdout, line)
	if err := p.ready(line); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// wait hands on the first line of the output and waits for the process to end.
func (p *Process) wait(stdout io.Reader, line chan<- string) {
	defer close(p.exited)
	reader := bufio.NewReader(stdout)
	first, _ := reader.ReadString('\n')
	line <- first
	_, _ = io.Copy(io.Discard, reader)
	p.err = p.cmd.Wait()
}

func (p *Process) ready(line <-chan string) error {
	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	select {
	case text := <-line:
		if err := p.parse(text); err != nil {
			return fmt.Errorf("vcsim did not start: %w\n%s", err, p.log)
		}
		return nil
	case <-timeout.C:
		return fmt.Errorf("vcsim was not ready after %s\n%s", readyTimeout, p.log)
	}
}

func (p *Process) parse(line string) error {
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
		return fmt.Errorf("unexpected output %q", line)
	}
	p.Control = control.New(p.ControlURL)
	return nil
}

// Stop ends the process and waits for it. It may be called more than once, and returns what the process ended with.
func (p *Process) Stop() error { return p.stop() }

// Kill ends the process as a power failure would. Its temporary files stay behind.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.exited
	return err
}

func (p *Process) end() error {
	if p.Control != nil {
		defer p.Control.Close()
	}
	_ = p.stdin.Close() // the simulator ends when its input does
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.exited:
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	if p.err != nil && !errors.Is(p.err, context.Canceled) { // the caller's context may end it first
		return fmt.Errorf("vcsim ended: %w\n%s", p.err, p.log)
	}
	return nil
}

func args(o Options, username, password string) []string {
	out := []string{"-exit-on-stdin-eof", "-username", username, "-password", password}
	for _, flag := range []struct {
		name, value string
	}{
		{"-dc", strings.Join(o.Datacenters, ",")},
		{"-template", strings.Join(o.Templates, ",")},
		{"-template-folder", o.TemplateFolder},
		{"-clusters", number(o.Clusters)},
		{"-hosts", number(o.Hosts)},
		{"-datastores", number(o.Datastores)},
	} {
		if flag.value != "" {
			out = append(out, flag.name, flag.value)
		}
	}
	if o.CloneDelay > 0 {
		out = append(out, "-clone-delay", o.CloneDelay.String())
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

// find returns the binary to run.
func find(binary string) (string, error) {
	if binary == "" {
		binary = os.Getenv("VCSIM_BIN")
	}
	if binary == "" {
		root, err := repositoryRoot()
		if err != nil {
			return "", err
		}
		binary = filepath.Join(root, "bin", "vcsim")
	}
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no simulator at %s: run make build first", binary)
	} else if err != nil {
		return "", fmt.Errorf("simulator: %w", err)
	}
	return binary, nil
}

// repositoryRoot walks up from the working directory, which for a test is its package, to go.mod.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the repository: no go.mod above the working directory; set VCSIM_BIN")
		}
		dir = parent
	}
}

// tail keeps the end of the simulator's log, for errors.
type tail struct {
	next io.Writer

	mu   sync.Mutex
	text []byte
}

const tailSize = 4096

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = append([]byte(nil), t.text[n:]...)
	}
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

// String returns the end of the log.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

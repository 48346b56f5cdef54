// Package devcluster runs a real Kubernetes control plane for tests and demos: the binary made of hack/devcluster, as a
// child process that cannot outlive its parent.
//
// A package of tests starts one cluster in TestMain and shares it; starting takes a few seconds and about half a
// gigabyte. There are no nodes: no Pod ever runs.
package devcluster

import (
	"bufio"
	"bytes"
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
)

const (
	// BinaryEnv names the environment variable with the path of the binary, an absolute one, because tests run in the
	// directory of their package. Default: bin/devcluster in this repository.
	BinaryEnv = "DEVCLUSTER_BIN"

	// DefaultStartTimeout bounds Start where Options does not. It is generous for machines that compile meanwhile.
	DefaultStartTimeout = 2 * time.Minute

	// stopTimeout is how long Stop waits before it kills. The binary itself gives each of three components 2 s.
	stopTimeout = 15 * time.Second

	// stderrLimit is how much of the binary's stderr is kept for error messages.
	stderrLimit = 16 << 10

	readyPrefix = "KUBECONFIG="
)

// Options say what to run. The zero value runs etcd and kube-apiserver in a temporary directory.
type Options struct {
	// ControllerManager also runs kube-controller-manager. Without it namespaces are never gone after their deletion,
	// nothing is garbage collected, no HorizontalPodAutoscaler scales, and no default ServiceAccount appears.
	ControllerManager bool

	// Dir is kept after Stop, with data and logs of the components; a later cluster continues there.
	// Default: a temporary directory, removed by Stop.
	Dir string

	// KubeconfigOut is an additional path by which people find the kubeconfig. Default: only inside the directory.
	KubeconfigOut string

	// AuditLog is a file that gets one JSON line per request that was answered, without bodies:
	// who did what to which object. A request is in the file before its answer arrives. Default: none.
	AuditLog string

	// Verbosity is the log level (-v) of the Kubernetes components. Their logs are files in Dir.
	Verbosity int

	// StartTimeout bounds Start. Default: DefaultStartTimeout.
	StartTimeout time.Duration
}

// Cluster is a running control plane.
type Cluster struct {
	kubeconfig string
	cmd        *exec.Cmd
	stdin      io.Closer // the cluster stops when it is closed, by us or by the kernel at our death
	stderr     *tailBuffer
	exited     chan struct{} // closed when the process has ended; waitErr is set before that
	waitErr    error
	stopOnce   sync.Once
	stopErr    error
}

// Start starts a cluster and returns when it serves. The caller must Stop it. ctx is for the start alone: once Start has
// returned, the end of ctx does not stop the cluster, but the end of this process does, however it comes.
// Clusters do not disturb each other: any number may run at a time.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	binary, err := findBinary()
	if err != nil {
		return nil, err
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = DefaultStartTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()

	c := &Cluster{cmd: exec.Command(binary, args(o)...), stderr: &tailBuffer{}, exited: make(chan struct{})}
	c.cmd.Stderr = c.stderr
	// A process group of its own: after Ctrl-C in a terminal the parent may still need the cluster to clean up.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make a pipe to devcluster: %w", err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe from devcluster: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	ready := make(chan string, 1)
	go c.watch(stdout, ready)

	select {
	case c.kubeconfig = <-ready:
		return c, nil
	case <-c.exited:
		return nil, errors.Join(fmt.Errorf("devcluster did not start: %s", c.stderr), c.waitErr)
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("devcluster did not start in time: %w", context.Cause(ctx)), c.Stop())
	}
}

// Kubeconfig returns the path of the administrator's kubeconfig. The administrator may do everything, impersonation of
// other users included.
func (c *Cluster) Kubeconfig() string {
	return c.kubeconfig
}

// Stop stops the cluster and returns when nothing of it runs any more. Calling it again, or concurrently, is harmless.
// It returns an error if the cluster had ended before by itself, or had to be killed.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() { c.stopErr = c.stop() })
	return c.stopErr
}

func (c *Cluster) stop() error {
	_ = c.stdin.Close() // fails only if the process has ended already
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
		// Its children notice and end too.
		err := c.cmd.Process.Kill()
		<-c.exited
		return errors.Join(fmt.Errorf("devcluster did not stop within %s and was killed\n%s", stopTimeout, c.stderr), err)
	}
	if c.waitErr != nil && c.kubeconfig != "" {
		return fmt.Errorf("devcluster did not end as it should: %w\n%s", c.waitErr, c.stderr)
	}
	return nil
}

// watch sends the path of the kubeconfig once the cluster is ready, and closes c.exited when the process has ended.
func (c *Cluster) watch(stdout io.Reader, ready chan<- string) {
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		if path, ok := strings.CutPrefix(scanner.Text(), readyPrefix); ok {
			ready <- path
			break
		}
	}
	_, _ = io.Copy(io.Discard, stdout) // Wait must not be called before everything was read
	c.waitErr = c.cmd.Wait()
	close(c.exited)
}

func args(o Options) []string {
	args := []string{
		"up",
		"-exit-on-stdin-eof",
		"-controller-manager=" + strconv.FormatBool(o.ControllerManager),
		"-v=" + strconv.Itoa(o.Verbosity),
	}
	for name, value := range map[string]string{
		"-dir":            o.Dir,
		"-kubeconfig-out": o.KubeconfigOut,
		"-audit-log":      o.AuditLog,
	} {
		if value != "" {
			args = append(args, name+"="+value)
		}
	}
	return args
}

// findBinary returns the path of the devcluster binary, or an error that says how to get one.
func findBinary() (string, error) {
	path := os.Getenv(BinaryEnv)
	if path == "" {
		root, err := repoRoot()
		if err != nil {
			return "", err
		}
		path = filepath.Join(root, "bin", "devcluster")
	}
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no devcluster binary: run make devcluster first, or set %s: %w", BinaryEnv, err)
	}
	if err != nil {
		return "", fmt.Errorf("find the devcluster binary: %w", err)
	}
	return path, nil
}

// repoRoot returns the nearest directory above the working directory, or itself, that has a go.mod. Tests run in the
// directory of their package.
func repoRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the root of the repository: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above: run this inside the repository, or set %s to the devcluster binary", start, BinaryEnv)
		}
	}
}

// tailBuffer is an io.Writer that keeps the end of what is written to it.
type tailBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	b.buf.Next(max(b.buf.Len()-stderrLimit, 0))
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.buf.String())
}

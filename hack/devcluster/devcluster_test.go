package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binaryEnv names a built binary. Without it the test builds one, which takes a while.
const binaryEnv = "DEVCLUSTER_BIN"

// testTimeout bounds everything a test waits for.
const testTimeout = 2 * time.Minute

// TestUp starts two clusters side by side, in each way of ending one, and checks that each serves, that they know
// nothing of each other, and that nothing is left of a cluster that has ended.
func TestUp(t *testing.T) {
	binary := findBinary(t)
	for name, end := range map[string]struct {
		do       func(*testing.T, *upCommand)
		exitCode int
	}{
		"SIGTERM":   {func(t *testing.T, c *upCommand) { c.signal(t, syscall.SIGTERM) }, 0},
		"stdin EOF": {func(_ *testing.T, c *upCommand) { _ = c.stdin.Close() }, 0},
		// ExitCode is -1 for a process that was killed.
		"SIGKILL": {func(t *testing.T, c *upCommand) { c.signal(t, syscall.SIGKILL) }, -1},
		"a component dies": {func(t *testing.T, c *upCommand) {
			for _, pid := range processesIn(t, c.dir) {
				if strings.Contains(commandLine(pid), apiServer) {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := startUp(t, binary), startUp(t, binary)
			a.waitReady(t)
			b.waitReady(t)
			a.kubectl(t, "create", "namespace", "only-in-a")
			if got := b.kubectl(t, "get", "namespaces", "-o", "name"); strings.Contains(got, "only-in-a") || !strings.Contains(got, "kube-system") {
				t.Errorf("the other cluster has the namespaces %q, want its own ones only", got)
			}
			for _, c := range []*upCommand{a, b} {
				end.do(t, c)
				if code := c.wait(t); code != end.exitCode {
					t.Errorf("exit code %d, want %d; stderr:\n%s", code, end.exitCode, &c.stderr)
				}
				waitFor(t, "the components to end", func() bool { return len(processesIn(t, c.dir)) == 0 })
			}
		})
	}
}

// TestUpFails checks what a person sees when a component cannot start.
func TestUpFails(t *testing.T) {
	c := startUp(t, findBinary(t), "-audit-log", "/dev/null/audit.log")
	if code := c.wait(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{apiServer + " ended by itself", "/dev/null"} {
		if !strings.Contains(c.stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, &c.stderr)
		}
	}
	if left := processesIn(t, c.dir); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// TestNoNode checks what a person is told who wants a node of a binary that has none.
func TestNoNode(t *testing.T) {
	if nodeLinked {
		t.Skip("this binary has one: it was built with -tags node; make test runs the test on the one that has none")
	}
	_, err := parseUpOptions([]string{"-node"})
	if err == nil || !strings.Contains(err.Error(), "make devcluster-node") {
		t.Errorf("up -node: %v, want an error that says how to build a binary that can", err)
	}
}

// upCommand is a running "devcluster up".
type upCommand struct {
	cmd        *exec.Cmd
	dir        string
	stdin      io.Closer
	stdout     *bufio.Reader
	stderr     bytes.Buffer
	kubeconfig string
}

func startUp(t *testing.T, binary string, flags ...string) *upCommand {
	t.Helper()
	c := &upCommand{dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	args := append([]string{"up", "-exit-on-stdin-eof", "-dir", c.dir}, flags...)
	c.cmd = exec.CommandContext(ctx, binary, args...)
	c.cmd.Stderr = &c.stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewReader(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *upCommand) waitReady(t *testing.T) {
	t.Helper()
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		code := c.wait(t) // stderr is complete then
		t.Fatalf("no ready line (%v), exit code %d, stderr:\n%s", err, code, &c.stderr)
	}
	var ok bool
	if c.kubeconfig, ok = strings.CutPrefix(strings.TrimSpace(line), "KUBECONFIG="); !ok {
		t.Fatalf("ready line %q, want KUBECONFIG=<path>", line)
	}
}

// wait returns the exit code.
func (c *upCommand) wait(t *testing.T) int {
	t.Helper()
	if rest, err := io.ReadAll(c.stdout); len(rest) > 0 || err != nil {
		t.Errorf("stdout has %q besides the ready line (error %v)", rest, err)
	}
	_ = c.cmd.Wait() // its error is the exit code
	return c.cmd.ProcessState.ExitCode()
}

func (c *upCommand) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		t.Errorf("send %v: %v", sig, err)
	}
}

func (c *upCommand) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(c.cmd.Path, append([]string{"kubectl", "--kubeconfig", c.kubeconfig}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// processesIn returns the processes that work in dir, as the components of a cluster do.
func processesIn(t *testing.T, dir string) []int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, link := range links {
		// Errors mean that it is not ours, or has ended.
		if cwd, err := os.Readlink(link); err == nil && cwd == dir {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// commandLine returns the arguments of a process, or nothing if it has ended.
func commandLine(pid int) string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(line), "\x00", " ")
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	deadline := time.After(testTimeout)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited %s in vain for %s", testTimeout, what)
		}
	}
}

func findBinary(t *testing.T) string {
	t.Helper()
	if binary := os.Getenv(binaryEnv); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), "devcluster")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is built otherwise: the build cache has most of it
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build devcluster: %v\n%s", err, out)
	}
	return binary
}

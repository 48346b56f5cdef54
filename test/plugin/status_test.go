package plugin

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

func TestStatus(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	kubectl := w.Kubectl()
	want(t, kubectl.Run("vmgroup", "status", "-n", w.Namespace), 0, "There are no VmGroups in namespace "+w.Namespace)
	w.Create(w.Group("web", 3))
	want(t, kubectl.Run("vmgroup", "status", "web", "-n", w.Namespace), 0, "no controller has written a status yet", "0/3 available", "wanted: 3 VMs")
	c := w.StartController()
	w.Ready("web", 3)
	want(t, kubectl.Run("vmgroup", "status", "-n", w.Namespace), 0,
		"NAME", "PHASE", "PROGRESS", "MESSAGE", "web", "READY", "[####################] 3/3", "3 of 3 VMs available")
	want(t, kubectl.Run("vmgroup", "status", "-A"), 0, "NAMESPACE", w.Namespace, "web", "READY")
	want(t, kubectl.Run("vmgroup", "status", "web", "-n", w.Namespace), 0,
		"VmGroup "+w.Namespace+"/web  READY: 3 of 3 VMs available", "folder: "+w.FolderPath("web"),
		"Conditions:", "Ready", "True", "AllReplicasAvailable")
	c.Stop()
	w.Scale("web", 6)
	want(t, kubectl.Run("vmgroup", "status", "-n", w.Namespace), 0, "[##########----------] 3/6", "(of an earlier spec) 3 of 3 VMs available")
}

// watcher is a command that runs for long.
type watcher struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

// watch starts a "status -watch", see start.
func watch(t *testing.T, kubectl *harness.Kubectl, in, out *os.File, args ...string) *watcher {
	t.Helper()
	return start(t, kubectl, in, out, append([]string{"status"}, args...)...)
}

// start starts a command of the plugin whose output goes to out, which is read from in.
func start(t *testing.T, kubectl *harness.Kubectl, in, out *os.File, args ...string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	w := &watcher{t: t, cmd: kubectl.Command(ctx, append([]string{"vmgroup"}, args...)...), lines: make(chan string, 1000)}
	w.cmd.Stdout, w.cmd.Stderr = out, out
	harness.Must(t, w.cmd.Start())
	harness.Must(t, out.Close())
	go func() {
		defer close(w.lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			w.lines <- scanner.Text()
		}
	}()
	return w
}

// until reads lines until one has all parts, and returns it.
func (w *watcher) until(parts ...string) string {
	w.t.Helper()
	seen := []string{}
	for line := range w.lines {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(line, part)
		}
		if found {
			return line
		}
		seen = append(seen, line)
	}
	w.t.Fatalf("it has ended without a line with %q:\n%q", parts, seen)
	return ""
}

// interrupt ends it as Ctrl-C does, and returns what it printed after that.
func (w *watcher) interrupt() string {
	w.t.Helper()
	harness.Must(w.t, w.cmd.Process.Signal(syscall.SIGINT))
	var rest []string
	for line := range w.lines {
		rest = append(rest, line)
	}
	if err := w.cmd.Wait(); err != nil {
		w.t.Errorf("after Ctrl-C: %v", err)
	}
	return strings.Join(rest, "\n")
}

// ended waits for its end, which comes by itself, and checks its exit code.
func (w *watcher) ended(code int) {
	w.t.Helper()
	for line := range w.lines {
		w.t.Logf("after the end: %q", line)
	}
	_ = w.cmd.Wait() // the exit code says more
	if got := w.cmd.ProcessState.ExitCode(); got != code {
		w.t.Errorf("exit code %d, want %d", got, code)
	}
}

// TestWatch follows a group by lines, as a log has them.
func TestWatch(t *testing.T) {
	w := newWorld(t, vcsim.Options{CloneDelay: 2 * time.Second})
	w.Create(w.Group("other", 0))
	w.Create(w.Group("web", 2))
	in, out, err := os.Pipe()
	harness.Must(t, err)
	one := watch(t, w.Kubectl(), in, out, "web", "-n", w.Namespace, "-watch")
	first := one.until("web  ")
	if !strings.Contains(first, "no controller has written a status yet") || strings.Contains(first, "\x1b") {
		t.Errorf("the first line: %q", first)
	}
	w.StartController()
	one.until("web  PENDING", "[--------------------] 0/2", "0 of 2 VMs available")
	one.until("web  READY", "[####################] 2/2", "2 of 2 VMs available")
	w.Scale("web", 3)
	one.until("web  ", "[#############-------] 2/3")
	one.until("web  READY", "3/3")
	w.Delete("web")
	one.until("web  deleted")
	if rest := one.interrupt(); strings.Contains(rest, "other") || strings.Contains(rest, "error") {
		t.Errorf("it goes on: %s", rest)
	}
}

// TestWatchOnATerminal draws the lines of all groups again in their place, and leaves the terminal as it was.
func TestWatchOnATerminal(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.Create(w.Group("a", 1))
	w.Create(w.Group("web", 2))
	terminal, out := harness.OpenTerminal(t)
	all := watch(t, w.Kubectl(), terminal, out, "-n", w.Namespace, "-w")
	all.until("web  ", "no controller has written")
	w.StartController()
	all.until("\x1b[2A", "\x1b[2Ka    ") // up by two lines, and the name is as wide as the longest
	all.until("\x1b[2Kweb  READY", "[####################] 2/2")
	if rest := all.interrupt(); !strings.HasSuffix(rest, "\x1b[?7h") {
		t.Errorf("lines are still cut: %q", rest)
	}
}

// TestInterrupted ends a command while it logs in, and while it reads vCenter's inventory: it says nothing, and leaves no
// session behind.
func TestInterrupted(t *testing.T) {
	t.Run("while it reads", func(t *testing.T) {
		interrupt(t, control.Fault{Method: "CreateContainerView", Type: control.Hang})
	})
	t.Run("while it logs in", func(t *testing.T) {
		interrupt(t, control.Fault{Method: "Login", Type: control.LateReply, Slow: time.Second})
	})
}

// interrupt ends a command once it has a session, whether it knows that or not.
func interrupt(t *testing.T, fault control.Fault) {
	w := newWorld(t, vcsim.Options{})
	vc := w.VCenter.Control
	harness.Must(t, vc.AddFault(t.Context(), fault))
	ran := w.Kubectl().Interrupt(func() error {
		sessions, err := vc.Sessions(t.Context())
		if err == nil && len(sessions) == 0 {
			err = errors.New("it has not logged in yet")
		}
		return err
	}, "vmgroup", "orphans")
	if ran.Code != 130 || ran.String() != "" {
		t.Errorf("exit code %d, want 130: %s", ran.Code, ran)
	}
	sessions, err := vc.Sessions(t.Context())
	harness.Must(t, err)
	if len(sessions) > 0 {
		t.Errorf("sessions are left: %v", sessions)
	}
	harness.Must(t, vc.ClearFaults(t.Context()))
}

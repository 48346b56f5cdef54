// Package demo runs "make run" as a person does: in a terminal, with a second one beside it, and with Ctrl-C.
package demo

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// elsewhere is what a person may have in the environment, for a vCenter of his own.
var elsewhere = []string{"VC_HOST=vcenter.example.com", "GOVC_INSECURE=1", "GOVC_DATACENTER=mine"}

// run is a "make run" in a terminal.
type run struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File // the person's end
	lines    chan string
	temp     string // where all of it puts its files
}

// start starts one, without building what it runs.
func start(t *testing.T) *run {
	t.Helper()
	t.Parallel()
	terminal, program := harness.OpenTerminal(t)
	r := &run{t: t, terminal: terminal, lines: make(chan string, 1000), temp: t.TempDir()}
	r.cmd = exec.CommandContext(t.Context(), "make", "--old-file=build", "--old-file=devcluster", "run")
	r.cmd.Dir = harness.Root()
	r.cmd.Env = append(os.Environ(), append(elsewhere, "TMPDIR="+r.temp, "MAKEFLAGS=", "MAKELEVEL=")...)
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = program, program, program
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	harness.Must(t, r.cmd.Start())
	harness.Must(t, program.Close())
	go func() {
		defer close(r.lines)
		for scanner := bufio.NewScanner(terminal); scanner.Scan(); {
			r.lines <- scanner.Text()
		}
	}()
	return r
}

// until reads lines until one has a text, and returns all of them.
func (r *run) until(text string) (seen []string) {
	r.t.Helper()
	for line := range r.lines {
		seen = append(seen, line)
		if strings.Contains(line, text) {
			return seen
		}
	}
	r.t.Fatalf("it has ended without %q:\n%s", text, strings.Join(seen, "\n"))
	return nil
}

// interrupt presses Ctrl-C, and checks that it ends well and leaves nothing behind.
func (r *run) interrupt() {
	r.t.Helper()
	_, err := r.terminal.WriteString("\x03")
	harness.Must(r.t, err)
	var seen []string
	for line := range r.lines {
		seen = append(seen, line)
	}
	said := strings.Join(seen, "\n")
	if err := r.cmd.Wait(); err != nil || strings.Contains(said, "***") || !strings.Contains(said, "Stopping.") {
		r.t.Errorf("after Ctrl-C: %v:\n%s", err, said)
	}
	left, err := os.ReadDir(r.temp)
	harness.Must(r.t, err)
	if len(left) > 0 {
		r.t.Errorf("files are left: %v", left)
	}
	if processes := r.processes(); len(processes) > 0 {
		r.t.Errorf("processes are left: %q", processes)
	}
}

// processes returns the command lines of all that has the directory of this run in its environment.
func (r *run) processes() (found []string) {
	r.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	harness.Must(r.t, err)
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(environ), "TMPDIR="+r.temp+"\x00") {
			continue // it is not ours, or has ended
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err == nil {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// shell returns a shell in another terminal, which somebody has opened anywhere.
func (r *run) shell(script string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), append(elsewhere, "XDG_CACHE_HOME="+r.t.TempDir())...)
	return cmd
}

// TestKeep pastes the lines that are printed into a second terminal, where each does what it is there for.
func TestKeep(t *testing.T) {
	r := start(t)
	r.until("Paste this into a second terminal")
	var setup, once, endless []string
	part := &setup
	for _, line := range r.until("Ctrl-C here stops") {
		switch command, isCommand := strings.CutPrefix(line, "  "); {
		case isCommand:
			*part = append(*part, command)
		case strings.HasPrefix(line, "and try"):
			part = &once
		case strings.HasPrefix(line, "These go on"):
			part = &endless
		}
	}
	if len(setup) < 8 || len(once) < 9 || len(endless) < 3 {
		t.Fatalf("lines are missing: %q, then %q, then %q", setup, once, endless)
	}
	lines := append(setup[:len(setup):len(setup)], once...)
	out, err := r.shell(strings.Join(lines, "\n")).CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v:\n%s", strings.Join(lines, "\n"), err, out)
	}
	said := string(out)
	for _, part := range []string{
		"kopf-vmworld-example created", "condition met", "READY", "└─ /DC0/vm/vmgroups/default/kopf-vmworld-example",
		"kopf-vmworld-example scaled", "Conditions:", "Nothing was changed.", "to be removed", "Nothing was changed.",
		"There are no orphans", "poweredOn", "destroy VM",
	} {
		_, after, found := strings.Cut(said, part)
		if !found {
			t.Errorf("there is no %q, or not in this place:\n%s", part, out)
			continue
		}
		said = after
	}
	for _, line := range endless {
		cmd := r.shell(strings.Join(append(setup[:len(setup):len(setup)], "exec "+line), "\n"))
		stdout, err := cmd.StdoutPipe()
		harness.Must(t, err)
		harness.Must(t, cmd.Start())
		if scanner := bufio.NewScanner(stdout); !scanner.Scan() {
			t.Errorf("%s shows nothing", line)
		}
		harness.Must(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
	}
	r.interrupt()
}

// TestInterruptedStart presses Ctrl-C in the middle of the start.
func TestInterruptedStart(t *testing.T) {
	for name, at := range map[string]string{
		"control plane": "Starting etcd", "CRD": "kubectl create", "controller": "bin/vmgroup-controller",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.until(at)
			r.interrupt()
		})
	}
}

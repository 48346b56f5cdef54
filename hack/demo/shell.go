package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// deadline bounds each thing that the demo waits for. None should take a tenth of it.
const deadline = time.Minute

// say prints a command as a user would type it.
func say(format string, args ...any) { fmt.Printf("\n$ "+format+"\n", args...) }

// title begins a chapter.
func title(text string) { fmt.Printf("\n--- %s\n", text) }

// kubectl prints a command and runs it.
func (e *environment) kubectl(ctx context.Context, args ...string) error {
	return e.shell(ctx, "bin/kubectl", args...)
}

// vcsim changes or shows vCenter behind the controller's back.
func (e *environment) vcsim(ctx context.Context, args ...string) error {
	return e.shell(ctx, "bin/vcsim", append([]string{"ctl"}, args...)...)
}

func (e *environment) shell(ctx context.Context, name string, args ...string) error {
	cmd := e.command(ctx, name, args)
	cmd.Stdout = os.Stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func (e *environment) command(ctx context.Context, name string, args []string) *exec.Cmd {
	say("%s %s", name, quoteAll(args))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = e.environ()
	cmd.Stderr = os.Stderr
	// A process group of its own: the demo alone decides what Ctrl-C means.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// watch shows a table as it changes, until a line of it holds all words. It watches the list: of a single object, kubectl drops what
// changes between its get and its watch.
func (e *environment) watch(ctx context.Context, words ...string) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	cmd := e.command(ctx, "bin/kubectl", []string{"get", "vg", "--watch"})
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	found := false
	for lines := bufio.NewScanner(out); !found && lines.Scan(); {
		fmt.Println(lines.Text())
		found = contains(strings.Fields(lines.Text()), words)
	}
	cancel()
	_ = cmd.Wait() // it was ended by us
	if !found {
		return fmt.Errorf("%q did not appear in the table within %s", strings.Join(words, " "), deadline)
	}
	return nil
}

// contains reports whether words follow one another in line.
func contains(line, words []string) bool {
	return strings.Contains(" "+strings.Join(line, " ")+" ", " "+strings.Join(words, " ")+" ")
}

// eventually calls check until it succeeds.
func eventually(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-tick.C:
		}
	}
}

// quoteAll writes arguments as a shell takes them.
func quoteAll(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

// quote quotes what a shell would take apart.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

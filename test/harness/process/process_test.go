package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command returns a command that runs a shell script, which stands for a binary.
func command(t *testing.T, script string) Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return Command{
		Binary:       Binary{Name: "script", Path: path},
		Ready:        func(string) error { return nil },
		StartTimeout: time.Minute,
		StopTimeout:  time.Minute,
	}
}

// start starts a command that must be ready.
func start(ctx context.Context, t *testing.T, c Command) *Process {
	t.Helper()
	p, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStart(t *testing.T) {
	c := command(t, `echo "log of $1, $NAME" >&2; echo the first line; echo another; cat`)
	var log bytes.Buffer
	var line string
	c.Args, c.Env, c.Stderr = []string{"arg"}, []string{"NAME=value"}, &log
	c.Ready = func(text string) error { line = text; return nil }

	p := start(t.Context(), t, c)
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	if line != "the first line" {
		t.Errorf("Ready got %q", line)
	}
	if got, want := log.String(), "log of arg, value\n"; got != want {
		t.Errorf("Stderr got %q, want %q", got, want)
	}
}

func TestContextIsForTheStartAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := start(ctx, t, command(t, `echo ready; cat`))
	cancel()
	if err := p.Stop(); err != nil {
		t.Errorf("the end of the context ended the process: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	t.Run("it ends", func(t *testing.T) {
		_, err := Start(t.Context(), command(t, `echo the cause >&2`))
		wantError(t, err, "the cause")
	})
	t.Run("it prints something else", func(t *testing.T) {
		c := command(t, `echo hello; cat; echo the cause >&2`)
		unexpected := errors.New("unexpected")
		c.Ready = func(string) error { return unexpected }
		_, err := Start(t.Context(), c)
		wantError(t, err, "the cause")
		if !errors.Is(err, unexpected) {
			t.Errorf("Start: %v, want the error of Ready", err)
		}
	})
	t.Run("it is silent", func(t *testing.T) {
		c := command(t, `cat; echo the cause >&2`)
		c.StartTimeout = 50 * time.Millisecond
		_, err := Start(t.Context(), c)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Start: %v, want a deadline error", err)
		}
	})
	t.Run("there is no binary", func(t *testing.T) {
		t.Setenv("SCRIPT_BIN", filepath.Join(t.TempDir(), "absent"))
		c := Command{Binary: Binary{Name: "script", Env: "SCRIPT_BIN", Target: "scripts"}}
		_, err := Start(t.Context(), c)
		wantError(t, err, "run make scripts first, or set SCRIPT_BIN")
	})
}

func TestStopKillsInTheEnd(t *testing.T) {
	c := command(t, `echo ready; exec tail -f /dev/null`)
	c.StopTimeout = 50 * time.Millisecond
	wantError(t, start(t.Context(), t, c).Stop(), "it was killed because it did not end within 50ms")
}

func TestKill(t *testing.T) {
	p := start(t.Context(), t, command(t, `echo ready; exec tail -f /dev/null`))
	if err := p.Kill(); err != nil {
		t.Errorf("Kill: %v", err)
	}
	wantError(t, p.Stop(), "signal: killed")
}

func TestBufferKeepsTheEnd(t *testing.T) {
	log := Buffer{limit: tailSize}
	for _, text := range []string{"begin", strings.Repeat(".", tailSize), "end\n"} {
		if n, err := log.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if got := log.String(); len(got) != tailSize || strings.HasPrefix(got, "b") || !strings.HasSuffix(got, ".end\n") {
		t.Errorf("%d bytes, from %q to %q", len(got), got[:5], got[len(got)-5:])
	}
}

func wantError(t *testing.T, err error, substring string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), substring) {
		t.Errorf("error %v, want one with %q", err, substring)
	}
}

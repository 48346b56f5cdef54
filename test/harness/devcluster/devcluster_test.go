package devcluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeBinary makes Start run a shell script instead of the real binary, which would take seconds.
func fakeBinary(t *testing.T, script string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devcluster")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(BinaryEnv, path)
}

func TestStartAndStop(t *testing.T) {
	// Like the real one, it ends when its stdin does.
	fakeBinary(t, `echo "KUBECONFIG=/tmp/kubeconfig with spaces"; cat`)
	c, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Kubeconfig(), "/tmp/kubeconfig with spaces"; got != want {
		t.Errorf("Kubeconfig() = %q, want %q", got, want)
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
}

func TestStartErrors(t *testing.T) {
	t.Run("no binary", func(t *testing.T) {
		t.Setenv(BinaryEnv, filepath.Join(t.TempDir(), "absent"))
		_, err := Start(t.Context(), Options{})
		wantError(t, err, "make devcluster")
	})
	t.Run("it exits", func(t *testing.T) {
		fakeBinary(t, `echo "etcd ended by itself" >&2; exit 1`)
		_, err := Start(t.Context(), Options{})
		wantError(t, err, "etcd ended by itself")
	})
	t.Run("it hangs", func(t *testing.T) {
		fakeBinary(t, `cat`)
		_, err := Start(t.Context(), Options{StartTimeout: 50 * time.Millisecond})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Start: %v, want a deadline error", err)
		}
	})
}

func TestStopReportsFailure(t *testing.T) {
	fakeBinary(t, `echo KUBECONFIG=/tmp/kubeconfig; cat; echo "kube-apiserver ended by itself" >&2; exit 1`)
	c, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, c.Stop(), "kube-apiserver ended by itself")
}

func wantError(t *testing.T, err error, substring string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), substring) {
		t.Errorf("error %v, want one with %q", err, substring)
	}
}

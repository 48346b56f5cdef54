//go:build unix

package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
)

// die ends the fixture's process in the middle of what it does: the kernel closes its files, and no more.
func (f *fixture) die() {
	if s, ok := f.gate.store.(*fileStore); ok && s.lock != nil {
		_ = s.lock.file.Close()
	}
}

// files returns the names in the directory of the records.
func (f *fixture) files() []string {
	f.t.Helper()
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestWindowOfFile is rule 3 for a file: one attempt less than a controller has, which leaves room for it.
func TestWindowOfFile(t *testing.T) {
	f := newFileFixture(t)
	for i := range 3 {
		f.begin(fmt.Sprintf("bad%d", i), 0)
		f.end(true)
		f.restart()
		f.step(10 * time.Second)
	}
	f.begin("good", 150*time.Second)
	now := f.clock.Now()
	if got, want := f.gate.PutOff().Other.Sub(now).Round(time.Millisecond), 150*time.Second; got != want {
		t.Errorf("any others are put off for %s, want %s", got, want)
	}
	f.begin("bad2", 290*time.Second)
	if got, want := f.gate.PutOff().Same.Sub(now).Round(time.Millisecond), 290*time.Second; got != want {
		t.Errorf("the same are put off for %s, want %s", got, want)
	}
	f.step(150 * time.Second)
	f.begin("good", 0)
}

// TestPutOff says until when at once when a login is refused.
func TestPutOff(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.begin("bad", 0)
		f.step(time.Second)
		f.end(true)
		now, putOff := f.clock.Now(), f.gate.PutOff()
		if same := putOff.Same.Sub(now).Round(time.Millisecond); same != refusedFor-time.Second || putOff.Other.After(now) {
			t.Errorf("it is put off for %s, others until %s", same, putOff.Other)
		}
	})
}

// TestFileIsTheUsersAlone looks at who may read it, what is in it, and what is left of it.
func TestFileIsTheUsersAlone(t *testing.T) {
	f := newFileFixture(t)
	f.begin("hunter2", 0)
	f.end(true)
	for path, want := range map[string]fs.FileMode{f.dir: 0o700 | fs.ModeDir, filepath.Join(f.dir, "vcenter_443.json"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
		}
	}
	text, err := os.ReadFile(filepath.Join(f.dir, "vcenter_443.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"user":"user"`) || strings.Contains(string(text), "hunter2") {
		t.Errorf("got %s", text)
	}
	if names := f.files(); len(names) != 1 {
		t.Errorf("beside the record there is something: %q", names)
	}
	f.step(5 * time.Minute)
	f.begin("hunter2", 0)
	f.end(false)
	if names := f.files(); len(names) != 0 {
		t.Errorf("nothing is held back, and yet there is %q", names)
	}
}

// TestEachVCenterHasItsFile: what one has refused is no matter of another.
func TestEachVCenterHasItsFile(t *testing.T) {
	f := newFileFixture(t)
	f.begin("bad", 0)
	f.end(true)
	f.gate = NewFileGate(f.dir, "OTHER.example.com:443", f.clock)
	f.begin("bad", 0)
	f.end(true)
	f.gate = NewFileGate(f.dir, "other.example.com:443", f.clock)
	f.begin("bad", 5*time.Minute)
	f.gate = NewFileGate(f.dir, "../../up/[fe80::1%eth0]:443", f.clock)
	f.begin("bad", 0)
	f.end(true)
	if names := strings.Join(f.files(), " "); names != ".._.._up__fe80__1_eth0__443.json other.example.com_443.json vcenter_443.json" {
		t.Errorf("the files are %s", names)
	}
}

func TestNoWriteNoAttemptOfFile(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"the directory cannot be made": func(dir string) error { return os.WriteFile(filepath.Dir(dir), nil, 0o600) },
		"the record cannot be read":    func(dir string) error { return os.MkdirAll(filepath.Join(dir, "vcenter_443.json"), 0o700) },
		"the record cannot be written": func(dir string) error { return os.MkdirAll(filepath.Join(dir, "vcenter_443.json.new"), 0o700) },
		"it cannot be locked":          func(dir string) error { return os.MkdirAll(filepath.Join(dir, "vcenter_443.json.lock"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache", "kubectl-vmgroup")
			if name == "the directory cannot be made" {
				dir = filepath.Join(t.TempDir(), "file", "kubectl-vmgroup")
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			g := NewFileGate(dir, "vcenter:443", clock.RealClock{})
			g.iterations = 10
			allowed, _, err := g.Begin(t.Context(), "user", "pw")
			if allowed || err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "vcenter_443.json")) {
				t.Errorf("got %v, %v; want no attempt, and an error with the path", allowed, err)
			}
			if err := g.End(t.Context(), true); err != nil {
				t.Errorf("the end of no attempt: %v", err)
			}
		})
	}
}

// TestTheNextWaitsForTheAnswer: who comes while another is logging in waits, and then knows what came of it.
func TestTheNextWaitsForTheAnswer(t *testing.T) {
	f := newFileFixture(t)
	f.begin("bad", 0)
	next := NewFileGate(f.dir, "vcenter:443", f.clock)
	next.iterations = 10
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if allowed, _, err := next.Begin(impatient, "user", "bad"); allowed || !errors.Is(err, errLocked) {
		t.Fatalf("got %v, %v; want no attempt, because it is locked", allowed, err)
	}
	ended := make(chan error, 1)
	go func() {
		allowed, _, err := next.Begin(t.Context(), "user", "bad")
		if allowed {
			err = errors.Join(err, errors.New("it was allowed"))
		}
		ended <- err
	}()
	f.end(true)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	f.begin("good", 0)
	f.end(false)
}

// TestManyAtOnce: of all that want to try the same at the same time, one does.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	for password, want := range map[string]int32{"bad": 1, "good": 16} {
		var all sync.WaitGroup
		var attempts, under atomic.Int32
		for range 16 {
			all.Go(func() {
				g := NewFileGate(dir, "vcenter:443", clock.RealClock{})
				g.iterations = 10
				allowed, _, err := g.Begin(t.Context(), "user", password)
				if err != nil {
					t.Error(err)
				}
				if !allowed {
					return
				}
				attempts.Add(1)
				if under.Add(1) > 1 {
					t.Error("two attempts at once")
				}
				under.Add(-1)
				if err := g.End(t.Context(), password == "bad"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := attempts.Load(); got != want {
			t.Errorf("%s: %d attempts, want %d", password, got, want)
		}
	}
}

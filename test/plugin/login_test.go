package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// logins checks how many logins vCenter has taken and refused, and that no account is locked.
func logins(t *testing.T, w *harness.World, accepted, refused int) {
	t.Helper()
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if calls.LoginsRefused != refused || calls.LoginsOK != accepted {
		t.Errorf("%d refused logins and %d others, want %d and %d", calls.LoginsRefused, calls.LoginsOK, refused, accepted)
	}
	lockout, err := w.VCenter.Control.Lockout(t.Context())
	harness.Must(t, err)
	if !lockout.LockedUntil.IsZero() {
		t.Errorf("the account is locked: %+v", lockout)
	}
}

// TestOldPassword repeats all commands with a password that vCenter refuses: it is tried once, by all of them together. Then
// the right one is tried at once. Nothing of it is in Kubernetes.
func TestOldPassword(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.Create(w.Group("web", 1))
	kubectl := w.Kubectl()
	old := kubectl.With("VC_PASS=canary-password")
	ran := old.Run("vmgroup", "orphans")
	want(t, ran, 1, `error: vCenter refused the user name or the password of "user". They are not tried again before `,
		"lest the account is locked", "Correct VC_USER or VC_PASS", "others are tried at once")
	for range 2 {
		for _, args := range [][]string{{"orphans"}, {"plan", "web", "-n", w.Namespace}, {"tree", "web", "-n", w.Namespace}} {
			ran := old.Run(append([]string{"vmgroup"}, args...)...)
			want(t, ran, 1, `error: no login to vCenter was tried: it refused the user name or the password of "user" lately`,
				"They are not tried again before ", "others are tried at once")
			if strings.Contains(ran.String(), "canary") {
				t.Error("the password is shown")
			}
		}
	}
	logins(t, w, 0, 1)
	want(t, kubectl.Run("vmgroup", "orphans"), 0, "There are no orphans")
	logins(t, w, 1, 1)
	want(t, old.Run("vmgroup", "orphans"), 1, "no login to vCenter was tried")
	logins(t, w, 1, 1)

	leases, err := w.Kube.CoordinationV1().Leases("").List(t.Context(), metav1.ListOptions{})
	harness.Must(t, err)
	for _, lease := range leases.Items {
		if strings.HasSuffix(lease.Name, "-login") && (lease.Namespace == w.Namespace || lease.Namespace == metav1.NamespaceDefault) {
			t.Errorf("the login was written into Lease %s/%s", lease.Namespace, lease.Name)
		}
	}
}

// TestGuessedPasswords tries one password after the other: soon it has to wait, with whatever password, and there is still
// room for a controller.
func TestGuessedPasswords(t *testing.T) {
	w := newUncheckedWorld(t)
	kubectl := w.Kubectl()
	for i := range 3 {
		want(t, kubectl.With(fmt.Sprintf("VC_PASS=guess-%d", i)).Run("vmgroup", "orphans"), 1, "error: vCenter refused")
	}
	for i := range 3 {
		want(t, kubectl.With(fmt.Sprintf("VC_PASS=guess-%d", 3+i)).Run("vmgroup", "orphans"), 1, "error: no login to vCenter was tried",
			"There were several such logins: the next is tried after ", "with whatever password")
	}
	logins(t, w, 0, 3)
}

// newUncheckedWorld is newWorld where I10, which speaks of a user and not of a password, is not judged.
func newUncheckedWorld(t *testing.T) *harness.World {
	t.Helper()
	t.Parallel()
	w := harness.NewWorld(t, cluster, vcsim.Options{})
	invariants.Watch(w, invariants.Options{LoginEvery: 1})
	return w
}

// TestCommandsAtOnce runs several at the same time: with a wrong password one of them tries it, with the right one all do.
func TestCommandsAtOnce(t *testing.T) {
	const n = 6
	w := newWorld(t, vcsim.Options{})
	kubectl := w.Kubectl()
	for _, tc := range []struct {
		password          string
		code              int
		accepted, refused int
	}{{"wrong", 1, 0, 1}, {w.VCenter.Password, 0, n, 1}} {
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				if ran := kubectl.With("VC_PASS="+tc.password).Run("vmgroup", "orphans"); ran.Code != tc.code {
					t.Errorf("exit code %d, want %d:\n%s", ran.Code, tc.code, ran)
				}
			})
		}
		all.Wait()
		logins(t, w, tc.accepted, tc.refused)
	}
}

// TestWhereLoginsAreWritten looks at the file: it is the user's alone, and gone when it says nothing any more. Where none can
// be written, nothing is tried.
func TestWhereLoginsAreWritten(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	cache := t.TempDir()
	kubectl := w.Kubectl().With("XDG_CACHE_HOME=" + cache)
	dir := filepath.Join(cache, "kubectl-vmgroup")
	want(t, kubectl.Run("vmgroup", "orphans"), 0)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("after a good login there is %v, %v", entries, err)
	}
	logins(t, w, 1, 0)
	file := filepath.Join(cache, "a-file")
	harness.Must(t, os.WriteFile(file, nil, 0o600))
	want(t, kubectl.With("XDG_CACHE_HOME="+file).Run("vmgroup", "orphans"), 1,
		"error: no login to vCenter was tried, for it cannot be written down first", "XDG_CACHE_HOME", "not a directory")
	want(t, kubectl.With("XDG_CACHE_HOME=", "HOME=").Run("vmgroup", "orphans"), 1, "error: no login to vCenter is tried", "set HOME, or XDG_CACHE_HOME")
	logins(t, w, 1, 0)

	want(t, kubectl.With("VC_PASS=canary-password").Run("vmgroup", "orphans"), 1, "vCenter refused")
	entries, err := os.ReadDir(dir)
	harness.Must(t, err)
	if len(entries) != 1 {
		t.Fatalf("there are the files %v", entries)
	}
	info, err := entries[0].Info()
	harness.Must(t, err)
	text, err := os.ReadFile(filepath.Join(dir, info.Name()))
	harness.Must(t, err)
	if info.Mode() != 0o600 || !strings.HasPrefix(info.Name(), "127.0.0.1_") || strings.Contains(string(text), "canary") {
		t.Errorf("%s (%s) holds %s", info.Name(), info.Mode(), text)
	}
}

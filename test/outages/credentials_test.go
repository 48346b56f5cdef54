package outages

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// secret is a directory with credentials, as a Pod has one.
type secret struct {
	t       testing.TB
	dir     string
	checker *invariants.Checker
}

func (w *world) secret(password string) secret {
	w.T.Helper()
	s := secret{w.T, w.T.TempDir(), w.checker}
	s.write("username", w.VCenter.Username)
	s.write("password", password)
	return s
}

func (s secret) write(name, text string) {
	s.t.Helper()
	s.checker.Rotated()
	// Renamed into its place, so that nobody reads half of it.
	path := filepath.Join(s.dir, name)
	harness.Must(s.t, os.WriteFile(path+".new", []byte(text), 0o600))
	harness.Must(s.t, os.Rename(path+".new", path))
}

// rejected waits until a group's status says that the credentials are refused.
func (w *world) rejected(name string) {
	w.T.Helper()
	w.Meets(name, func(vg *v1alpha1.VmGroup) error {
		for _, c := range vg.Status.Conditions {
			if c.Type == v1alpha1.ConditionVCenterReachable && c.Status == metav1.ConditionFalse && c.Reason == v1alpha1.ReasonCredentialsRejected {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", vg.Status.Conditions)
	})
}

// refusedBy waits until one of some controllers has found out that the credentials are refused.
func (w *world) refusedBy(controllers ...*harness.Controller) {
	w.T.Helper()
	w.Eventually("a controller finds its credentials refused", func() error {
		for _, c := range controllers {
			if logged(c, v1alpha1.ReasonCredentialsRejected) {
				return nil
			}
		}
		return errors.New("not yet")
	})
}

// refusals checks how many logins vCenter has refused, and that the account is not locked.
func (w *world) refusals(want int) {
	w.T.Helper()
	if _, refused := w.logins(); refused != want {
		w.T.Errorf("%d logins were refused, want %d", refused, want)
	}
	lockout, err := w.VCenter.Control.Lockout(w.T.Context())
	harness.Must(w.T, err)
	if !lockout.LockedUntil.IsZero() {
		w.T.Errorf("an account is locked: %+v", lockout)
	}
}

// sessions checks how many sessions there are in vCenter.
func (w *world) sessions(want int) {
	w.T.Helper()
	sessions, err := w.VCenter.Control.Sessions(w.T.Context())
	harness.Must(w.T, err)
	if len(sessions) != want {
		w.T.Errorf("%d sessions, want %d: %+v", len(sessions), want, sessions)
	}
}

// TestCrashLoop starts a controller with a wrong password again and again: it is tried once, by all of them together.
func TestCrashLoop(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	s := w.secret("wrong")
	w.Create(w.Group("web", 1))
	for range 20 {
		c := w.start("-vcenter-credentials-dir", s.dir)
		w.refusedBy(c)
		c.Stop()
	}
	w.rejected("web")
	w.refusals(1)
	w.start("-vcenter-credentials-dir", s.dir)
	s.write("password", w.VCenter.Password)
	w.Ready("web", 1)
	w.refusals(1)
	w.sessions(1)
}

// TestThreeReplicas starts three with a wrong password, of which one leads, and then the next, and the next.
func TestThreeReplicas(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	s := w.secret("wrong")
	w.Create(w.Group("web", 1))
	replica := func() *harness.Controller {
		return w.start("-vcenter-credentials-dir", s.dir, "-leader-elect-retry-period", "200ms")
	}
	first := replica()
	w.refusedBy(first)
	second, third := replica(), replica()
	first.Stop()
	w.refusedBy(second, third)
	if logged(third, v1alpha1.ReasonCredentialsRejected) {
		second, third = third, second
	}
	second.Stop()
	w.refusedBy(third)
	w.refusals(1)
	s.write("password", w.VCenter.Password)
	w.Ready("web", 1)
	w.refusals(1)
	w.sessions(1)
}

// TestRotation changes the password, in the two orders there are.
func TestRotation(t *testing.T) {
	t.Run("the file first, with a live session", func(t *testing.T) {
		w := newWorld(t, vcsim.Options{})
		s := w.secret(w.VCenter.Password)
		w.start("-vcenter-credentials-dir", s.dir)
		w.Create(w.Group("web", 1))
		w.Ready("web", 1)
		s.write("password", "next")
		w.Scale("web", 2)
		w.Ready("web", 2)
		w.sessions(1)
		w.refusals(0)

		// The session ends within the window: the next password is refused, once, and taken when vCenter has it.
		harness.Must(t, w.VCenter.Control.EndSessions(t.Context()))
		w.rejected("web")
		w.refusals(1)
		harness.Must(t, w.VCenter.Control.SetPassword(t.Context(), w.VCenter.Username, "next"))
		s.write("password", w.VCenter.Password) // somebody goes back and forth
		w.Eventually("the old one is tried and refused", func() error {
			if _, refused := w.logins(); refused < 2 {
				return fmt.Errorf("%d refused", refused)
			}
			return nil
		})
		w.refusals(2)
		s.write("password", "third")
		harness.Must(t, w.VCenter.Control.SetPassword(t.Context(), w.VCenter.Username, "third"))
		w.Ready("web", 2)
		w.sessions(1)
	})
	t.Run("vCenter first, with a live session", func(t *testing.T) {
		w := newWorld(t, vcsim.Options{})
		s := w.secret(w.VCenter.Password)
		w.start("-vcenter-credentials-dir", s.dir)
		w.Create(w.Group("web", 1))
		w.Ready("web", 1)
		harness.Must(t, w.VCenter.Control.SetPassword(t.Context(), w.VCenter.Username, "next"))
		w.Scale("web", 2)
		w.Ready("web", 2)
		s.write("password", "next")
		w.Scale("web", 3)
		w.Ready("web", 3)
		w.sessions(1)
		w.refusals(0)
		if accepted, _ := w.logins(); accepted != 1 {
			t.Errorf("%d logins, want the first one alone", accepted)
		}
		harness.Must(t, w.VCenter.Control.EndSessions(t.Context()))
		w.Scale("web", 1)
		w.Ready("web", 1)
		w.refusals(0)
		w.sessions(1)
	})
	t.Run("vCenter first, and the session ends within the window", func(t *testing.T) {
		w := newWorld(t, vcsim.Options{})
		s := w.secret(w.VCenter.Password)
		w.start("-vcenter-credentials-dir", s.dir)
		w.Create(w.Group("web", 1))
		w.Ready("web", 1)
		harness.Must(t, w.VCenter.Control.SetPassword(t.Context(), w.VCenter.Username, "next"))
		harness.Must(t, w.VCenter.Control.EndSessions(t.Context()))
		w.rejected("web")
		w.refusals(1)
		s.write("password", "next")
		w.Ready("web", 1)
		w.refusals(1)
		w.sessions(1)
	})
}

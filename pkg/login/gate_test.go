package login

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
)

type fixture struct {
	t      *testing.T
	client *fake.Clientset
	clock  *clocktesting.FakePassiveClock
	dir    string // of a file, in place of the Lease
	gate   *Gate
}

// onBoth runs a test with the record in a Lease, and with the record in a file.
func onBoth(t *testing.T, test func(*testing.T, *fixture)) {
	t.Run("Lease", func(t *testing.T) { test(t, newFixture(t)) })
	t.Run("file", func(t *testing.T) { test(t, newFileFixture(t)) })
}

func newFileFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.dir = filepath.Join(t.TempDir(), "not", "there")
	f.restart()
	return f
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, client: fake.NewClientset(), clock: clocktesting.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 678912345, time.UTC))}
	f.restart()
	return f
}

// restart makes another gate on the same record, as another process or replica does when the first is no more.
func (f *fixture) restart() {
	if f.dir != "" {
		f.die()
		f.gate = NewFileGate(f.dir, "vcenter:443", f.clock)
		f.gate.iterations = 10
		return
	}
	f.gate = NewGate(f.client.CoordinationV1().Leases("ns"), "vmgroup-controller-login", f.clock)
	f.gate.iterations = 10
}

func (f *fixture) step(d time.Duration) { f.clock.SetTime(f.clock.Now().Add(d)) }

// begin wants an attempt with the password to be allowed, or to be put off for wait.
func (f *fixture) begin(password string, wait time.Duration) {
	f.t.Helper()
	allowed, after, err := f.gate.Begin(f.t.Context(), "user", password)
	if err != nil || allowed != (wait == 0) || (after-wait).Abs() > time.Microsecond {
		f.t.Fatalf("begin %s: got %v, %v, %v; want to wait %v", password, allowed, after, err, wait)
	}
}

func (f *fixture) end(refused bool) {
	f.t.Helper()
	if err := f.gate.End(f.t.Context(), refused); err != nil {
		f.t.Fatal(err)
	}
}

func TestRefusedCredentialsWait(t *testing.T) { // rules 1 and 2
	onBoth(t, func(t *testing.T, f *fixture) {
		f.begin("bad", 0)
		f.end(true)
		f.step(time.Second)
		f.begin("bad", 299*time.Second)
		f.restart()
		f.begin("bad", 299*time.Second)
		f.step(10 * time.Second)
		f.begin("other", 0)
		f.end(true)
		f.begin("bad", 289*time.Second)
		f.step(289 * time.Second)
		f.begin("bad", 0)
	})
}

func TestUnfinishedAttemptCounts(t *testing.T) { // rule 1
	onBoth(t, func(t *testing.T, f *fixture) {
		f.begin("pw", 0)
		f.restart() // died before End
		f.step(time.Minute)
		f.begin("pw", 4*time.Minute)
		f.begin("changed", 0)
	})
}

func TestWindow(t *testing.T) { // rule 3
	f := newFixture(t)
	for i := range 4 {
		f.begin(fmt.Sprintf("bad%d", i), 0)
		f.end(i%2 == 0) // half of them never come to an end, below
		if i%2 == 1 {
			f.rewrite(notRefused, tried)
		}
		f.restart()
		f.step(10 * time.Second)
	}
	f.begin("good", 140*time.Second)
	f.step(140*time.Second - time.Millisecond)
	f.begin("good", time.Millisecond)
	f.step(time.Millisecond)
	f.begin("good", 0)
	f.end(true)
	f.begin("better", 10*time.Second)
}

func TestUnansweredAttempts(t *testing.T) { // rule 5
	f := newFixture(t)
	for range 3 {
		f.begin("good", 0)
		if err := f.gate.Unanswered(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.restart() // a crash loop
		f.step(10 * time.Second)
	}
	f.begin("good", 150*time.Second)
	f.begin("other", 150*time.Second)
	f.step(150 * time.Second)
	f.begin("good", 0)
	f.end(true)
	f.begin("good", 5*time.Minute)
	f.begin("other", 0)
	f.end(true)
	f.begin("third", 10*time.Second) // rule 3: two refused, two without an answer
}

func TestAcceptedAttemptsAreFree(t *testing.T) { // rule 4
	onBoth(t, func(t *testing.T, f *fixture) {
		for range 10 {
			f.begin("good", 0)
			f.end(false)
			f.restart()
			f.step(time.Second)
		}
	})
}

func TestNoWriteNoAttempt(t *testing.T) {
	for _, verb := range []string{"get", "create", "update"} {
		t.Run(verb, func(t *testing.T) {
			f := newFixture(t)
			if verb == "update" {
				f.begin("other", 0)
			}
			f.client.PrependReactor(verb, "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewForbidden(metav1.SchemeGroupVersion.WithResource("leases").GroupResource(), "x", errors.New("no"))
			})
			if allowed, _, err := f.gate.Begin(t.Context(), "user", "pw"); allowed || !apierrors.IsForbidden(err) {
				t.Errorf("got %v, %v; want no attempt, and the error", allowed, err)
			}
		})
	}
}

func TestTwoReplicasAtOnce(t *testing.T) {
	f := newFixture(t)
	f.begin("other", 0)
	f.end(false)
	f.client.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewConflict(metav1.SchemeGroupVersion.WithResource("leases").GroupResource(), "x", errors.New("modified"))
	})
	if allowed, _, err := f.gate.Begin(t.Context(), "user", "pw"); allowed || !apierrors.IsConflict(err) {
		t.Errorf("got %v, %v; want no attempt, and the conflict", allowed, err)
	}
}

func TestEndIsWrittenAlthoughStopping(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	if allowed, _, err := f.gate.Begin(ctx, "user", "pw"); !allowed || err != nil {
		t.Fatal(allowed, err)
	}
	cancel()
	if err := f.gate.End(ctx, false); err != nil {
		t.Fatal(err)
	}
	f.restart()
	f.begin("pw", 0)
}

func TestRecordHoldsNoSecret(t *testing.T) {
	f := newFixture(t)
	f.begin("hunter2", 0)
	text := f.record()
	if !strings.Contains(text, `"user":"user"`) || strings.Contains(text, "hunter2") {
		t.Errorf("got %s", text)
	}
	g := newFixture(t)
	g.begin("hunter2", 0)
	if g.record() == text {
		t.Error("two Leases have the same record: no salt")
	}
}

func TestRecordThatCannotBeTrusted(t *testing.T) {
	f := newFixture(t)
	f.begin("pw", 0)
	f.rewrite("{", "")
	f.begin("pw", 0)
	f.end(true)
	f.step(-24 * time.Hour) // the clock was wrong, and is set right
	f.begin("pw", 0)
}

func (f *fixture) record() string {
	f.t.Helper()
	lease, err := f.client.CoordinationV1().Leases("ns").Get(f.t.Context(), "vmgroup-controller-login", metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return lease.Annotations[annotation]
}

// rewrite replaces a text in the record.
func (f *fixture) rewrite(from, to outcome) {
	f.t.Helper()
	leases := f.client.CoordinationV1().Leases("ns")
	lease, err := leases.Get(f.t.Context(), "vmgroup-controller-login", metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	lease.Annotations[annotation] = strings.ReplaceAll(lease.Annotations[annotation], string(from), string(to))
	if _, err := leases.Update(f.t.Context(), lease, metav1.UpdateOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

// The Lease can be read by others: to guess a password by its hash must be slow, and what is found not certain.
func TestTheHashIsSlowAndShort(t *testing.T) {
	f := newFixture(t)
	f.gate = NewGate(f.client.CoordinationV1().Leases("ns"), "vmgroup-controller-login", f.clock)
	f.begin("pw", 0)
	lease, err := f.client.CoordinationV1().Leases("ns").Get(t.Context(), "vmgroup-controller-login", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal([]byte(lease.Annotations[annotation]), &r); err != nil {
		t.Fatal(err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(r.Salt)
	if err != nil || len(salt) < 16 {
		t.Fatalf("salt %q: %v", r.Salt, err)
	}
	key, err := pbkdf2.Key(sha256.New, "4:userpw", salt, 200_000, 4)
	if err != nil {
		t.Fatal(err)
	}
	if want := base64.RawStdEncoding.EncodeToString(key); len(r.Attempts) != 1 || r.Attempts[0].Hash != want {
		t.Errorf("attempts %+v, want the hash %s", r.Attempts, want)
	}
}

package login

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FuzzRecord reads whatever may stand in the Lease or the file. It is never an error, it never makes anybody wait for longer than
// refused credentials do, and it never allows what would lock the account.
func FuzzRecord(f *testing.F) {
	for _, text := range []string{
		"", "{", "null", "[]", `{"salt":"!","attempts":null}`, `{"attempts":[{}]}`,
		`{"attempts":[{"hash":"h","time":"2026-01-02T03:04:05.000000Z","outcome":"Refused"}]}`,
		`{"attempts":[{"hash":"h","time":"2026-01-02T03:08:05.000000Z","outcome":"Tried"},{"hash":"i","time":"9999-12-31T23:59:59.000000Z"}]}`,
		`{"attempts":[{"hash":"h","time":"2026-01-02T03:04:05.000000Z","outcome":"NotRefused"},{"hash":"h","time":null,"outcome":"?"}]}`,
	} {
		f.Add(text, "h")
	}
	now := time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text, hash string) {
		r, _ := readRecord(text) // empty, with an error
		r.prune(now)
		wait, _ := r.wait(now, hash, maxInWindow)
		if wait < 0 || wait > 2*refusedFor {
			t.Fatalf("%q: %q has to wait for %s", text, hash, wait)
		}
		counted := 0
		for _, a := range r.Attempts {
			if age := now.Sub(a.Time.Time); age >= 0 && age < window && a.Outcome != notRefused {
				counted++
			}
		}
		if wait == 0 && counted >= maxInWindow {
			t.Errorf("%q: an attempt is allowed after %d within %s", text, counted, window)
		}
		mine := attempt{Hash: hash, Time: metav1.NewMicroTime(now), Outcome: tried}
		r.Attempts = append(r.Attempts, mine)
		r.end(mine, refused)
		written, err := r.text()
		if err != nil {
			t.Fatalf("%q cannot be written again: %v", text, err)
		}
		again, err := readRecord(written)
		if err != nil || !json.Valid([]byte(written)) || len(again.Attempts) != len(r.Attempts) {
			t.Errorf("%q: %d attempts of %d are read again: %v", text, len(again.Attempts), len(r.Attempts), err)
		}
		if same, _ := again.wait(now.Add(time.Second), again.Attempts[len(again.Attempts)-1].Hash, maxInWindow); same <= 0 {
			t.Errorf("%q: refused credentials may be tried again after a second", text)
		}
	})
}

package observability

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// credentials writes a directory as a mounted Secret has it, and returns it with a function that writes another password.
func credentials(t *testing.T, user, password string) (dir string, rotate func(password string)) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) { harness.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	write("username", user)
	write("password", password)
	return dir, func(password string) { write("password", password) }
}

// line is one line of a log in JSON.
type line struct {
	Msg     string `json:"msg"`
	OpID    string `json:"opID"`
	Task    string `json:"task"`
	VM      string `json:"vm"`
	VMGroup any    `json:"vmGroup"`
}

// lines reads a log in JSON, all of it.
func lines(t *testing.T, log string) []line {
	t.Helper()
	var out []line
	for text := range strings.Lines(log) {
		if !strings.HasSuffix(text, "\n") {
			break // it is being written
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("the log has a line that is no JSON: %v: %s", err, text)
		}
		out = append(out, l)
	}
	return out
}

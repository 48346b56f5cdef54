package demo

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// TestActs runs both acts of the demo as the README says, without building what they run.
func TestActs(t *testing.T) {
	for _, act := range []string{"", "class"} {
		t.Run(act, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "make", "--old-file=build", "--old-file=devcluster", "demo", "ACT="+act)
			cmd.Dir = harness.Root()
			cmd.Env = append(os.Environ(), append(elsewhere, "TMPDIR="+t.TempDir(), "MAKEFLAGS=", "MAKELEVEL=")...)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Everything came true") {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
	cmd := exec.CommandContext(t.Context(), "make", "--old-file=build", "--old-file=devcluster", "demo", "ACT=typo")
	cmd.Dir = harness.Root()
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), `there is no act "typo"`) {
		t.Errorf("an act that there is not: %v:\n%s", err, out)
	}
}

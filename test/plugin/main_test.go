// Package plugin runs the kubectl plugin as users do: by kubectl, which finds it on PATH, against a real API server and the
// vCenter simulator.
package plugin

import (
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) { harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD) }

func newWorld(t *testing.T, o vcsim.Options) *harness.World {
	t.Helper()
	t.Parallel()
	w := harness.NewWorld(t, cluster, o)
	invariants.Watch(w, invariants.Options{})
	return w
}

// want checks what came of a command: its exit code, and parts of what it printed, in their order.
func want(t *testing.T, ran harness.Ran, code int, parts ...string) {
	t.Helper()
	if ran.Code != code {
		t.Errorf("exit code %d, want %d:\n%s", ran.Code, code, ran)
	}
	rest := ran.String()
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("it does not say %q, or not in this place:\n%s", part, ran)
			return
		}
		rest = after
	}
}

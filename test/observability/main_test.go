// Package observability proves what an operator sees of a controller: its metrics and what is made of them, what ties its
// log, its events and vCenter's tasks together, and that none of it shows a secret.
package observability

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) { harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD) }

func newWorld(t *testing.T, o vcsim.Options, i invariants.Options) *harness.World {
	t.Helper()
	w := harness.NewWorld(t, cluster, o)
	invariants.Watch(w, i)
	return w
}

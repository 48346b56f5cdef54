// Package integration runs the whole controller, by app.Run, between a real API server and the vCenter simulator. Each
// test has a namespace and a vCenter of its own; the cluster is shared.
package integration

import (
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

// Package input proves that nothing a user or an administrator can write brings the controller down, makes it run hot, or
// leads it to what is not its own: every field of the API with every value that is worth trying, and long sequences of
// changes beside people who work in the same vCenter. Everything goes through a real API server and the simulator.
package input

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) { harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD) }

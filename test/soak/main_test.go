// Package soak runs the binary that ships for as long as one likes between a real API server and the simulator, while users
// change their groups, people work in vCenter, and everything fails that can, all at random. Every minute or so the world
// is mended and all groups must come to rest; in the end nothing may have leaked, and memory may not have grown.
//
// DURATION and SEED, in the environment, say how long it takes and what is drawn. The draws are those of the seed; what they
// meet depends on timing, so a seed leads to like histories and not to the same one.
package soak

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) { harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD) }

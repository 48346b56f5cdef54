// Package integration runs the whole controller, by app.Run, between a real API server and the vCenter simulator. Each
// test has a namespace and a vCenter of its own; the cluster is shared.
package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if cluster, err = devcluster.Start(ctx, devcluster.Options{}); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := harness.ApplyCRD(ctx, cluster); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func newWorld(t *testing.T, o vcsim.Options) *harness.World {
	t.Helper()
	t.Parallel()
	return harness.NewWorld(t, cluster, o)
}

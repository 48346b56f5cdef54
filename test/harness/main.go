package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

// Main is the TestMain of a package whose tests share a cluster: it starts one, stores it, prepares it, runs the tests,
// and stops it. It returns when the tests have run, whatever came of them, and exits with 1 when they could not.
func Main(m *testing.M, cluster **devcluster.Cluster, o devcluster.Options, prepare ...func(context.Context, *devcluster.Cluster) error) {
	if err := runIn(m, cluster, o, prepare); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runIn(m *testing.M, cluster **devcluster.Cluster, o devcluster.Options, prepare []func(context.Context, *devcluster.Cluster) error) (err error) {
	ctx := context.Background()
	if *cluster, err = devcluster.Start(ctx, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, (*cluster).Stop()) }()
	for _, step := range prepare {
		if err := step(ctx, *cluster); err != nil {
			return err
		}
	}
	m.Run() // package testing exits with what it returns
	return nil
}

// NewCluster starts a cluster for one test, and stops it at its end.
func NewCluster(t testing.TB, o devcluster.Options) *devcluster.Cluster {
	t.Helper()
	c, err := devcluster.Start(t.Context(), o)
	Must(t, err)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
	})
	return c
}

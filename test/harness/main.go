package devcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Main is the TestMain of a package whose tests share a cluster: it starts one, prepares it, runs the tests, stops it, and
// exits.
func Main(run func() int, prepare func(context.Context, *Cluster) error) {
	code, err := withCluster(run, prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withCluster(run func() int, prepare func(context.Context, *Cluster) error) (code int, err error) {
	ctx := context.Background()
	cluster, err := Start(ctx, Options{})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := prepare(ctx, cluster); err != nil {
		return 1, err
	}
	return run(), nil
}

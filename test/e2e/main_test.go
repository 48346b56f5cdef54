// Package e2e installs what ships into a real API server, as users do by kubectl, and runs the binary as its Deployment says:
// with the permissions of its ServiceAccount and nothing else.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

var (
	cluster  *devcluster.Cluster
	auditLog string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	auditLog = filepath.Join(dir, "audit.log")
	cluster, err = devcluster.Start(context.Background(), devcluster.Options{ControllerManager: true, AuditLog: auditLog})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	return m.Run(), nil
}

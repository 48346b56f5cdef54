// Package e2e installs what ships into a real API server, as users do by kubectl, and runs the binary as its Deployment says:
// with the permissions of its ServiceAccount and nothing else.
package e2e

import (
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

var (
	cluster  *devcluster.Cluster
	auditLog string
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	auditLog = filepath.Join(dir, "audit.log")
	harness.Main(m, &cluster, devcluster.Options{ControllerManager: true, AuditLog: auditLog})
}

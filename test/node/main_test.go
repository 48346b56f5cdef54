// Package node runs what ships on a real node: the Deployment's Pods from the image that is built, by a scheduler, a kubelet,
// containerd and runc. What only they can show is tried here: the user and the rights that a process really has, volumes and
// probes, the address of the API server as Pods know it, and what is left when all is removed. The whole life of an
// installation is in test/e2e.
//
// It runs in namespaces that make test-e2e-node makes, and as root.
package node

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) {
	images, err := filepath.Glob(filepath.Join(harness.Root(), "bin", "node", "*.tar"))
	if err != nil {
		log.Fatal(err)
	}
	if len(images) == 0 {
		fmt.Fprintln(os.Stderr, "there are no images in bin/node: make test-e2e-node makes them, and runs this package as it wants to be run")
		os.Exit(1)
	}
	harness.Main(m, &cluster, devcluster.Options{Node: true, Images: images})
}

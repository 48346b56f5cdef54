// Package artifacts proves that the manifests that ship can be installed, and that they agree: with each other, with the
// flags of the controller, and with the examples that people fill in. What happens once they are installed is the matter
// of other tests.
package artifacts

import (
	"context"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

// The manifests, as seen from this directory.
const (
	installFile       = "../../artifacts/install.yaml"
	namespacedFile    = "../../artifacts/install-namespaced.yaml"
	configExampleFile = "../../artifacts/config.example.yaml"
	secretExampleFile = "../../artifacts/secret.example.yaml"
)

const (
	system = "vmgroup-system" // the namespace of the controller
	name   = "vmgroup-controller"
)

// The cluster of this package, into which install.yaml has been installed.
var (
	cluster *devcluster.Cluster
	kube    kubernetes.Interface
)

func TestMain(m *testing.M) {
	// The ReplicaSet is what makes the Pods, and a controller of its own adds up the roles.
	harness.Main(m, &cluster, devcluster.Options{ControllerManager: true}, install)
}

func install(ctx context.Context, c *devcluster.Cluster) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	if kube, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	_, err = c.Kubectl(ctx, "apply", "--validate=strict", "-f", installFile)
	return err
}

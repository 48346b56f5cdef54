// Package artifacts proves that the manifests that ship can be installed, and that they agree: with each other, with the
// flags of the controller, and with the examples that people fill in. What happens once they are installed is the matter
// of other tests.
package artifacts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

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
	code, err := run(context.Background(), m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (code int, err error) {
	// The ReplicaSet is what makes the Pods, and a controller of its own adds up the roles.
	cluster, err = devcluster.Start(ctx, devcluster.Options{ControllerManager: true})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig())
	if err != nil {
		return 1, err
	}
	if kube, err = kubernetes.NewForConfig(config); err != nil {
		return 1, err
	}
	if _, err := cluster.Kubectl(ctx, "apply", "--validate=strict", "-f", installFile); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

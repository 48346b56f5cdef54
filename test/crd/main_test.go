// Package crd proves what artifacts/ promises on a real API server: which VmGroups it accepts and what it says about
// the others, what it prints, and what the controller's account may do. Everything is applied as users apply it, with
// kubectl from the files.
package crd

import (
	"context"
	"testing"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

// The artifacts, as seen from this directory.
const (
	crdFile     = "../../artifacts/crd.yaml"
	rbacFile    = "../../artifacts/rbac.yaml"
	examplesDir = "../../artifacts/examples"
)

const namespace = "default"

// The cluster of this package. Tests share it and use names of their own.
var (
	cluster  *devcluster.Cluster
	vmGroups versioned.Interface
	objects  dynamic.Interface
	kube     kubernetes.Interface
)

func TestMain(m *testing.M) {
	harness.Main(m, &cluster, devcluster.Options{}, connect, applyArtifacts)
}

func connect(_ context.Context, c *devcluster.Cluster) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	config.QPS = -1 // no throttling
	if vmGroups, err = versioned.NewForConfig(config); err != nil {
		return err
	}
	if objects, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	kube, err = kubernetes.NewForConfig(config)
	return err
}

func applyArtifacts(ctx context.Context, c *devcluster.Cluster) error {
	commands := [][]string{
		{"apply", "-f", crdFile, "-f", rbacFile},
		{"wait", "--for=condition=Established", "--timeout=30s", "-f", crdFile},
	}
	for _, command := range commands {
		if _, err := c.Kubectl(ctx, command...); err != nil {
			return err
		}
	}
	return nil
}

// mustKubectl is kubectl for tests that cannot go on without it.
func mustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package artifacts

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

func kubectl(t *testing.T, args ...string) {
	t.Helper()
	_, err := cluster.Kubectl(t.Context(), args...)
	harness.Must(t, err)
}

// objects returns what is in a file.
func objects(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(file)
	harness.Must(t, err)
	return decode(t, content)
}

func decode(t *testing.T, content []byte) []*unstructured.Unstructured {
	t.Helper()
	var found []*unstructured.Unstructured
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		harness.Must(t, err)
		object := &unstructured.Unstructured{}
		harness.Must(t, yaml.Unmarshal(document, &object.Object))
		found = append(found, object)
	}
}

// only returns the one object of a kind, as the type that it is.
func only[T any](t *testing.T, kind string, all []*unstructured.Unstructured) *T {
	t.Helper()
	var found *T
	for _, object := range all {
		if object.GetKind() != kind {
			continue
		}
		if found != nil {
			t.Fatalf("there are several %ss", kind)
		}
		found = new(T)
		harness.Must(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, found, true))
	}
	if found == nil {
		t.Fatalf("there is no %s", kind)
	}
	return found
}

func deploymentIn(t *testing.T, file string) *appsv1.Deployment {
	t.Helper()
	return only[appsv1.Deployment](t, "Deployment", objects(t, file))
}

// controllerIn returns the one container of the Deployment.
func controllerIn(t *testing.T, file string) corev1.Container {
	t.Helper()
	pod := deploymentIn(t, file).Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("there are %d containers and %d init containers, want one container", len(pod.Containers), len(pod.InitContainers))
	}
	return pod.Containers[0]
}

// settings returns the example of the ConfigMap, with the settings that it leaves to people uncommented.
func settings(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	content, err := os.ReadFile(configExampleFile)
	harness.Must(t, err)
	commented := regexp.MustCompile(`(?m)^  # ([A-Z_]+: )`)
	return only[corev1.ConfigMap](t, "ConfigMap", decode(t, commented.ReplaceAll(content, []byte("  $1"))))
}

func secret(t *testing.T) *corev1.Secret {
	t.Helper()
	return only[corev1.Secret](t, "Secret", objects(t, secretExampleFile))
}

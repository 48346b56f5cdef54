package plugin

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestReadme runs each command of the plugin that the README shows, as it stands there.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(harness.Root(), "README.md"))
	harness.Must(t, err)
	var commands [][]string
	for line := range strings.Lines(string(readme)) {
		if args, ok := strings.CutPrefix(line, "kubectl vmgroup "); ok {
			commands = append(commands, append([]string{"vmgroup"}, strings.Fields(args)...))
		}
	}
	if len(commands) < 5 {
		t.Fatalf("the README shows %q alone", commands)
	}
	w := newWorld(t, vcsim.Options{})
	kubectl := w.Kubectl().With("KUBECONFIG=" + inNamespace(t, w))
	want(t, kubectl.Run("create", "-f", "artifacts/examples/example.yaml"), 0)
	w.StartController()
	w.Ready("kopf-vmworld-example", 3)
	for _, args := range commands {
		if !slices.Contains(args, "--watch") {
			want(t, kubectl.Run(args...), 0)
			continue
		}
		in, out, err := os.Pipe()
		harness.Must(t, err)
		watching := watch(t, kubectl, in, out, args[2:]...)
		watching.until("kopf-vmworld-example  READY", "3/3")
		watching.interrupt()
	}
}

// inNamespace returns a kubeconfig whose context is in the world's namespace.
func inNamespace(t *testing.T, w *harness.World) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(w.Cluster.Kubeconfig())
	harness.Must(t, err)
	config.Contexts[config.CurrentContext].Namespace = w.Namespace
	path := filepath.Join(t.TempDir(), "kubeconfig")
	harness.Must(t, clientcmd.WriteToFile(*config, path))
	return path
}

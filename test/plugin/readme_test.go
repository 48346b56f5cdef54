package plugin

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestReadme runs each command of the plugin that the README shows, as it stands there, with the name of a VM for $VM, and those
// that prepare for them.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(harness.Root(), "README.md"))
	harness.Must(t, err)
	var commands [][]string
	for line := range strings.Lines(string(readme)) {
		if args, ok := strings.CutPrefix(line, "kubectl "); ok && (strings.HasPrefix(args, "vmgroup ") || strings.HasPrefix(args, "patch vg ")) {
			commands = append(commands, strings.Fields(strings.ReplaceAll(args, "'", "")))
		}
	}
	if len(commands) < 5 {
		t.Fatalf("the README shows %q alone", commands)
	}
	w := newWorld(t, vcsim.Options{})
	kubectl := w.Kubectl().With("KUBECONFIG=" + inNamespace(t, w))
	want(t, kubectl.Run("create", "-f", "artifacts/examples/example.yaml"), 0)
	w.StartController()
	vm := w.Ready("kopf-vmworld-example", 3).Status.VMs[0].Name
	for _, args := range commands {
		if i := slices.Index(args, "$VM"); i >= 0 {
			args[i] = vm
		}
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

var inlineCommand = regexp.MustCompile("`kubectl (vmgroup [^`]+)`")

// TestCommandsForUpdates runs each command of the plugin in docs/updates.md, for the group web and one of its VMs.
func TestCommandsForUpdates(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "updates.md"))
	harness.Must(t, err)
	w := newWorld(t, vcsim.Options{})
	kubectl := w.Kubectl().With("KUBECONFIG=" + inNamespace(t, w))
	file := filepath.Join(t.TempDir(), "new.yaml")
	harness.Must(t, os.WriteFile(file, []byte(newGroup), 0o600))
	w.StartController()
	group := w.Group("web", 2)
	replacing(group)
	w.Create(group)
	ran := 0
	for _, match := range inlineCommand.FindAllStringSubmatch(string(page), -1) {
		vg := w.Ready("web", 2)
		args := strings.Fields(match[1])
		for i, arg := range args {
			switch arg {
			case "VM":
				args[i] = vg.Status.VMs[0].Name
			case "FILE":
				args[i] = file
			}
		}
		want(t, kubectl.Run(args...), 0)
		ran++
	}
	if ran < 6 {
		t.Errorf("it shows %d commands", ran)
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

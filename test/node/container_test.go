package node

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// ctr asks containerd, past the kubelet, and returns the words that it prints.
func ctr(t testing.TB, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ctr", append([]string{"--namespace", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ctr %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.Fields(string(out))
}

// process returns the number of the process that a Pod's container runs.
func process(t testing.TB, pod *corev1.Pod) int {
	t.Helper()
	if len(pod.Status.ContainerStatuses) != 1 {
		t.Fatalf("Pod %s has %d container statuses, want 1", pod.Name, len(pod.Status.ContainerStatuses))
	}
	id, ok := strings.CutPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
	if !ok {
		t.Fatalf("Pod %s is not run by containerd: %q", pod.Name, pod.Status.ContainerStatuses[0].ContainerID)
	}
	tasks := ctr(t, "tasks", "ls") // a table: container, process, state
	i := slices.Index(tasks, id)
	if i < 0 || i+1 == len(tasks) {
		t.Fatalf("containerd does not run the container %s of Pod %s: %v", id, pod.Name, tasks)
	}
	pid, err := strconv.Atoi(tasks[i+1])
	harness.Must(t, err)
	return pid
}

// status returns what the kernel says of a process: user, rights, memory.
func status(t testing.TB, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	harness.Must(t, err)
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	return fields
}

// mountOptions returns how a process sees what is mounted at a path.
func mountOptions(t testing.TB, pid int, path string) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	harness.Must(t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[4] == path {
			return strings.Split(fields[5], ",")
		}
	}
	t.Fatalf("process %d has nothing mounted at %s:\n%s", pid, path, text)
	return nil
}

// leftOnNode returns an error that lists what is there of Pods: containers, their cgroups, their ends of the bridge.
func leftOnNode(t testing.TB) error {
	t.Helper()
	left := append(ctr(t, "containers", "ls", "--quiet"), ctr(t, "tasks", "ls", "--quiet")...)
	for _, pattern := range []string{"/sys/fs/cgroup/*/kubepods*/*/pod*", "/sys/fs/cgroup/kubepods*/*/pod*", "/var/lib/kubelet/pods/*"} {
		found, err := filepath.Glob(pattern)
		harness.Must(t, err)
		left = append(left, found...)
	}
	interfaces, err := net.Interfaces()
	harness.Must(t, err)
	for _, i := range interfaces {
		if strings.HasPrefix(i.Name, "veth") {
			left = append(left, i.Name)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("left on the node: %s", strings.Join(left, " "))
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A cluster with a node (-node) also runs kube-scheduler, containerd and a kubelet, and so the Pods that are made.
//
// It needs root, Debian's containerd, runc and containernetworking-plugins, and namespaces of its own for network, mounts and
// processes, as hack/node-namespaces.sh makes them: containerd and its containers go on when whoever started them ends, by
// design, and mounts, interfaces and sockets stay; the kernel takes all of it away with the namespaces.
//
// There is no kube-proxy and no DNS, and policies for the network are not enforced. Pods reach the API server all the same: the address of the Service "kubernetes" is one
// of the node's own, and the API server listens there, on the Service's port. To a Pod the node is the way to everywhere, so
// what is sent to an address of the node arrives.
const (
	nodeName = "devcluster"
	nodePort = 443 // of the API server, as the Service "kubernetes" has it

	// pauseImage holds the namespaces of a Pod. -image has to bring it, as there is no registry here.
	pauseImage = "localhost/devcluster/pause:1"
)

// checkNode returns an error that says what is missing to run a node.
func checkNode() error {
	if !nodeLinked {
		return errors.New("-node: this binary has no kubelet and no scheduler; make devcluster-node builds one that has")
	}
	if os.Geteuid() != 0 {
		return errors.New("-node: a node needs root")
	}
	for _, program := range []string{containerd, "runc", "ctr", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("-node: %s is missing; on Debian: apt-get install containerd runc containernetworking-plugins iproute2", program)
		}
	}
	if _, err := os.Stat(filepath.Join(cniPlugins, "bridge")); err != nil {
		return fmt.Errorf("-node: the CNI plugins are missing; on Debian: apt-get install containernetworking-plugins: %w", err)
	}
	return nil
}

// startNode starts what runs Pods, and returns when the node is ready for them.
func (c *cluster) startNode(ctx context.Context) error {
	if err := c.startCommand(ctx, containerd, []string{containerd, "--config", containerdConfigFile}, c.containerdReady); err != nil {
		return err
	}
	for _, image := range c.options.images {
		if out, err := c.ctr(ctx, "images", "import", image); err != nil {
			return fmt.Errorf("import the images of %s: %w\n%s", image, err, out)
		}
	}
	if err := c.startProcess(ctx, kubeScheduler, c.schedulerArgs(), started); err != nil {
		return err
	}
	return c.startProcess(ctx, kubelet, c.kubeletArgs(), c.nodeReady)
}

// started is for components that nobody waits for: what they are needed for comes later.
func started(context.Context) error { return nil }

func (c *cluster) containerdReady(ctx context.Context) error {
	_, err := c.ctr(ctx, "version")
	return err
}

// ctr runs containerd's client where Kubernetes keeps its images and containers.
func (c *cluster) ctr(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", containerdSocket, "--namespace", "k8s.io"}, args...)...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// nodeReady asks whether the kubelet calls its node ready.
func (c *cluster) nodeReady(ctx context.Context) error {
	body, err := c.get(ctx, "/api/v1/nodes/"+nodeName)
	if err != nil {
		return err
	}
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return fmt.Errorf("read the node: %w", err)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" {
			if condition.Status == "True" {
				return nil
			}
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
	}
	return errors.New("the kubelet has not said yet whether the node is ready")
}

// explainAddress adds to an error of listening on the node's address what is mostly wrong.
func explainAddress(err error) error {
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("%w: -node needs namespaces of its own, with %s on an interface; see hack/node-namespaces.sh", err, serviceIP)
	}
	return err
}

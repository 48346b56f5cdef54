// Package devcluster runs a real Kubernetes control plane for tests and demos: the binary made of hack/devcluster, as a
// child process that cannot outlive its parent.
//
// A package of tests starts one cluster in TestMain and shares it; starting takes a few seconds and about half a
// gigabyte. There are no nodes, and no Pod ever runs, unless Options ask for one.
package devcluster

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness/process"
)

const (
	// BinaryEnv names the environment variable with the path of the binary, an absolute one, because tests run in the
	// directory of their package. Default: bin/devcluster in this repository.
	BinaryEnv = "DEVCLUSTER_BIN"

	// NodeBinaryEnv is BinaryEnv for a cluster with a node. Default: bin/devcluster-node.
	NodeBinaryEnv = "DEVCLUSTER_NODE_BIN"

	// NodeAddress is the address of the node, at which its Pods reach who listens there.
	NodeAddress = "10.0.0.1"

	// DefaultStartTimeout bounds Start where Options does not. It is generous for machines that compile meanwhile.
	DefaultStartTimeout = 2 * time.Minute

	// stopTimeout is how long Stop waits before it kills. The binary itself gives each of three components 2 s.
	stopTimeout = 15 * time.Second

	readyPrefix = "KUBECONFIG="
)

// Options say what to run. The zero value runs etcd and kube-apiserver in a temporary directory.
type Options struct {
	// ControllerManager also runs kube-controller-manager. Without it namespaces are never gone after their deletion,
	// nothing is garbage collected, no HorizontalPodAutoscaler scales, and no default ServiceAccount appears.
	ControllerManager bool

	// Dir is kept after Stop, with data and logs of the components; a later cluster continues there.
	// Default: a temporary directory, removed by Stop.
	Dir string

	// KubeconfigOut is an additional path by which people find the kubeconfig. Default: only inside the directory.
	KubeconfigOut string

	// AuditLog is a file that gets one JSON line per request that was answered, without bodies:
	// who did what to which object. A request is in the file before its answer arrives. Default: none.
	AuditLog string

	// Verbosity is the log level (-v) of the Kubernetes components. Their logs are files in Dir.
	Verbosity int

	// Node also runs kube-scheduler, containerd and a kubelet, and ControllerManager with them. It needs root and what
	// hack/node-namespaces.sh makes, in which this process has to run.
	Node bool

	// Images are archives of the images that the node has. There is no registry.
	Images []string

	// StartTimeout bounds Start. Default: DefaultStartTimeout.
	StartTimeout time.Duration
}

// Cluster is a running control plane.
type Cluster struct {
	kubeconfig string
	process    *process.Process
}

// Start starts a cluster and returns when it serves. The caller must Stop it. ctx is for the start alone: once Start has
// returned, the end of ctx does not stop the cluster, but the end of this process does, however it comes.
// Clusters do not disturb each other: any number may run at a time.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{}
	var err error
	c.process, err = process.Start(ctx, process.Command{
		Binary:       binary(o),
		Args:         args(o),
		Ready:        c.ready,
		StartTimeout: cmp.Or(o.StartTimeout, DefaultStartTimeout),
		StopTimeout:  stopTimeout,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ready reads the line that a cluster prints when it serves.
func (c *Cluster) ready(line string) error {
	path, ok := strings.CutPrefix(line, readyPrefix)
	if !ok {
		return fmt.Errorf("it printed %q, want %s and a path", line, readyPrefix)
	}
	c.kubeconfig = path
	return nil
}

// Kubeconfig returns the path of the administrator's kubeconfig. The administrator may do everything, impersonation of
// other users included.
func (c *Cluster) Kubeconfig() string {
	return c.kubeconfig
}

// Binary returns the path of the binary, which is kubectl when it is called by a link of that name.
func (c *Cluster) Binary() string { return c.process.Path() }

// Stop stops the cluster and returns when nothing of it runs any more. Calling it again, or concurrently, is harmless.
// It returns an error if the cluster had ended before by itself, or had to be killed.
func (c *Cluster) Stop() error {
	return c.process.Stop()
}

func binary(o Options) process.Binary {
	if o.Node {
		return process.Binary{Name: "devcluster-node", Env: NodeBinaryEnv, Target: "devcluster-node"}
	}
	return process.Binary{Name: "devcluster", Env: BinaryEnv, Target: "devcluster"}
}

func args(o Options) []string {
	args := []string{
		"up",
		"-exit-on-stdin-eof",
		"-controller-manager=" + strconv.FormatBool(o.ControllerManager),
		"-v=" + strconv.Itoa(o.Verbosity),
	}
	if o.Node {
		args = append(args, "-node")
	}
	for _, image := range o.Images {
		args = append(args, "-image="+image)
	}
	for name, value := range map[string]string{
		"-dir":            o.Dir,
		"-kubeconfig-out": o.KubeconfigOut,
		"-audit-log":      o.AuditLog,
	} {
		if value != "" {
			args = append(args, name+"="+value)
		}
	}
	return args
}

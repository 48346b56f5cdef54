package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// startTimeout bounds the start as a whole. It takes a few seconds; a busy machine may need many times that.
const startTimeout = 3 * time.Minute

// upOptions are the flags of "devcluster up".
type upOptions struct {
	dir               string
	controllerManager bool
	node              bool
	images            []string
	kubeconfigOut     string
	auditLog          string
	verbosity         int
	exitOnStdinEOF    bool
}

func parseUpOptions(args []string) (upOptions, error) {
	var o upOptions
	fs := flag.NewFlagSet("devcluster up", flag.ContinueOnError)
	fs.StringVar(&o.dir, "dir", "",
		"directory for data, keys and logs; kept at exit, and a later run continues with its objects (default: a temporary one, removed at exit)")
	fs.BoolVar(&o.controllerManager, "controller-manager", false,
		"also run kube-controller-manager: deletes namespaces, collects garbage, scales by HorizontalPodAutoscaler, makes default ServiceAccounts and Pods of Deployments")
	fs.BoolVar(&o.node, "node", false,
		"also run kube-scheduler, containerd and a kubelet, and so Pods; needs root, and namespaces of its own (hack/node-namespaces.sh)")
	fs.Func("image", "`archive` of images for the node, as docker save writes it; may be given several times, and once with "+pauseImage,
		func(path string) error { o.images = append(o.images, path); return nil })
	fs.StringVar(&o.kubeconfigOut, "kubeconfig-out", "",
		"file to write the administrator's kubeconfig to, replacing it (default: kubeconfig in the directory)")
	fs.StringVar(&o.auditLog, "audit-log", "",
		"file to append an audit event to for every completed request: who did what to which object, without bodies")
	fs.IntVar(&o.verbosity, "v", 0, "log level of the Kubernetes components")
	fs.BoolVar(&o.exitOnStdinEOF, "exit-on-stdin-eof", false,
		"stop when stdin ends, so that the cluster never outlives the process that holds the other end")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: devcluster up takes flags only", fs.Arg(0))
	}
	if o.node {
		if err := checkNode(); err != nil {
			return o, err
		}
		o.controllerManager = true // it makes Pods, and calls a node ready
	}
	// The components run in another directory.
	paths := []*string{&o.dir, &o.kubeconfigOut, &o.auditLog}
	for i := range o.images {
		paths = append(paths, &o.images[i])
	}
	for _, path := range paths {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return o, fmt.Errorf("make %s absolute: %w", *path, err)
		}
		*path = abs
	}
	return o, nil
}

// runUp is "devcluster up"; args[0] is the command name. It returns the exit code.
func runUp(args []string) int {
	o, err := parseUpOptions(args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "devcluster: %v\n", err)
		return 2
	}

	// SIGHUP is what a closed terminal sends.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// From the first signal on a second one kills: whoever is in a hurry may press Ctrl-C twice.
	context.AfterFunc(ctx, stop)
	if o.exitOnStdinEOF {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			defer cancel()
			_, _ = io.Copy(io.Discard, os.Stdin)
		}()
	}

	if err := up(ctx, o, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "devcluster: %v\n", err)
		return 1
	}
	return 0
}

// up runs a control plane until ctx is done. Once the control plane serves, it writes one line to ready:
// KUBECONFIG=<path>. It returns nil when it was told to stop after that, and an error when the control plane did not come
// up or did not stay up. Either way nothing is left running.
func up(ctx context.Context, o upOptions, ready io.Writer) (err error) {
	dir, err := openWorkDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.close()) }()

	c, err := newCluster(dir.path, o)
	if err != nil {
		return err
	}
	defer c.stop()

	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.start(startCtx); err != nil {
		return fmt.Errorf("start the control plane: %w", err)
	}
	if _, err := fmt.Fprintf(ready, "KUBECONFIG=%s\n", c.kubeconfig); err != nil {
		return fmt.Errorf("announce the kubeconfig: %w", err)
	}
	return c.wait(ctx)
}

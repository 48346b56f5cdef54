// Devcluster is a Kubernetes control plane in one binary, for tests and demos: etcd, kube-apiserver,
// kube-controller-manager and kubectl, linked from their Go modules. It needs no container engine, no download and no
// root, and what it runs is the real thing: schema validation, RBAC, admission, watches and kubectl behave as they do
// in production. There is no scheduler and no node, so no Pod ever runs, unless it is built with the tag node and told to
// run one, see startNode.
//
//	devcluster up           runs a control plane in the foreground, see "devcluster up -h"
//	devcluster kubectl ...  is kubectl; so is the binary itself when it is called by a link named kubectl
//
// The other commands (etcd, kube-apiserver and so on) are for devcluster itself: "up" runs each component as a child process
// of the same binary. In one process they would share feature gates, metrics, logging and signal
// handlers, all of them global, and none of them can be stopped and started again.
//
// It is a module of its own so that the dependencies of Kubernetes never reach the go.mod of the controller.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const usage = `Usage:
  devcluster up [flags]           run a control plane until interrupted; -h lists the flags
  devcluster kubectl [arguments]  run kubectl
`

func main() {
	os.Exit(run(os.Args))
}

// run picks the program by the name the binary was called by, then by the first argument, and returns its exit code.
func run(args []string) int {
	if filepath.Base(args[0]) == kubectl {
		return runKubectl(args)
	}
	if len(args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	switch name, rest := args[1], args[1:]; name {
	case "up":
		return runUp(rest)
	case kubectl:
		return runKubectl(rest)
	case etcd, apiServer, controllerManager, kubeScheduler, kubelet:
		return runComponent(rest)
	case "help", "-h", "-help", "--help":
		fmt.Print(usage)
		return 0
	default:
		fmt.Fprintf(os.Stderr, "devcluster: unknown command %q\n%s", name, usage)
		return 2
	}
}

package main

import (
	"io"
	"os"
	_ "time/tzdata" // for CronJobs with a time zone

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl: authentication plugins
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client-go's metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // the build_info metric
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// The linked programs, as they are named on the command line, in the log files and in error messages.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	kubeScheduler     = "kube-scheduler" // as kubelet, in binaries built with the tag node
	kubelet           = "kubelet"
	kubectl           = "kubectl"

	containerd = "containerd" // not linked but called, as the machine has it
)

// runComponent runs the component named by args[0] until it is told to stop or its parent is gone.
func runComponent(args []string) int {
	go exitWithParent()
	// The components parse os.Args themselves, like the programs that they usually are.
	os.Args = args
	switch args[0] {
	case etcd:
		etcdmain.Main(args) // calls os.Exit
		return 0
	case apiServer:
		return cli.Run(apiserver.NewAPIServerCommand())
	case controllerManager:
		return cli.Run(controllermanager.NewControllerManagerCommand())
	default:
		return runNodeComponent(args[0])
	}
}

// exitWithParent ends this process when its stdin ends. Stdin is a pipe whose other end only the parent holds: however
// the parent dies, SIGKILL included, the kernel closes the pipe. Unlike Linux' parent-death signal this also works
// elsewhere, and it cannot fire early when merely the thread that started the child ends.
func exitWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// runKubectl is the main function of kubectl; args[0] is the program name.
func runKubectl(args []string) int {
	os.Args = args
	// Before flags are parsed, because kubectl logs already while it assembles its commands.
	_, _ = logs.GlogSetter(kubectlcmd.GetLogVerbosity(args))
	if err := cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints the error and exits with kubectl's code for it
	}
	return 0
}

//go:build node

package main

import (
	"context"

	"k8s.io/component-base/cli"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
)

// nodeLinked is whether this binary has what only a cluster with a node needs, and most who build it have no use for.
const nodeLinked = true

func runNodeComponent(name string) int {
	if name == kubeScheduler {
		return cli.Run(scheduler.NewSchedulerCommand())
	}
	return cli.Run(kubeletapp.NewKubeletCommand(context.Background()))
}

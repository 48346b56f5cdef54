// The controller for VmGroups: groups of identical virtual machines in vSphere.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

var version = "devel" // set by the linker

func main() {
	o := options.NewOptions()
	o.UserAgent = "vmgroup-controller/" + version
	o.FromEnvironment(os.Getenv)
	o.AddFlags(flag.CommandLine)
	options.AddLoggingFlags(flag.CommandLine)
	flag.Parse() // exits with 2 if a flag is wrong
	if o.Version {
		fmt.Println(version)
		return
	}
	if errs := append(o.Validate(), options.NoArguments(flag.Args())...); len(errs) > 0 {
		for _, err := range errs {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(2)
	}
	o.StartLogging(flag.CommandLine)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal stops in order, the second one at once
	if err := app.Run(ctx, o); err != nil {
		klog.ErrorS(err, "The controller has ended")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
	klog.Flush()
}

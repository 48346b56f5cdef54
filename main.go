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
	"github.com/vmgroup/vmgroup-controller/pkg/cli"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

var version = "devel" // set by the linker

func main() {
	if cli.Chosen(os.Args[0]) {
		os.Exit(cli.Main(version))
	}
	o := options.NewOptions()
	o.UserAgent = "vmgroup-controller/" + version
	o.FromEnvironment(os.Getenv)
	flags := flag.NewFlagSet("vmgroup-controller", flag.ContinueOnError)
	o.AddFlags(flags)
	options.AddLoggingFlags(flags)
	if errs := o.Parse(flags, os.Args[1:]); len(errs) > 0 {
		os.Exit(options.Explain(os.Stderr, errs))
	}
	if o.Version {
		fmt.Println(version)
		return
	}
	o.StartLogging(flags)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal stops in order, the second one at once
	if err := app.Run(ctx, o); err != nil {
		klog.ErrorS(err, "The controller has ended")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
	klog.Flush()
}

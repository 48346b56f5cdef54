// Command demo shows a VmGroup at work, on a real Kubernetes API server and a vCenter simulator.
//
//	demo        goes through the life of a VmGroup, prints each command that it runs, checks what comes of it, and leaves
//	            nothing behind. Exit status 0 means that everything came true.
//	demo -act class
//	            does so with a VmGroupClass: zones, addresses, hostnames and limits.
//	demo -keep  starts the same environment and leaves it to you until Ctrl-C.
//
// It is started by make demo and make run, which build what it runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	keep := flag.Bool("keep", false, "start the environment, say how to use it, and keep it until Ctrl-C")
	act := flag.String("act", "", "what to show: empty for the life of a VmGroup, class for a VmGroupClass")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if *keep {
		// Make waits for this process and the shell for make: nobody would let go on what Ctrl-Z stops.
		signal.Ignore(syscall.SIGTSTP)
	}
	err := run(ctx, *keep, *act)
	switch {
	case err == nil:
	case interrupted(ctx, err) && !*keep:
		fmt.Fprintln(os.Stderr, "\nInterrupted. Everything is stopped.")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool, act string) (err error) {
	began := time.Now()
	acts := map[string]func(*environment, context.Context) error{"": (*environment).playLife, "class": (*environment).playClass}
	play, ok := acts[act]
	if !ok {
		return fmt.Errorf("there is no act %q: leave it out, or say class", act)
	}
	fmt.Println("Starting etcd and kube-apiserver, and a vCenter simulator with three versions of a template.")
	env := &environment{classes: act == "class"}
	defer func() { err = errors.Join(err, env.stop()) }()
	if keep {
		return env.keep(ctx)
	}
	if err := env.start(ctx); err != nil {
		return err
	}
	if err := play(env, ctx); err != nil {
		return errors.Join(err, env.controllerLog())
	}
	if err := env.vcenter.Violations(ctx); err != nil {
		return errors.Join(fmt.Errorf("forbidden calls: %w", err), env.controllerLog())
	}
	fmt.Printf("\nEverything came true, in %s.\n", time.Since(began).Round(time.Second))
	return nil
}

// interrupted reports whether err comes of an interruption. The terminal sends Ctrl-C to all processes of the demo's group,
// and to a child that has not left the group yet: the child may be dead before the demo has seen its own signal.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil || killedBy(err, syscall.SIGINT)
}

// killedBy reports whether err is the end of a process that died of one of the signals.
func killedBy(err error, signals ...syscall.Signal) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains(signals, status.Signal())
}

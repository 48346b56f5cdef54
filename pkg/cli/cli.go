package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/klog/v2"
)

// program is the name by which kubectl finds a plugin that is called by "kubectl vmgroup".
const program = "kubectl-vmgroup"

// Codes that the plugin exits with.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 128 + int(syscall.SIGINT)
)

// Chosen reports whether a process that was started by this name is the plugin.
func Chosen(name string) bool { return strings.TrimSuffix(filepath.Base(name), ".exe") == program }

// Main runs the plugin with what the process was given, and returns the code to exit with: 0; 1 if something failed; 2 if
// the command line was wrong; 130 if it was interrupted before it was done.
func Main(version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends it at once
	p := process{getenv: os.Getenv, in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: isTerminal(os.Stdout), version: version}
	return p.run(ctx, os.Args[1:])
}

// process is what a command has from the process that it runs in.
type process struct {
	getenv   func(string) string
	in       io.Reader
	out, err io.Writer
	terminal bool // out is one, and lines can be drawn again
	version  string
}

// command is one word after "kubectl vmgroup".
type command struct {
	name  string
	args  string // as the usage shows them
	short string
	long  string
	// vCenter is true if it takes the flags that say which vCenter is meant.
	vCenter bool
	// flags registers what is its own; nil: nothing.
	flags func(*flag.FlagSet, *invocation)
	run   func(context.Context, *invocation) error
}

func commands() []command { return []command{treeCommand, statusCommand, planCommand, orphansCommand} }

const overview = `Look at VmGroups, and at what is behind them in vCenter. Nothing is ever changed.

Usage:
  kubectl vmgroup COMMAND [NAME] [flags]

Commands:
%s
"kubectl vmgroup COMMAND -h" explains a command and lists its flags.
`

// run finds the command and runs it.
func (p process) run(ctx context.Context, args []string) int {
	if len(args) == 0 || isHelp(args[0]) {
		var list strings.Builder
		for _, c := range commands() {
			fmt.Fprintf(&list, "  %-9s %s\n", c.name, c.short)
		}
		fmt.Fprintf(p.out, overview, list.String())
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return p.runCommand(ctx, c, args[1:])
		}
	}
	fmt.Fprintf(p.err, "error: unknown command %q; \"kubectl vmgroup -h\" lists the commands\n", args[0])
	return exitUsage
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

func (p process) runCommand(ctx context.Context, c command, args []string) int {
	inv, err := p.parse(c, args)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err == nil {
		if !inv.logs {
			ctx = klog.NewContext(ctx, klog.Logger{})
		}
		err = c.run(ctx, inv)
	}
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	fmt.Fprintf(p.err, "error: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// usageError says that the command line, or the environment, is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// isTerminal reports whether f is a device for characters, as a terminal is.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

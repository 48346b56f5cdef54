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
	"slices"
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

// command is what follows "kubectl vmgroup": one word, or two.
type command struct {
	name  string
	args  string // as the usage shows them
	vms   bool   // names of VMs follow NAME
	short string
	long  string
	// writes is true if it changes the spec of a VmGroup.
	writes bool
	// vCenter is true if it takes the flags that say which vCenter is meant.
	vCenter bool
	// flags registers what is its own; nil: nothing.
	flags func(*flag.FlagSet, *invocation)
	run   func(context.Context, *invocation) error
}

// words are those of the command's name.
func (c command) words() []string { return strings.Fields(c.name) }

func commands() []command {
	return []command{
		treeCommand, statusCommand, planCommand, classCommand, orphansCommand, rolloutStatusCommand,
		rolloutRestartCommand, rolloutPauseCommand, rolloutResumeCommand, protectCommand, unprotectCommand, replaceCommand,
	}
}

const overview = `Look at VmGroups, and at what is behind them in vCenter; say which VMs are to stay and which are to be replaced.

Usage:
  kubectl vmgroup COMMAND [NAME] [flags]

These commands only read:
%s
These commands write the spec of a VmGroup, and nothing else. What follows from it, the controller does:
%s
No command changes anything in vCenter. "kubectl vmgroup COMMAND -h" explains a command and lists its flags.
`

const partOverview = `Usage:
  kubectl vmgroup COMMAND NAME [flags]

Commands:
%s
"kubectl vmgroup COMMAND -h" explains a command and lists its flags.
`

// run finds the command and runs it.
func (p process) run(ctx context.Context, args []string) int {
	if len(args) == 0 || isHelp(args[0]) {
		reads, writes := filter(commands(), func(c command) bool { return !c.writes }), filter(commands(), func(c command) bool { return c.writes })
		fmt.Fprintf(p.out, overview, listed(reads), listed(writes))
		return exitOK
	}
	for _, c := range commands() {
		if words := c.words(); len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return p.runCommand(ctx, c, args[len(words):])
		}
	}
	parts := filter(commands(), func(c command) bool { return len(c.words()) > 1 && c.words()[0] == args[0] })
	if len(parts) > 0 && (len(args) == 1 || isHelp(args[1])) {
		fmt.Fprintf(p.out, partOverview, listed(parts))
		return exitOK
	}
	unknown := args[0]
	if len(parts) > 0 {
		unknown += " " + args[1]
	}
	fmt.Fprintf(p.err, "error: unknown command %q; \"kubectl vmgroup -h\" lists the commands\n", unknown)
	return exitUsage
}

// listed returns a line for each command.
func listed(all []command) string {
	var list strings.Builder
	for _, c := range all {
		fmt.Fprintf(&list, "  %-16s %s\n", c.name, c.short)
	}
	return list.String()
}

func filter(all []command, is func(command) bool) []command {
	return slices.DeleteFunc(all, func(c command) bool { return !is(c) })
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

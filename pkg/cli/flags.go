package cli

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// invocation is a command with its arguments.
type invocation struct {
	process
	options *options.Options
	flags   *flag.FlagSet

	kubeContext   string
	name          string   // of a VmGroup; empty: none was given
	vms           []string // names of VMs, or instances
	file          string
	watch         bool
	timeout       time.Duration // of a wait; 0: none
	dryRun        string
	allNamespaces bool
	limit         int  // of VMs that are shown; 0: none
	logs          bool // a verbosity was asked for
}

const vCenterHelp = `
vCenter is found as the controller finds it: VC_HOST, VC_PORT, VC_USER and VC_PASS, or GOVC_URL and its kin, or the flags.
-folder, -template-folder and -owner-id must be the controller's.

Each refused login counts towards the lockout of the account, which may be the controller's. So one is tried per command, and
written down before, in the user's cache directory: what vCenter refused is not tried again for 5 minutes, another password
at once. Where nothing can be written, nothing is tried.
`

// parse reads the command line. Flags and NAME may come in any order. With -h it prints the help and returns flag.ErrHelp.
func (p process) parse(c command, args []string) (*invocation, error) {
	inv := &invocation{process: p, options: options.NewOptions(), flags: flag.NewFlagSet(c.name, flag.ContinueOnError)}
	inv.options.UserAgent = program + "/" + cmp.Or(p.version, "devel")
	inv.options.FromEnvironment(p.getenv)
	inv.addFlags(c)
	inv.flags.SetOutput(io.Discard)
	for rest := args; len(rest) > 0; {
		err := inv.flags.Parse(rest)
		if errors.Is(err, flag.ErrHelp) {
			inv.help(c)
			return nil, err
		}
		if err != nil {
			return nil, usagef("%w; \"kubectl vmgroup %s -h\" lists the flags", err, c.name)
		}
		if rest = inv.flags.Args(); len(rest) == 0 {
			break
		}
		switch {
		case inv.name == "" && c.args != "":
			inv.name = rest[0]
		case c.vms:
			inv.vms = append(inv.vms, rest[0])
		default:
			return nil, usagef("unexpected argument %q; the usage is: kubectl vmgroup %s %s", rest[0], c.name, c.args)
		}
		rest = rest[1:]
	}
	inv.logs = inv.flags.Lookup("v").Value.String() != "0"
	return inv, nil
}

func (inv *invocation) addFlags(c command) {
	fs, o := inv.flags, inv.options
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig `file`; default: $KUBECONFIG, then ~/.kube/config")
	fs.StringVar(&inv.kubeContext, "context", "", "`name` of a context in the kubeconfig; default: the current one")
	for _, name := range []string{"namespace", "n"} {
		fs.StringVar(&o.Namespace, name, "", "`namespace`; default: that of the context")
	}
	if c.flags != nil {
		c.flags(fs, inv)
	}
	if c.vCenter {
		o.VCenter.AddFlags(fs)
		fs.StringVar(&o.OwnerID, "owner-id", "", "`identity` in the stamps of the controller's VMs; default: the UID of the namespace kube-system")
	}
	options.AddLoggingFlags(fs)
	options.CleanText(fs)
}

func (inv *invocation) help(c command) {
	fmt.Fprintf(inv.out, "%s\n\nUsage:\n  kubectl vmgroup %s %s [flags]\n\n%s", c.short, c.name, c.args, c.long)
	if c.vCenter {
		fmt.Fprint(inv.out, vCenterHelp)
	}
	fmt.Fprint(inv.out, "\nFlags:\n")
	inv.flags.SetOutput(inv.out)
	inv.flags.PrintDefaults()
}

// hasVCenter reports whether anything names a vCenter.
func (inv *invocation) hasVCenter() bool { return inv.options.VCenter.Host != "" }

// validate returns what is wrong with the options, in one error.
func (inv *invocation) validate() error {
	if errs := inv.options.Validate(); len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

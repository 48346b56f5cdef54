package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// controlEnv names the environment variable with the URL of the control port that vcsim ctl talks to.
const controlEnv = "VCSIM_CONTROL"

// action is something to be done in vCenter by hand, behind the controller's back.
type action struct {
	args []string // names of the arguments
	help string
	do   func(ctx context.Context, c *control.Client, out io.Writer, args []string) error
}

func actions() map[string]action {
	vm := func(help string, do func(*control.Client, context.Context, string) error) action {
		return action{[]string{"VM"}, help, func(ctx context.Context, c *control.Client, _ io.Writer, args []string) error {
			return do(c, ctx, args[0])
		}}
	}
	all := map[string]action{
		"vms":           {nil, "list all VMs there really are", listVMs},
		"folders":       {nil, "list all VM folders", listFolders},
		"journal":       {nil, "follow what happens, from the oldest entry that is kept", followJournal},
		"calls":         {nil, "count the calls by method", listCalls},
		"destroy":       vm("destroy a VM, switching it off first", (*control.Client).DestroyVM),
		"power-off":     vm("switch a VM off", (*control.Client).PowerOff),
		"power-on":      vm("switch a VM on", (*control.Client).PowerOn),
		"mark-template": vm("make a VM that is off a template", (*control.Client).MarkAsTemplate),
		"mark-vm":       vm("make a template a VM", (*control.Client).MarkAsVM),
		"rename": {[]string{"VM", "NAME"}, "rename a VM", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return c.Rename(ctx, a[0], a[1])
		}},
		"move": {[]string{"VM", "FOLDER"}, "move a VM to another folder", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return c.Move(ctx, a[0], a[1])
		}},
		"add-vm": {[]string{"FOLDER", "NAME"}, "add a VM of somebody else's", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			_, err := c.AddForeignVM(ctx, a[0], a[1])
			return err
		}},
		"clone": {[]string{"VM", "NAME"}, "clone a VM by hand", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			_, err := c.CloneVM(ctx, a[0], a[1])
			return err
		}},
		"add-template": {[]string{"NAME"}, "add a template", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			_, err := c.AddTemplate(ctx, a[0], "")
			return err
		}},
		"create-folder": {[]string{"FOLDER"}, "make a folder", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			_, err := c.CreateFolder(ctx, a[0])
			return err
		}},
		"outage": {[]string{"MODE"}, "off, refuse, unavailable, hang or cut", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return c.SetOutage(ctx, control.Outage(a[0]))
		}},
		"restart": {[]string{"DURATION", "TASKS"}, "restart vCenter, which is away for so long; tasks fail or finish", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			down, err := time.ParseDuration(a[0])
			if err != nil {
				return err
			}
			return c.Restart(ctx, down, a[1])
		}},
		"add-disk": vm("add a disk to a VM that did not come from its template", func(c *control.Client, ctx context.Context, vm string) error {
			_, err := c.AddDisk(ctx, vm)
			return err
		}),
		"detach-disk": vm("detach the first disk of a VM, without deleting its files", func(c *control.Client, ctx context.Context, vm string) error {
			return c.DetachDisk(ctx, vm, 0)
		}),
		"attach-disk": {[]string{"VM", "OTHER"}, "attach the first disk of another VM to a VM", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			_, err := c.AttachDisk(ctx, a[0], a[1])
			return err
		}},
		"guests":     {[]string{"HOW"}, "run, hang or cloud-init: what the guests of VMs do that are powered on from now on", setGuests},
		"violations": {nil, "list what clients did that they must never do", listViolations},
		"end-sessions": {nil, "end all sessions; new logins are accepted", func(ctx context.Context, c *control.Client, _ io.Writer, _ []string) error {
			return c.EndSessions(ctx)
		}},
	}
	maps.Copy(all, objectActions())
	maps.Copy(all, guestActions())
	maps.Copy(all, tagActions())
	return all
}

// runControl does one action on the simulator whose control port is at url.
func runControl(ctx context.Context, url string, args []string, out io.Writer) error {
	all := actions()
	if len(args) == 0 {
		return usage(out, all)
	}
	a, ok := all[args[0]]
	switch {
	case !ok:
		return fmt.Errorf("unknown action %q; vcsim ctl lists them", args[0])
	case len(args)-1 != len(a.args):
		return fmt.Errorf("usage: vcsim ctl %s %s", args[0], strings.Join(a.args, " "))
	case url == "":
		return errors.New("set " + controlEnv + " to the CONTROL url that the simulator printed when it started")
	}
	return a.do(ctx, control.New(url), out, args[1:])
}

func usage(out io.Writer, all map[string]action) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Usage: vcsim ctl ACTION, with %s set. A VM is a name or a MoRef, a FOLDER a path below the VM folder,\nan OBJECT a MoRef or the end of an inventory path.\n\n", controlEnv)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "  %s %s\t%s\n", name, strings.Join(all[name].args, " "), all[name].help)
	}
	return w.Flush()
}

func listVMs(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	vms, err := c.VMs(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PATH\tMOREF\tPOWER\tCPUS\tTEMPLATE\tOURS")
	for _, vm := range vms {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%t\t%t\n", vm.Path, vm.MoRef, vm.PowerState, vm.NumCPU, vm.Template, vm.Stamp != "")
	}
	return w.Flush()
}

func setGuests(ctx context.Context, c *control.Client, _ io.Writer, args []string) error {
	how := args[0]
	if how != "run" && how != "hang" && how != "cloud-init" {
		return fmt.Errorf("guests can run, hang or obey cloud-init, not %q", how)
	}
	return c.SetUsualGuest(ctx, control.Guest{Tools: true, Hung: how == "hang", CloudInit: how == "cloud-init"})
}

func listFolders(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	folders, err := c.Folders(ctx)
	for _, f := range folders {
		fmt.Fprintf(out, "%s\t%s\n", f.MoRef, f.Path)
	}
	return err
}

func listViolations(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	violations, err := c.Violations(ctx)
	for _, v := range violations {
		fmt.Fprintln(out, v)
	}
	return err
}

func listCalls(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	calls, err := c.Calls(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, method := range slices.Sorted(maps.Keys(calls.Methods)) {
		fmt.Fprintf(w, "%s\t%d\n", method, calls.Methods[method])
	}
	return w.Flush()
}

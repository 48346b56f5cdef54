package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// guestActions are the actions on what guests are told by cloud-init or a customization.
func guestActions() map[string]action {
	return map[string]action{
		"guest-states": {nil, "list what guests have made of what they were given", listGuests},
		"guest":        {[]string{"VM"}, "show the user data that cloud-init has run in a VM, and why it failed", showGuest},
		"fail-guest": {[]string{"VM"}, "let the next boot of a VM's guest fail, or its customization",
			func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
				return c.FailGuest(ctx, a[0])
			}},
		"shared-addresses": {nil, "list addresses that two VMs had at once", listSharedAddresses},
		"add-spec": {[]string{"NAME", "OS", "NICS"}, "store a customization spec for linux or windows, for so many network cards",
			addSpec},
		"remove-spec": {[]string{"NAME"}, "remove a customization spec",
			func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
				return c.RemoveCustomizationSpec(ctx, a[0])
			}},
	}
}

func listGuests(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	guests, err := c.GuestStates(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tON\tHOSTNAME\tADDRESSES\tRUNS\tCUSTOMIZATION\tFAILURE")
	for _, g := range guests {
		var addresses []string
		for _, card := range g.Cards {
			addresses = append(addresses, card.Addresses...)
		}
		fmt.Fprintf(w, "%s\t%t\t%s\t%s\t%d\t%s\t%s\n",
			g.Name, g.On, g.Hostname, strings.Join(addresses, ","), g.Runs, strings.TrimPrefix(g.Customization, "TOOLSDEPLOYPKG_"), g.Failure)
	}
	return w.Flush()
}

func showGuest(ctx context.Context, c *control.Client, out io.Writer, args []string) error {
	guests, err := c.GuestStates(ctx)
	if err != nil {
		return err
	}
	for _, g := range guests {
		if g.Name != args[0] && g.MoRef != args[0] {
			continue
		}
		fmt.Fprintf(out, "Instance: %s\nPublic keys: %s\nFailure: %s\n\n%s\n", g.InstanceID, strings.Join(g.PublicKeys, ", "), g.Failure, g.UserData)
		return nil
	}
	return fmt.Errorf("nothing is known of a guest of %q", args[0])
}

func listSharedAddresses(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	all, err := c.SharedAddresses(ctx)
	for _, one := range all {
		fmt.Fprintf(out, "%s\t%s (%s)\t%s (%s)\n", one.Address, one.Names[0], one.MoRefs[0], one.Names[1], one.MoRefs[1])
	}
	return err
}

func addSpec(ctx context.Context, c *control.Client, _ io.Writer, args []string) error {
	nics, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	if args[1] != "linux" && args[1] != "windows" {
		return fmt.Errorf("a customization spec is for linux or windows, not %q", args[1])
	}
	return c.AddCustomizationSpec(ctx, control.CustomizationSpec{Name: args[0], Windows: args[1] == "windows", NICs: nics})
}

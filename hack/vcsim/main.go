// Command vcsim serves a simulated vCenter for the project's tests, benchmarks and demo.
//
// When it is ready it prints one line on its standard output, and nothing else ever:
//
//	URL=https://127.0.0.1:PORT/sdk CONTROL=http://127.0.0.1:PORT CA=/path/cert.pem THUMBPRINT=AB:CD:...
//
// It ends on SIGINT, on SIGTERM and, with -exit-on-stdin-eof, when its standard input ends.
//
// vcsim ctl does by hand, in a simulator that runs, what people do in a vCenter behind a controller's back.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

func main() {
	log.SetPrefix("vcsim: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		log.Fatal(err)
	}
}

// run serves until ctx ends or, if asked for, stdin does. With ctl as its first argument it talks to a simulator that
// runs.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 0 && args[0] == "ctl" {
		return runControl(ctx, os.Getenv(controlEnv), args[1:], stdout)
	}
	flags := flag.NewFlagSet("vcsim", flag.ContinueOnError)
	var o sim.Options
	flags.StringVar(&o.Listen, "l", "127.0.0.1:0", "address of the vSphere endpoint")
	flags.StringVar(&o.ControlListen, "control", "127.0.0.1:0", "address of the control port")
	flags.StringVar(&o.Username, "username", "user", "user name that is accepted")
	flags.StringVar(&o.Password, "password", "pass", "password that is accepted")
	flags.IntVar(&o.Clusters, "clusters", 1, "clusters per datacenter")
	flags.IntVar(&o.Hosts, "hosts", 1, "hosts per cluster")
	flags.IntVar(&o.Pools, "pools", 0, "resource pools below each cluster's root pool")
	flags.IntVar(&o.Datastores, "datastores", 1, "datastores per datacenter")
	flags.StringVar(&o.TemplateFolder, "template-folder", "", "folder of the templates below the VM folder")
	flags.StringVar(&o.Root, "root", "vmgroups", "root folder below the VM folder: nothing outside it may be changed")
	flags.BoolVar(&o.RootGiven, "root-given", false, "let nobody but people make the root folder")
	flags.DurationVar(&o.CloneDelay, "clone-delay", 0, "how long a clone takes at least")
	flags.BoolVar(&o.Guest.Tools, "guest-tools", false, "guests have VMware Tools")
	flags.DurationVar(&o.Guest.BootDelay, "guest-boot-delay", 0, "how long after power-on the Tools of a guest run")
	flags.DurationVar(&o.Guest.IPDelay, "guest-ip-delay", 0, "how long after that a guest has its IP addresses")
	flags.DurationVar(&o.Guest.ShutdownDelay, "guest-shutdown-delay", 0, "how long a guest takes to shut down")
	flags.BoolVar(&o.Guest.Hung, "guest-hung", false, "guests hang: their Tools never run")
	flags.BoolVar(&o.Guest.IgnoreShutdown, "guest-ignore-shutdown", false, "guests do not shut down when they are asked to")
	flags.BoolVar(&o.Guest.CloudInit, "guest-cloud-init", false, "guests with Tools obey the guestinfo keys of cloud-init")
	flags.BoolVar(&o.Guest.ForgetsInfo, "guest-forgets-info", false, "guestinfo keys that guests have set vanish when their virtual machines go off")
	flags.BoolVar(&o.GuestClockStopped, "guest-clock-stopped", false, "let time go by for guests only when the control port says so")
	flags.IntVar(&o.ForeignVMs, "foreign-vms", 0, "virtual machines of somebody else, in the folder \"foreign\" below the VM folder, that can only be read")
	flags.Func("inventory", "YAML `file` that describes the first datacenter, in place of -clusters, -hosts, -pools and -datastores",
		func(file string) (err error) { o.Inventory, err = sim.ReadInventory(file); return err })
	flags.Func("dc", "inventory `paths` of the datacenters, comma-separated (default DC0)", list(&o.Datacenters))
	flags.Func("template", "template `names`, comma-separated", list(&o.Templates))
	flags.BoolVar(&o.Strict, "strict", true, "refuse what a controller must never do, as violations, and lock accounts after failed logins")
	flags.Float64Var(&o.LockoutScale, "lockout-scale", 1, "divide the durations of the lockout policy by this")
	flags.Func("deny", "`privileges` that no account has, comma-separated", list(&o.DeniedPrivileges))
	reserve := flags.String("reserve", string(sim.ReserveStart), "when the name of a clone is taken: start or end")
	visible := flags.String("visible", string(sim.VisibleEnd), "when the VM of a clone can be seen: end or start")
	cancel := flags.String("cancel", "hint", "what CancelTask does to a clone: hint (the VM still appears) or effective")
	certOut := flags.String("cert-out", "", "write the certificate to this `file` too")
	eof := flags.Bool("exit-on-stdin-eof", false, "end when standard input ends")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	switch o.Reserve = sim.Reserve(*reserve); o.Reserve {
	case sim.ReserveStart, sim.ReserveEnd:
	default:
		return fmt.Errorf("-reserve=%s: want start or end", *reserve)
	}
	switch o.Visible = sim.Visible(*visible); o.Visible {
	case sim.VisibleStart, sim.VisibleEnd:
	default:
		return fmt.Errorf("-visible=%s: want end or start", *visible)
	}
	switch *cancel {
	case "hint", "effective":
		o.CancelEffective = *cancel == "effective"
	default:
		return fmt.Errorf("-cancel=%s: want hint or effective", *cancel)
	}
	return serve(ctx, o, *certOut, stdinEnd(*eof, stdin), stdout)
}

func serve(ctx context.Context, o sim.Options, certOut string, end <-chan struct{}, stdout io.Writer) (err error) {
	s, err := sim.Start(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ca := s.CAFile()
	if certOut != "" {
		if err := os.WriteFile(certOut, s.CAPEM(), 0o644); err != nil {
			return err
		}
		ca = certOut
	}
	if _, err := fmt.Fprintf(stdout, "URL=%s CONTROL=%s CA=%s THUMBPRINT=%s\n", s.URL(), s.ControlURL(), ca, s.Thumbprint()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-end:
	}
	return nil
}

// stdinEnd returns a channel that is closed when stdin ends, or never.
func stdinEnd(watch bool, stdin io.Reader) <-chan struct{} {
	end := make(chan struct{})
	if watch {
		go func() {
			defer close(end)
			_, _ = io.Copy(io.Discard, stdin)
		}()
	}
	return end
}

func list(dst *[]string) func(string) error {
	return func(value string) error {
		for _, item := range strings.Split(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*dst = append(*dst, item)
			}
		}
		return nil
	}
}

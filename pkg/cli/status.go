package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

var statusCommand = command{
	name: "status", args: "[NAME]",
	short: "Show how far VmGroups are, and what is in their way",
	long: `Without NAME, one line for each VmGroup of the namespace; with NAME, also the conditions, and the VMs that are not
available and why. All of it is from the controller's status: vCenter is not asked.

With -watch, a line is shown again whenever it changes, until Ctrl-C. On a terminal it is drawn again in its place.
`,
	flags: func(fs *flag.FlagSet, inv *invocation) {
		fs.BoolVar(&inv.watch, "watch", false, "go on, and show what changes")
		fs.BoolVar(&inv.watch, "w", false, "the same as -watch")
		fs.BoolVar(&inv.allNamespaces, "A", false, "show the VmGroups of all namespaces")
	},
	run: status,
}

func status(ctx context.Context, inv *invocation) error {
	if inv.allNamespaces && inv.name != "" {
		return usagef("-A and NAME %q: want one or the other", inv.name)
	}
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	namespace := c.namespace
	if inv.allNamespaces {
		namespace = ""
	}
	switch {
	case inv.watch:
		return watchStatus(ctx, inv, c, namespace)
	case inv.name != "":
		vg, err := c.get(ctx, namespace, inv.name)
		if err != nil {
			return err
		}
		return printStatus(inv.out, vg, time.Now())
	}
	groups, err := c.list(ctx, namespace)
	if err != nil {
		return err
	}
	if len(groups) == 0 {
		fmt.Fprintln(inv.err, "There are no VmGroups"+in(namespace)+".")
		return nil
	}
	return printStatuses(inv.out, namespace, groups)
}

func in(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in namespace " + namespace
}

// printStatuses prints one line for each group.
func printStatuses(out io.Writer, namespace string, groups []v1alpha1.VmGroup) error {
	t := newTable(out, "", "NAMESPACE", "NAME", "PHASE", "PROGRESS", "MESSAGE")
	for i := range groups {
		vg := &groups[i]
		shown := ""
		if namespace == "" {
			shown = vg.Namespace
		}
		t.row(shown, vg.Name, string(vg.Status.Phase), progress(vg), message(vg))
	}
	return t.print()
}

// printStatus prints all that is worth knowing of one group.
func printStatus(out io.Writer, vg *v1alpha1.VmGroup, now time.Time) error {
	s := vg.Status
	fmt.Fprintf(out, "VmGroup %s/%s  %s\n", vg.Namespace, vg.Name, summary(vg))
	fmt.Fprintf(out, "\n  %s available\n  wanted: %s from template %q, each with %s and %d GiB\n",
		progress(vg), count(vg.DesiredReplicas(), "VM"), oneLine(vg.Spec.Template), count(vg.Spec.CPU, "CPU"), vg.Spec.Memory)
	if s.Folder != nil && s.Folder.Path != "" {
		fmt.Fprintf(out, "  folder: %s\n", s.Folder.Path)
	}
	if len(s.Conditions) > 0 {
		fmt.Fprintln(out, "\nConditions:")
		t := newTable(out, "  ", "TYPE", "STATUS", "SINCE", "REASON", "MESSAGE")
		for _, c := range s.Conditions {
			t.row(c.Type, string(c.Status), duration.HumanDuration(now.Sub(c.LastTransitionTime.Time)), c.Reason, c.Message)
		}
		if err := t.print(); err != nil {
			return err
		}
	}
	return printUnavailable(out, vg)
}

// printUnavailable prints the VMs that are not available, as far as the status lists them. It lists them before all others.
func printUnavailable(out io.Writer, vg *v1alpha1.VmGroup) error {
	t := newTable(out, "  ", "NAME", "STATE", "POWER", "HOST", "MESSAGE")
	for _, vm := range vg.Status.VMs {
		if vm.State != v1alpha1.VMAvailable {
			t.row(vm.Name, string(vm.State), vm.PowerState, vm.Host, vm.Message)
		}
	}
	if len(t.rows) == 1 {
		return nil
	}
	fmt.Fprintln(out, "\nVMs that are not available:")
	if err := t.print(); err != nil {
		return err
	}
	if n := unlisted(vg) - int(vg.Status.AvailableReplicas); n > 0 {
		_, err := fmt.Fprintf(out, "  and %d that are not in the status, which lists at most %d\n", n, v1alpha1.MaxListedVMs)
		return err
	}
	return nil
}

// progress draws how many of the wanted VMs are available.
func progress(vg *v1alpha1.VmGroup) string {
	done, of := vg.Status.AvailableReplicas, vg.DesiredReplicas()
	return fmt.Sprintf("%s %d/%d", bar(done, of), done, of)
}

// summary is phase and message in one.
func summary(vg *v1alpha1.VmGroup) string {
	text := message(vg)
	if vg.Status.Phase == "" {
		return text
	}
	ready := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && ready.Status != metav1.ConditionTrue {
		return fmt.Sprintf("%s (%s): %s", vg.Status.Phase, ready.Reason, text)
	}
	return fmt.Sprintf("%s: %s", vg.Status.Phase, text)
}

// message is that of the status, and whether it speaks of the spec as it is now.
func message(vg *v1alpha1.VmGroup) string {
	switch {
	case vg.Status.Phase == "":
		return "no controller has written a status yet: does one run, and does it watch this namespace?"
	case vg.Status.ObservedGeneration != vg.Generation && !unreachable(vg):
		return "(of an earlier spec) " + oneLine(vg.Status.Message)
	default:
		return oneLine(cmp.Or(strings.TrimSpace(vg.Status.Message), "-"))
	}
}

// unreachable reports whether vCenter is away, which the message says then.
func unreachable(vg *v1alpha1.VmGroup) bool {
	return meta.IsStatusConditionFalse(vg.Status.Conditions, v1alpha1.ConditionVCenterReachable)
}

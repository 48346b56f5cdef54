package cli

import (
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

var classCommand = command{
	name: "class", args: "NAME",
	short: "Show what a VmGroupClass offers, and which groups use it",
	long: `What is wrong with the class, its controller has written into its status. The groups are those that you may list.
`,
	run: showClass,
}

func showClass(ctx context.Context, inv *invocation) error {
	if inv.name == "" {
		return usagef("which VmGroupClass? The usage is: kubectl vmgroup class NAME")
	}
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	class, err := c.classes.VmGroupClasses().Get(ctx, inv.name, metav1.GetOptions{})
	if err != nil {
		return c.explain(ctx, err)
	}
	groups, err := c.listVisible(ctx, c.namespace)
	if err != nil {
		return err
	}
	return printClass(inv.out, class, groups)
}

func printClass(out io.Writer, class *v1alpha1.VmGroupClass, groups []v1alpha1.VmGroup) error {
	state := "its controller has said nothing of it yet"
	if ready := meta.FindStatusCondition(class.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		state = ready.Reason + ": " + oneLine(ready.Message)
	}
	name := class.Name
	if class.IsDefault() {
		name += " (the default)"
	}
	fmt.Fprintf(out, "VmGroupClass %s  %s\n", name, state)
	fmt.Fprintf(out, "  controller: %s\n  templates: %s\n  namespaces: %s\n",
		class.Spec.ControllerName, class.Spec.TemplateFolder, namespacesOf(class))
	if l := class.Spec.Limits; l != nil {
		fmt.Fprintf(out, "  each VM at most: %s\n", limitsOf(l))
	}
	fmt.Fprintln(out, "\nZones:")
	zones := newTable(out, "  ", "NAME", "CLUSTER", "RESOURCE POOL", "DATASTORE")
	for _, zone := range class.Spec.Zones {
		zones.row(zone.Name, zone.Cluster, zone.ResourcePool, zone.Datastore)
	}
	if err := zones.print(); err != nil {
		return err
	}
	if len(class.Spec.Networks) > 0 {
		fmt.Fprintln(out, "\nNetworks:")
		networks := newTable(out, "  ", "NAME", "PATH")
		for _, network := range class.Spec.Networks {
			networks.row(network.Name, network.Path)
		}
		if err := networks.print(); err != nil {
			return err
		}
	}
	return printUsers(out, class, groups)
}

// printUsers prints the groups of a class.
func printUsers(out io.Writer, class *v1alpha1.VmGroupClass, groups []v1alpha1.VmGroup) error {
	t := newTable(out, "  ", "NAMESPACE", "NAME", "VMS", "CPUS", "MEMORY")
	for i := range groups {
		vg := &groups[i]
		if vg.Status.Class == class.Name {
			vms := vg.Status.Replicas
			t.row(vg.Namespace, vg.Name, fmt.Sprint(vms), fmt.Sprint(vms*vg.Spec.CPU), fmt.Sprintf("%d GiB", vms*vg.Spec.Memory))
		}
	}
	if len(t.rows) == 1 {
		_, err := fmt.Fprintln(out, "\nNo group uses it.")
		return err
	}
	fmt.Fprintln(out, "\nGroups, by the present size in their specs:")
	return t.print()
}

// namespacesOf says which namespaces a class admits.
func namespacesOf(class *v1alpha1.VmGroupClass) string {
	selector := class.Spec.AllowedNamespaces
	switch {
	case selector == nil:
		return "none"
	case len(selector.MatchLabels)+len(selector.MatchExpressions) == 0:
		return "all"
	default:
		return metav1.FormatLabelSelector(selector)
	}
}

func limitsOf(l *v1alpha1.ClassLimits) string {
	text := ""
	add := func(n *int32, unit string) {
		if n == nil {
			return
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", *n, unit)
	}
	add(l.CPU, "CPUs")
	add(l.Memory, "GiB of memory")
	add(l.Disk, "GiB of disk")
	return text
}

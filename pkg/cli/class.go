package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

var classCommand = command{
	name: "class", args: "NAME",
	short: "Show what a VmGroupClass offers, and which groups use it",
	long: `What is wrong with the class, its controller has written into its status. The groups are those that you may list.
How much of the limits of a namespace is used is what the statuses of these groups tell, by the sizes in their specs. The controller
counts the VMs that there are, and what is under way.
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
		if each := limitsOf(limit{l.CPU, "CPUs"}, limit{l.Memory, "GiB of memory"}, limit{l.Disk, "GiB of disk"}); each != "" {
			fmt.Fprintf(out, "  each VM at most: %s\n", each)
		}
		if per := l.PerNamespace; per != nil {
			all := limitsOf(limit{per.VMs, "VMs"}, limit{per.CPU, "CPUs"}, limit{per.Memory, "GiB of memory"})
			fmt.Fprintf(out, "  each namespace at most: %s\n", all)
		}
	}
	if specs := class.Spec.CustomizationSpecs; len(specs) > 0 {
		fmt.Fprintf(out, "  customization specifications: %s\n", strings.Join(specs, ", "))
	}
	if tags := class.Spec.Tags; len(tags) > 0 {
		fmt.Fprintf(out, "  tags: %s\n", strings.Join(tags, ", "))
	}
	fmt.Fprintln(out, "\nZones:")
	zones := newTable(out, "  ", "NAME", "CLUSTER", "RESOURCE POOL", "STORAGE")
	for _, zone := range class.Spec.Zones {
		zones.row(zone.Name, zone.Cluster, zone.ResourcePool, storageOf(zone))
	}
	if err := zones.print(); err != nil {
		return err
	}
	if len(class.Spec.Networks) > 0 {
		fmt.Fprintln(out, "\nNetworks:")
		networks := newTable(out, "  ", "NAME", "PATH", "CIDR")
		for _, network := range class.Spec.Networks {
			networks.row(network.Name, network.Path, network.CIDR)
		}
		if err := networks.print(); err != nil {
			return err
		}
	}
	return printUsers(out, class, groups)
}

// storageOf names what a zone makes VMs on, nothing if it leaves that open.
func storageOf(zone v1alpha1.ZoneSpec) string {
	switch {
	case zone.DatastoreCluster != "":
		return "datastore cluster " + zone.DatastoreCluster
	case zone.StoragePolicy != "":
		return "storage policy " + zone.StoragePolicy
	default:
		return zone.Datastore
	}
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
	if err := t.print(); err != nil {
		return err
	}
	return printUsage(out, class, groups)
}

// usage is how much groups have, by their statuses and the sizes in their specs.
type usage struct{ vms, cpu, memory int32 }

// printUsage prints how much of the limits each namespace uses.
func printUsage(out io.Writer, class *v1alpha1.VmGroupClass, groups []v1alpha1.VmGroup) error {
	if class.Spec.Limits == nil || class.Spec.Limits.PerNamespace == nil {
		return nil
	}
	of := map[string]usage{}
	for i := range groups {
		vg := &groups[i]
		if vg.Status.Class == class.Name {
			u, vms := of[vg.Namespace], vg.Status.Replicas
			of[vg.Namespace] = usage{u.vms + vms, u.cpu + vms*vg.Spec.CPU, u.memory + vms*vg.Spec.Memory}
		}
	}
	limits := class.Spec.Limits.PerNamespace
	t := newTable(out, "  ", "NAMESPACE", "VMS", "CPUS", "MEMORY")
	for _, namespace := range slices.Sorted(maps.Keys(of)) {
		u := of[namespace]
		t.row(namespace, used(u.vms, limits.VMs, ""), used(u.cpu, limits.CPU, ""), used(u.memory, limits.Memory, " GiB"))
	}
	fmt.Fprintln(out, "\nUsed of what each namespace may have:")
	return t.print()
}

// used draws how much of a limit is used, nothing if there is no limit.
func used(n int32, limit *int32, unit string) string {
	if limit == nil {
		return ""
	}
	return fmt.Sprintf("%s %d/%d%s", bar(n, *limit), n, *limit, unit)
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

// limit is one that a class may have.
type limit struct {
	most *int32
	unit string
}

// limitsOf names the limits that there are.
func limitsOf(limits ...limit) string {
	var parts []string
	for _, l := range limits {
		if l.most != nil {
			parts = append(parts, fmt.Sprintf("%d %s", *l.most, l.unit))
		}
	}
	return strings.Join(parts, ", ")
}

package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
)

var treeCommand = command{
	name: "tree", args: "NAME", vCenter: true,
	short: "Show a VmGroup with its folder, its VMs, and what is being done to them",
	long: `With a vCenter, everything is as it is there now, running tasks and their progress included. Without one, it is what the
controller has last written into the status, and the output says so: that has room for 100 VMs.

The VMs that are not available come first, then it goes by name.
`,
	flags: func(fs *flag.FlagSet, inv *invocation) {
		fs.IntVar(&inv.limit, "limit", 0, "show the first `n` VMs; 0: all")
	},
	run: tree,
}

func tree(ctx context.Context, inv *invocation) error {
	if inv.name == "" {
		return usagef("which VmGroup? The usage is: kubectl vmgroup tree NAME")
	}
	if inv.limit < 0 {
		return usagef("-limit is %d: want 0 for all, or more", inv.limit)
	}
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	vg, err := c.get(ctx, c.namespace, inv.name)
	if err != nil {
		return err
	}
	if !inv.hasVCenter() {
		if err := printTree(inv.out, vg, treeView{limit: inv.limit}); err != nil {
			return err
		}
		fmt.Fprintln(inv.out, "\nThis is what the controller wrote last: no vCenter is named, and so none was asked (VC_HOST, VC_USER and VC_PASS, or GOVC_URL).")
		return nil
	}
	previews, err := inv.preview(ctx, c, vg)
	if err != nil {
		if ctx.Err() == nil {
			if err := printTree(inv.out, vg, treeView{limit: inv.limit}); err != nil {
				return err
			}
			fmt.Fprintln(inv.out, "\nThis is what the controller wrote last, for vCenter could not be asked.")
		}
		return err
	}
	vg.Status = previews[0].status
	return printTree(inv.out, vg, treeView{asked: true, tasks: previews[0].tasks, limit: inv.limit})
}

// treeView says what is shown of a group.
type treeView struct {
	asked bool // vCenter was asked, and the status lists all VMs
	tasks []vim.RunningTask
	limit int // of VMs; 0: none
}

// printTree prints a group by its status.
func printTree(out io.Writer, vg *v1alpha1.VmGroup, view treeView) error {
	fmt.Fprintf(out, "VmGroup %s/%s  %s\n", vg.Namespace, vg.Name, summary(vg))
	if len(vg.Spec.Networks) > 0 {
		var names []string
		for _, network := range vg.Spec.Networks {
			names = append(names, network.Name)
		}
		fmt.Fprintf(out, "├─ networks: %s\n", strings.Join(names, ", "))
	}
	folder := "no folder"
	if f := vg.Status.Folder; f != nil && f.Path != "" {
		folder = fmt.Sprintf("%s (%s)", f.Path, f.MoRef)
	}
	fmt.Fprintf(out, "└─ %s\n", folder)
	if len(vg.Status.VMs) == 0 {
		return nil
	}
	shown := vg.Status.VMs
	if view.limit > 0 {
		shown = shown[:min(view.limit, len(shown))]
	}
	more := notShown(vg, view, len(shown))
	t := newTable(out, "   ", "NAME", "POWER", "IP", "HOSTNAME", "ZONE", "HOST", "STATE", "TASK", "MESSAGE")
	for i, vm := range shown {
		branch := "├─ "
		if i == len(shown)-1 && len(more) == 0 {
			branch = "└─ "
		}
		t.row(branch+vm.Name, vm.PowerState, cmp.Or(strings.Join(vm.IPs, ","), vm.IP), vm.Hostname, vm.Zone, vm.Host, string(vm.State), taskOf(vg, vm, view.tasks), vm.Message)
	}
	if err := t.print(); err != nil || len(more) == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "   └─ %s\n", strings.Join(more, ", "))
	return err
}

// notShown counts the VMs that are not among those that are shown, and says why not.
func notShown(vg *v1alpha1.VmGroup, view treeView, shown int) (more []string) {
	if n := len(vg.Status.VMs) - shown; n > 0 {
		more = append(more, fmt.Sprintf("and %d more", n))
	}
	switch n := unlisted(vg); {
	case n > 0 && view.asked:
		more = append(more, fmt.Sprintf("and %d that cannot be read", n))
	case n > 0:
		more = append(more, fmt.Sprintf("and %d that are not in the status, which lists at most %d", n, v1alpha1.MaxListedVMs))
	}
	return more
}

// unlisted is how many VMs the status counts and does not list.
func unlisted(vg *v1alpha1.VmGroup) int {
	n := int(vg.Status.Replicas)
	for _, vm := range vg.Status.VMs {
		if vm.State != v1alpha1.VMConvertedToTemplate && vm.State != v1alpha1.VMCopy { // these are not counted
			n--
		}
	}
	return max(0, n)
}

// taskOf says what is being done to a VM, and how far it is.
func taskOf(vg *v1alpha1.VmGroup, vm v1alpha1.VMStatus, tasks []vim.RunningTask) string {
	for _, task := range tasks {
		clone := task.Name != "" && task.Name == vm.Name && vg.Status.Folder != nil && string(task.Folder) == vg.Status.Folder.MoRef
		if !clone && (vm.MoRef == "" || string(task.Entity) != vm.MoRef) {
			continue
		}
		if task.Queued {
			return task.What + " queued"
		}
		return fmt.Sprintf("%s %d%%", task.What, task.Progress)
	}
	return ""
}

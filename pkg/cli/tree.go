package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
)

var treeCommand = command{
	name: "tree", args: "NAME", vCenter: true,
	short: "Show a VmGroup with its folder, its VMs, and what is being done to them",
	long: `With a vCenter, everything is as it is there now, running tasks and their progress included. Without one, it is what the
controller has last written into the status, and the output says so.

The status has room for 100 VMs: first those that are not available, then by name.
`,
	run: tree,
}

func tree(ctx context.Context, inv *invocation) error {
	if inv.name == "" {
		return usagef("which VmGroup? The usage is: kubectl vmgroup tree NAME")
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
		if err := printTree(inv.out, vg, nil); err != nil {
			return err
		}
		fmt.Fprintln(inv.out, "\nThis is what the controller wrote last: no vCenter is named, and so none was asked (VC_HOST, VC_USER and VC_PASS, or GOVC_URL).")
		return nil
	}
	previews, err := inv.preview(ctx, c, vg)
	if err != nil {
		if ctx.Err() == nil {
			if err := printTree(inv.out, vg, nil); err != nil {
				return err
			}
			fmt.Fprintln(inv.out, "\nThis is what the controller wrote last, for vCenter could not be asked.")
		}
		return err
	}
	vg.Status = previews[0].status
	return printTree(inv.out, vg, previews[0].tasks)
}

// printTree prints a group by its status, and what is done to its VMs.
func printTree(out io.Writer, vg *v1alpha1.VmGroup, tasks []vim.RunningTask) error {
	fmt.Fprintf(out, "VmGroup %s/%s  %s\n", vg.Namespace, vg.Name, summary(vg))
	folder := "no folder"
	if f := vg.Status.Folder; f != nil && f.Path != "" {
		folder = fmt.Sprintf("%s (%s)", f.Path, f.MoRef)
	}
	fmt.Fprintf(out, "└─ %s\n", folder)
	if len(vg.Status.VMs) == 0 {
		return nil
	}
	t := newTable(out, "   ", "NAME", "POWER", "IP", "HOST", "STATE", "TASK", "MESSAGE")
	unlisted := int(vg.Status.Replicas) - len(vg.Status.VMs)
	for i, vm := range vg.Status.VMs {
		branch := "├─ "
		if i == len(vg.Status.VMs)-1 && unlisted <= 0 {
			branch = "└─ "
		}
		t.row(branch+vm.Name, vm.PowerState, vm.IP, vm.Host, string(vm.State), taskOf(vg, vm, tasks), vm.Message)
	}
	if unlisted > 0 {
		t.row(fmt.Sprintf("└─ and %d more", unlisted))
	}
	return t.print()
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

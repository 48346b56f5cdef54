package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/vmgroup/vmgroup-controller/pkg/connect"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/pkg/vspheresync"
)

var orphansCommand = command{
	name: "orphans", vCenter: true,
	short: "List the VMs whose VmGroup does not exist any more",
	long: `They carry the stamp of this cluster's controller, and no VmGroup has the UID in it: somebody has taken the finalizer from
a VmGroup that was being deleted, or has deleted it with the annotation vsphere.vmware.com/on-delete: orphan. Nothing
deletes them; whoever does not want them destroys them in vCenter.

All namespaces are looked at, which takes the permission to list VmGroups in all of them. With -n it is one: then VMs are
told of that lie in the folder of a VmGroup of that namespace.
`,
	run: orphans,
}

func orphans(ctx context.Context, inv *invocation) error {
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	if _, err := c.list(ctx, inv.options.Namespace); err != nil { // before anybody logs in
		return err
	}
	if err := inv.validate(); err != nil {
		return err
	}
	owner, err := connect.Owner(ctx, c.kube, inv.options)
	if err != nil {
		return err
	}
	var vms []vsphere.VM
	err = inv.withVCenter(ctx, owner, nil, func(v *vim.VCenter, _ <-chan struct{}) error {
		none, err := listerOf(nil) // so that all are looked up by the client, after the VMs
		if err != nil {
			return err
		}
		vms, err = vspheresync.NewOrphans(vspheresync.OrphansConfig{
			VCenter: v, Client: c.groups, Lister: none, Namespace: inv.options.Namespace,
		}).Find(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if len(vms) == 0 {
		fmt.Fprintf(inv.err, "There are no orphans of owner %s.\n", owner)
		return nil
	}
	return printOrphans(inv.out, vms)
}

func printOrphans(out io.Writer, vms []vsphere.VM) error {
	t := newTable(out, "", "VM", "MOREF", "POWER", "VMGROUP", "UID", "FOLDER")
	for _, vm := range vms {
		t.row(vm.Name, string(vm.Ref), string(vm.Power), vm.Stamp.Name, vm.Stamp.UID, vm.ParentPath)
	}
	return t.print()
}

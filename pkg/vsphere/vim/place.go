package vim

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// outsideRoot refuses what is to be done to a VM, unless it lies below the root folder.
func outsideRoot(what string, vm vsphere.VM) *vsphere.Error {
	if vm.UnderRoot {
		return nil
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonVMOutsideRoot,
		Message: fmt.Sprintf("%s: it lies in %s, outside the root folder, and is left alone. Move it back below the root folder.",
			what, cmp.Or(vm.ParentPath, "a place that cannot be read")),
	}
}

// readQueuedFolders reads the paths of folders that are not in the tree, so that people find the VMs of ours in them.
func (c *connection) readQueuedFolders(ctx context.Context) error {
	refs := c.queue.take(c.queue.folders)
	var ch inventory.Changes
	defer c.publish(&ch)
	lie := newAncestry(c)
	for i, ref := range refs {
		names, err := lie.pathOf(ctx, folderRef(ref))
		if err != nil && !errors.Is(err, errMovedMeanwhile) {
			c.queue.addFolders(refs[i:]...)
			return err
		}
		c.inv.SetPathOutside(ref, placePath(names), &ch)
	}
	return nil
}

// placePath is the path that people are shown of a folder outside the tree: empty if nothing of it can be read.
func placePath(names []string) string {
	switch {
	case len(names) == 0 || names[0] != inventory.Hidden:
		return vsphere.Path(names...)
	case len(names) == 1:
		return ""
	default:
		return inventory.Hidden + vsphere.Path(names[1:]...)
	}
}

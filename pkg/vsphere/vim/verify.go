package vim

import (
	"context"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// verifyFolders reads folders and forgets those that are gone.
func (c *connection) verifyFolders(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = folderRef(ref)
	}
	readings, err := c.readEach(ctx, objects, propName, propParent)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		switch {
		case r.gone:
			c.inv.DeleteFolder(ref, &ch)
		case r.err != nil:
			c.inv.ConfirmFolder(ref) // it is there, and that is all that can be known
		default:
			c.inv.UpdateFolder(ref, folderUpdate(object{props: r.props}.changes()), &ch)
			c.inv.ConfirmFolder(ref)
		}
	}
	c.publish(&ch)
	return nil
}

// verify reads VMs by their reference and decides, for each:
//
//  1. ManagedObjectNotFound for that very object: it is gone
//  2. it can be read: it lies elsewhere, and is watched there if it is ours
//  3. anything else: it keeps its place, marked unreadable, and is verified again at each resync
func (c *connection) verify(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = vmRef(ref)
	}
	readings, err := c.readEach(ctx, objects, c.vmProps()...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		switch {
		case r.gone:
			c.vmGone(ref, &ch)
		case r.err != nil:
			c.inv.MarkUnreadable(ref, &ch)
		default:
			c.inv.Verified(ref, r.props.ofVM(), &ch)
		}
	}
	err = c.watchOutside(ctx)
	c.queue.addHosts(ch.Hosts...)
	c.queue.addFolders(ch.Folders...)
	c.publish(&ch)
	return err
}

// watchOutside brings the view up to date: the VMs of ours that the root's view does not hold.
func (c *connection) watchOutside(ctx context.Context) error {
	o := &c.outside
	o.mu.Lock()
	defer o.mu.Unlock()
	want := c.inv.OutsideRoot()
	var add, remove []types.ManagedObjectReference
	for ref := range want {
		if !o.listed[ref] {
			add = append(add, vmRef(ref))
		}
	}
	for ref := range o.listed {
		if !want[ref] {
			remove = append(remove, vmRef(ref))
		}
	}
	if len(add)+len(remove) == 0 {
		return nil
	}
	res, err := methods.ModifyListView(ctx, c.client, &types.ModifyListView{This: c.outsideView, Add: add, Remove: remove})
	if err != nil {
		return err
	}
	for _, unresolved := range res.Returnval {
		delete(want, vsphere.Ref(unresolved.Value)) // it is verified at each resync, and then tried again
	}
	o.listed = want
	return nil
}

// verifyAssumptions reads the power states that the watch has not confirmed.
func (c *connection) verifyAssumptions(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = vmRef(ref)
	}
	asked := c.inv.VMsVersion()
	readings, err := c.readEach(ctx, objects, sweptProps()...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for obj, r := range readings {
		ref := vsphere.Ref(obj.Value)
		if !r.gone && r.err == nil {
			c.inv.Refresh(ref, object{ref: obj, props: r.props}.update(nil), asked, &ch)
		}
		c.inv.ConfirmPower(ref) // or it leaves, which the watch tells
	}
	c.publish(&ch)
	return nil
}

package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// createViews makes the views that a connection lives with. The folders are read once before they are watched: which of
// them is the root decides what else is watched.
func (c *connection) createViews(ctx context.Context) error {
	vmFolder := c.site.vmFolder
	containers := []struct {
		ref       *types.ManagedObjectReference
		container types.ManagedObjectReference
		kinds     []string
	}{
		{&c.folderView, vmFolder, []string{"Folder", "VirtualApp"}},
		{&c.allVMs, vmFolder, []string{"VirtualMachine"}},
		{&c.hostView, c.placement.compute, []string{"HostSystem"}},
	}
	members := c.placed()
	if len(members) == 0 {
		containers = containers[:2]
	}
	for _, view := range containers {
		ref, err := c.createContainerView(ctx, view.container, view.kinds)
		if err != nil {
			return err
		}
		*view.ref = ref
		c.own(ref)
	}
	for _, view := range []struct {
		ref     *types.ManagedObjectReference
		members []types.ManagedObjectReference
	}{
		{&c.outsideView, nil}, {&c.taskView, nil}, {&c.clusterView, members},
	} {
		ref, err := c.createListView(ctx, view.members...)
		if err != nil {
			return err
		}
		*view.ref = ref
		c.own(ref)
	}

	inv := c.inv
	folders, err := c.retrieveView(ctx, c.folderView, folderProps()...)
	if err != nil {
		return fmt.Errorf("read the folders: %w", err)
	}
	for _, o := range folders {
		inv.UpdateFolder(vsphere.Ref(o.ref.Value), folderUpdate(o.changes()), &inventory.Changes{})
	}
	return nil
}

// createFilters makes a collector of our own (others may use the session's default one) and its filters.
func (c *connection) createFilters(ctx context.Context) error {
	res, err := methods.CreatePropertyCollector(ctx, c.client, &types.CreatePropertyCollector{
		This: c.client.ServiceContent.PropertyCollector,
	})
	if err != nil {
		return fmt.Errorf("create a property collector: %w", err)
	}
	c.collector = res.Returnval
	c.own(c.collector)
	if err := c.createFilter(ctx, folderFilter, c.folderView, folderProps()...); err != nil {
		return err
	}
	if err := c.createFilter(ctx, outsideFilter, c.outsideView, propSpec("VirtualMachine", vmProps()...)); err != nil {
		return err
	}
	if err := c.createFilter(ctx, taskFilter, c.taskView, propSpec("Task", taskProps()...)); err != nil {
		return err
	}
	if err := c.watchHosts(ctx); err != nil {
		return err
	}
	if root := c.inv.Root(); root != "" {
		if err := c.watchRoot(ctx, root); err != nil {
			return err
		}
	}
	return c.watchTemplates(ctx)
}

// watchRoot watches the VMs below the root folder.
func (c *connection) watchRoot(ctx context.Context, root vsphere.Ref) error {
	view, err := c.createContainerView(ctx, folderRef(root), []string{"VirtualMachine"})
	if err != nil {
		return err
	}
	c.own(view)
	if err := c.createFilter(ctx, rootFilter, view, propSpec("VirtualMachine", vmProps()...)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchedRoot, c.rootView = root, view
	return nil
}

func (c *connection) watchTemplates(ctx context.Context) error {
	folder := c.inv.TemplateFolder()
	if folder == "" {
		return nil
	}
	view, err := c.createContainerView(ctx, folderRef(folder), []string{"VirtualMachine"})
	if err != nil {
		return err
	}
	c.own(view)
	if err := c.createFilter(ctx, templateFilter, view, propSpec("VirtualMachine", templateProps()...)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchedTemplates, c.templateView = folder, view
	return nil
}

// checkViews brings the views in line with the folders. A template folder that has appeared is watched from now on. The
// connection ends if the root is another one than is watched, made, moved, renamed or removed by others: until all is
// read anew, what is not known yet must not pass for what is not there.
func (c *connection) checkViews(ctx context.Context) error {
	if c.rootChanged() {
		return errRewatch
	}
	c.mu.Lock()
	watched := c.watchedTemplates
	c.mu.Unlock()
	switch c.inv.TemplateFolder() {
	case watched:
		return nil
	case "":
		return errRewatch
	}
	if watched != "" {
		return errRewatch
	}
	return c.watchTemplates(ctx)
}

// templatesChanged reports whether the template folder is another one than is watched.
func (c *connection) templatesChanged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watchedTemplates != c.inv.TemplateFolder()
}

func (c *connection) rootChanged() bool {
	// EnsureFolder makes a root and watches it under this lock.
	c.rootMu.Lock()
	defer c.rootMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watchedRoot != c.inv.Root()
}

package vim

import (
	"context"
	"fmt"
	"slices"

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
		{&c.hostView, c.site.hostFolder, []string{"HostSystem"}},
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
		{&c.outsideView, nil}, {&c.taskView, nil}, {&c.clusterView, c.computes()},
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
	if err := c.createFilter(ctx, outsideFilter, c.outsideView, propSpec("VirtualMachine", c.vmProps()...)); err != nil {
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
	if err := c.createFilter(ctx, rootFilter, view, propSpec("VirtualMachine", c.vmProps()...)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchedRoot, c.rootView = root, view
	return nil
}

// watchTemplates watches the VMs below the template folders that are not watched yet.
func (c *connection) watchTemplates(ctx context.Context) error {
	folders := c.unwatchedTemplates()
	for _, folder := range folders {
		view, err := c.createContainerView(ctx, folderRef(folder), []string{"VirtualMachine"})
		if err != nil {
			return err
		}
		c.own(view)
		if err := c.createFilter(ctx, templateFilter, view, propSpec("VirtualMachine", templateProps()...)); err != nil {
			return err
		}
		c.mu.Lock()
		c.templateViews[folder] = view
		c.mu.Unlock()
	}
	if len(folders) > 0 && c.inStep.Load() {
		c.cfg.Notifier.NotifyAll() // a class has its template folder by now
	}
	return nil
}

// unwatchedTemplates returns the template folders that exist and are not watched. One below another is watched with that: a VM
// that two filters hold would be taken out when it leaves one of them.
func (c *connection) unwatchedTemplates() []vsphere.Ref {
	c.mu.Lock()
	folders := c.places.templates
	var watched []vsphere.Ref
	for folder := range c.templateViews {
		watched = append(watched, folder)
	}
	c.mu.Unlock()
	var wanted []vsphere.Ref
	for _, folder := range folders {
		if ref := c.inv.FolderAt(folder.names...); folder.err == nil && ref != "" && !slices.Contains(wanted, ref) {
			wanted = append(wanted, ref)
		}
	}
	slices.Sort(wanted)
	return slices.DeleteFunc(slices.Clone(wanted), func(ref vsphere.Ref) bool {
		return slices.ContainsFunc(watched, func(top vsphere.Ref) bool { return c.inv.Within(ref, top) }) ||
			slices.ContainsFunc(wanted, func(top vsphere.Ref) bool { return top != ref && c.inv.Within(ref, top) })
	})
}

// checkViews brings the views in line with the folders. A template folder that has appeared is watched from now on. The
// connection ends if the root is another one than is watched, made, moved, renamed or removed by others, or if a template
// folder is gone: until all is read anew, what is not known yet must not pass for what is not there.
func (c *connection) checkViews(ctx context.Context) error {
	if c.rootChanged() || c.templatesLost() {
		return errRewatch
	}
	return c.watchTemplates(ctx)
}

// templatesLost reports whether a watched template folder is gone, or lies below another one that is watched by now.
func (c *connection) templatesLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for folder := range c.templateViews {
		if !c.inv.HasFolder(folder) {
			return true
		}
		for other := range c.templateViews {
			if other != folder && c.inv.Within(folder, other) {
				return true
			}
		}
	}
	return false
}

func (c *connection) rootChanged() bool {
	// EnsureFolder makes a root and watches it under this lock.
	c.rootMu.Lock()
	defer c.rootMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watchedRoot != c.inv.Root()
}

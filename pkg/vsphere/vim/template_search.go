package vim

import (
	"context"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// findTemplateSource returns the VMs among which templates are looked for, from memory. The error says why that is nothing, or why
// there is nothing newer though it is too old: ErrPending, or what the last search failed with. It begins a search if one is
// due.
func (c *connection) findTemplateSource(ctx context.Context, class string) (templateSource, error) {
	c.mu.Lock()
	set, ok := c.places.templates[class]
	c.mu.Unlock()
	switch {
	case ok && set.err != nil:
		return templateSource{}, set.err
	case ok:
		return c.watchedSource(set), nil
	case class != "": // it was set just now
		return templateSource{}, vsphere.ErrPending
	}
	s := &c.searched
	s.mu.Lock()
	defer s.mu.Unlock()
	now := c.cfg.Clock.Now()
	if s.begin(c.requests, now) && !c.search(ctx) {
		s.searching = nil
		return templateSource{}, errConnectionEnded
	}
	var source templateSource
	if s.found != nil {
		source = templateSource{vms: s.found, where: "in datacenter " + c.site.datacenterPath}
	}
	switch {
	case s.err != nil:
		return source, s.err
	case s.due(now):
		return source, vsphere.ErrPending
	}
	return source, nil
}

// watchedSource returns the VMs below a template folder.
func (c *connection) watchedSource(folder templateFolder) templateSource {
	source := templateSource{names: folder.names, where: fmt.Sprintf("below the template folder %q", folder.path)}
	if source.below = c.inv.FolderAt(folder.names...); source.below == "" {
		source.where += ", which does not exist" + c.templateFolderHint(folder.names)
		return source
	}
	source.vms = c.inv.Templates()
	return source
}

// search searches the datacenter beside the workers, and then notifies the groups whose template was not found. It returns
// false if the connection has ended.
func (c *connection) search(ctx context.Context) bool {
	c.requests.mu.Lock()
	defer c.requests.mu.Unlock()
	if c.requests.ended {
		return false
	}
	c.requests.start(ctx, func(ctx context.Context) {
		found, err := c.readTemplates(ctx)
		c.searched.end(c.requests, c.cfg.Clock.Now(), found, err)
		var ch inventory.Changes
		c.notifyWaiting(&ch)
		c.publish(&ch)
	})
	return true
}

// readTemplates reads what tells which VMs of the datacenter are templates.
func (c *connection) readTemplates(ctx context.Context) (map[vsphere.Ref]inventory.Properties, *vsphere.Error) {
	objects, err := c.retrieveView(ctx, c.allVMs, propSpec("VirtualMachine", templateProps()...))
	if err != nil {
		return nil, c.fail("Look for templates", err)
	}
	found := make(map[vsphere.Ref]inventory.Properties, len(objects))
	for _, o := range objects {
		found[vsphere.Ref(o.ref.Value)] = o.props.ofVM()
	}
	return found, nil
}

// searchAgain searches once more for the groups whose template was not found, when the answer is too old: no event tells them
// that it has come.
func (c *connection) searchAgain(ctx context.Context) {
	c.shared.mu.Lock()
	waiting := false
	for _, l := range c.lookups {
		waiting = waiting || l.waits
	}
	c.shared.mu.Unlock()
	if waiting && c.cfg.TemplateFolder == "" {
		_, _ = c.findTemplateSource(ctx, "") // which begins the search
	}
}

// templateFolderHint names a folder that people may take for the first on the way to the template folder that does not exist.
func (c *connection) templateFolderHint(names []string) string {
	parent := vsphere.Ref(c.site.vmFolder.Value)
	for _, name := range names {
		next, ok := c.inv.Child(parent, name)
		if !ok {
			return folderHint(name, c.inv.ChildNames(parent))
		}
		parent = next
	}
	return ""
}

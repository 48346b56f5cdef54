package vim

import (
	"context"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// applyTemplate takes over what the collector says of a VM below a template folder, and wakes the groups that look for
// one.
func (s *shared) applyTemplate(ref vsphere.Ref, left bool, u types.ObjectUpdate, ch *inventory.Changes) {
	if left {
		s.inv.DeleteTemplate(ref)
	} else {
		s.inv.UpdateTemplate(ref, u.Kind == types.ObjectUpdateKindEnter, vmUpdate(u.ChangeSet))
	}
	s.notifyLookups(ch)
}

// rereadTemplates reads VMs below the template folders again of which a read has answered something else than the watch has told. The
// watch has had its time by now.
func (c *connection) rereadTemplates(ctx context.Context, refs []vsphere.Ref) error {
	objects := make([]types.ManagedObjectReference, len(refs))
	for i, ref := range refs {
		objects[i] = vmRef(ref)
	}
	readings, err := c.readEach(ctx, objects, templateProps()...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	defer c.publish(&ch)
	for _, ref := range refs {
		r := readings[vmRef(ref)]
		if r.err == nil && !r.gone && c.inv.SetTemplate(ref, r.props.ofVM(), c.cfg.Clock.Now()) {
			c.notifyLookups(&ch)
			continue // and is read once more
		}
		c.inv.TrustTemplate(ref)
	}
	return nil
}

// notifyLookups notes that the groups are to be notified whose template was not found.
func (s *shared) notifyLookups(ch *inventory.Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.lookups {
		ch.Group(g)
	}
}

// notifyWaiting is notifyLookups after a search. Nothing searches any more for a group that does not look again.
func (s *shared) notifyWaiting(ch *inventory.Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g, l := range s.lookups {
		if l.waits {
			ch.Group(g)
			s.lookups[g] = lookup{told: l.told}
		}
	}
}

// inTemplateFolder reports whether a folder is a template folder or lies below one.
func (c *connection) inTemplateFolder(folder vsphere.Ref) bool {
	c.mu.Lock()
	folders := c.places.templates
	c.mu.Unlock()
	for _, f := range folders {
		if top := c.inv.FolderAt(f.names...); top != "" && c.inv.Within(folder, top) {
			return true
		}
	}
	return false
}

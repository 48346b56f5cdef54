package vim

import (
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

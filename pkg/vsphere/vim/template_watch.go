package vim

import (
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// applyTemplate takes over what the collector says of a VM below the template folder, and wakes the groups that look for
// one.
func (s *shared) applyTemplate(ref vsphere.Ref, left bool, u types.ObjectUpdate, ch *inventory.Changes) {
	if left {
		s.inv.DeleteTemplate(ref)
	} else {
		s.inv.UpdateTemplate(ref, u.Kind == types.ObjectUpdateKindEnter, vmUpdate(u.ChangeSet))
	}
	s.addLookups(ch)
}

// addLookups notes the groups whose template was not found.
func (s *shared) addLookups(ch *inventory.Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.lookups {
		ch.Group(g)
	}
}

// addWaitingLookups is addLookups after a search. Who does not look again is not searched for any more.
func (s *shared) addWaitingLookups(ch *inventory.Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g, l := range s.lookups {
		if l.waits {
			ch.Group(g)
			s.lookups[g] = lookup{told: l.told}
		}
	}
}

// inTemplateFolder reports whether a folder is the template folder or lies below it.
func (s *shared) inTemplateFolder(folder vsphere.Ref) bool {
	top := s.inv.TemplateFolder()
	return top != "" && s.inv.Within(folder, top)
}

package inventory

import (
	"maps"
	"reflect"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// UpdateTemplate takes over what a filter reports of a VM below the template folder. whole means that it has no other
// properties.
func (inv *Inventory) UpdateTemplate(ref vsphere.Ref, whole bool, u Update) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.treeVersion++
	props := inv.templates[ref]
	if whole {
		props = Properties{}
	}
	props.Apply(u)
	inv.templates[ref] = props
	delete(inv.doubted, ref)
}

// SetTemplate takes over all that a read has answered of a VM below the template folder, and reports whether that is anything new. One
// that no filter has reported there is left out. If it is, the VM is doubted until the filter has reported it: somebody may undo the
// change before the filter has seen it, and the filter never tells of either then.
func (inv *Inventory) SetTemplate(ref vsphere.Ref, props Properties, now time.Time) (changed bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.treeVersion++
	last, reported := inv.templates[ref]
	if !reported || reflect.DeepEqual(last, props) {
		return false
	}
	inv.templates[ref] = props
	inv.doubted[ref] = now
	return true
}

// DoubtedTemplates returns the VMs below the template folders that are doubted since then or longer, and reports whether there are
// others.
func (inv *Inventory) DoubtedTemplates(by time.Time) (overdue []vsphere.Ref, others bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return overdueBy(inv.doubted, by)
}

// TrustTemplate notes that a VM was read again a while after it was doubted: what the filter has to report it has reported by then.
func (inv *Inventory) TrustTemplate(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	delete(inv.doubted, ref)
}

// DeleteTemplate takes out a VM that is gone, or lies below the template folder no more.
func (inv *Inventory) DeleteTemplate(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.treeVersion++
	delete(inv.templates, ref)
	delete(inv.doubted, ref)
}

// Templates returns the VMs below the template folder.
func (inv *Inventory) Templates() map[vsphere.Ref]Properties {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return maps.Clone(inv.templates)
}

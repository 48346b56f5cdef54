package inventory

import (
	"maps"

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
}

// SetTemplate takes over all that a read has answered of a VM below the template folder. One that no filter has reported
// there is left out.
func (inv *Inventory) SetTemplate(ref vsphere.Ref, props Properties) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.treeVersion++
	if _, reported := inv.templates[ref]; reported {
		inv.templates[ref] = props
	}
}

// DeleteTemplate takes out a VM that is gone, or lies below the template folder no more.
func (inv *Inventory) DeleteTemplate(ref vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.treeVersion++
	delete(inv.templates, ref)
}

// Templates returns the VMs below the template folder.
func (inv *Inventory) Templates() map[vsphere.Ref]Properties {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return maps.Clone(inv.templates)
}

package inventory

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// addGroupsOf adds the groups that a VM concerns: the one in its stamp, or the one that claims it, and the one whose folder it
// lies in. inv.mu is held.
func (inv *Inventory) addGroupsOf(r *record, ch *Changes) {
	if uid := r.uid(inv.owner); uid != "" {
		ch.Group(vsphere.GroupID{UID: uid})
	}
	if g, ok := inv.groupOf(r.vm.Parent); ok {
		ch.Group(g)
	}
}

// addGroupsOfFolder adds the groups that a folder concerns: the group whose folder it is or lies in, the groups of a
// namespace, or, if it is the root, all. inv.mu is held.
func (inv *Inventory) addGroupsOfFolder(ref vsphere.Ref, ch *Changes) {
	f, ok := inv.folders[ref]
	if !ok {
		return
	}
	if g, ok := inv.groupOf(ref); ok {
		ch.Group(g)
		for _, vm := range inv.byParent[ref].All() {
			inv.addGroupsOf(inv.vms[vm.Ref], ch)
		}
		return
	}
	if g, ok := inv.groupOf(f.parent); ok {
		ch.Group(g)
	}
	if inv.root != "" && f.parent == inv.root {
		for child := range inv.children[ref] {
			ch.Group(vsphere.GroupID{Namespace: f.name, Name: inv.folders[child].name})
		}
	}
	ch.All = ch.All || ref == inv.root
}

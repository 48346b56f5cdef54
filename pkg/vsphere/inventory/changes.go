package inventory

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// Changes collects what a set of updates brings about: the groups to notify, and what to read next.
type Changes struct {
	// Groups are those that a VM or a folder concerns, by UID or by namespace and name.
	Groups map[vsphere.GroupID]bool
	// All is true if every group is concerned.
	All bool
	// Seen are the VMs with a stamp of ours that were described whole.
	Seen []vsphere.VM
	// Hosts are those that run a VM and whose name is not known.
	Hosts []vsphere.Ref
	// Folders are those outside the tree that hold VMs of ours and whose path is not known.
	Folders []vsphere.Ref
}

// Group adds a group.
func (ch *Changes) Group(g vsphere.GroupID) {
	if ch.Groups == nil {
		ch.Groups = map[vsphere.GroupID]bool{}
	}
	ch.Groups[g] = true
}

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

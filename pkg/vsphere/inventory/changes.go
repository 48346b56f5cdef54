package inventory

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Changes collects what a set of updates brings about: the groups to notify, and what to read next.
type Changes struct {
	// Groups are those that a VM or a folder concerns, by UID or by namespace and name.
	Groups map[vsphere.GroupID]bool
	// All is true if every group is concerned.
	All bool
	// Seen are the VMs with a stamp of ours that were described whole.
	Seen []vsphere.VM
	// Changed are the VMs of ours that are not as they were, and those that are ours no more.
	Changed []*vsphere.VM
	// Room are the namespaces in which VMs of ours have gone, have become smaller, or count no more. An empty one is one that nobody
	// knows.
	Room map[string]bool
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

package vim

import (
	"cmp"
	"context"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Snapshot returns what is known about a group now. It makes no call.
func (v *VCenter) Snapshot(_ context.Context, g vsphere.GroupID) (vsphere.Snapshot, error) {
	before, err := v.synced()
	if err != nil {
		return vsphere.Snapshot{}, err
	}
	// The operations are read first: an operation that ends in between is then in the snapshot twice, as itself and as
	// its VM, and never not at all.
	ops, failures := v.tracker.Of(g.UID)
	strays, powerOns := v.tracker.Strays(g.UID), v.tracker.PowerOns(g.UID)
	s := v.inv.snapshot(g)
	after, err := v.synced()
	if err != nil {
		return vsphere.Snapshot{}, err
	}
	if after != before { // the inventory was read anew meanwhile, and what was seen of it may be half of it
		return vsphere.Snapshot{}, syncing("The inventory was read anew just now; looking again.")
	}
	s.VCenter, s.Owner = after.instanceUUID(), v.cfg.Owner
	s.Operations, s.Failures, s.Strays, s.PowerOns = ops, failures, strays, powerOns
	return s, nil
}

// snapshot returns the part of a group's snapshot that the inventory knows.
func (inv *inventory) snapshot(g vsphere.GroupID) vsphere.Snapshot {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	s := vsphere.Snapshot{
		PlacementError: inv.fleet.refused,
		HostNeeded:     inv.fleet.hostNeeded(),
		Hosts:          inv.fleet.choices(inv.onHost),
		RootExists:     inv.root != "",
		Disappearance:  inv.absences.Current(),
		Path:           vsphere.Path(slices.Concat(inv.topPath, inv.rootNames, []string{g.Namespace, g.Name})...),
	}
	folders := map[vsphere.Ref]bool{}
	if inv.root != "" {
		if ref := inv.descend(inv.root, g.Namespace, g.Name); ref != "" {
			folders[ref] = true
		}
	}
	vms := map[vsphere.Ref]*record{}
	for ref, r := range inv.byUID[g.UID] {
		vms[ref] = r
		if inv.underRoot(r.vm.Parent) {
			folders[r.vm.Parent] = true
		}
	}
	for folder := range folders {
		s.Folders = append(s.Folders, inv.folder(folder))
		for ref, r := range inv.byParent[folder] {
			vms[ref] = r
		}
	}
	for _, r := range vms {
		s.VMs = append(s.VMs, inv.copyOf(r))
	}
	slices.SortFunc(s.Folders, func(a, b vsphere.Folder) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(s.VMs, func(a, b vsphere.VM) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
	})
	return s
}

// folder describes a folder that is known. inv.mu is held.
func (inv *inventory) folder(ref vsphere.Ref) vsphere.Folder {
	f := inv.folders[ref]
	return vsphere.Folder{
		Ref: ref, Name: f.name, Parent: f.parent,
		Path:      inv.pathOf(ref),
		UnderRoot: inv.underRoot(ref),
		Children:  inv.children[ref] + len(inv.byParent[ref]),
	}
}

// copyOf returns a VM that shares nothing with the inventory. inv.mu is held.
func (inv *inventory) copyOf(r *record) vsphere.VM {
	vm := r.vm
	vm.ParentPath, vm.UnderRoot = inv.pathOf(vm.Parent), inv.inside(vm.Parent)
	vm.Host = inv.hosts[r.host]
	if vm.Stamp != nil {
		stamp := *vm.Stamp
		stamp.Disks = slices.Clone(stamp.Disks)
		vm.Stamp = &stamp
	}
	return vm
}

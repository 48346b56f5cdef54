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
	// The sweeps are read before all else, for the snapshot has to hold what they have found.
	swept, sweepErr := v.sweeps.last()
	// The operations are read first: an operation that ends in between is then in the snapshot twice, as itself and as
	// its VM, and never not at all.
	ops, failures := v.tracker.Of(g.UID)
	toCome, powerOns := v.tracker.ClonesToCome(g.UID), v.tracker.PowerOns(g.UID)
	s := v.inv.snapshot(g)
	after, err := v.synced()
	if err != nil {
		return vsphere.Snapshot{}, err
	}
	if after != before { // the inventory was read anew meanwhile, and what was seen of it may be half of it
		return vsphere.Snapshot{}, syncing("The inventory was read anew just now; looking again.")
	}
	s.VCenter, s.Owner = after.instanceUUID(), v.cfg.Owner
	s.Operations, s.Failures, s.ClonesToCome, s.PowerOns = ops, failures, toCome, powerOns
	s.Swept, s.SweepErr = swept, sweepErr
	return v.versions.Number(g, s), nil
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
	for folder := range inv.foldersOf[g.UID] {
		if inv.underRoot(folder) {
			folders[folder] = true
		}
	}
	s.VMs = inv.byUID[g.UID].All()
	for folder := range folders {
		s.Folders = append(s.Folders, inv.folder(folder))
		s.VMs = union(s.VMs, inv.byParent[folder].All())
	}
	slices.SortFunc(s.Folders, func(a, b vsphere.Folder) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Ref, b.Ref)) })
	return s
}

// union merges two lists of VMs. Mostly they are the same.
func union(a, b []*vsphere.VM) []*vsphere.VM {
	if len(b) == 0 || slices.Equal(a, b) {
		return a
	}
	out := make([]*vsphere.VM, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		case compareVMs(a[0], b[0]) < 0:
			out, a = append(out, a[0]), a[1:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return slices.Clip(append(append(out, a...), b...))
}

// folder describes a folder that is known. inv.mu is held.
func (inv *inventory) folder(ref vsphere.Ref) vsphere.Folder {
	f := inv.folders[ref]
	return vsphere.Folder{
		Ref: ref, Name: f.name, Parent: f.parent,
		Path:      inv.locate(ref).path,
		UnderRoot: inv.underRoot(ref),
		Children:  len(inv.children[ref]) + inv.byParent[ref].Len(),
	}
}

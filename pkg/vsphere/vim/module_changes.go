package vim

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// moduleChange is what is to be done with the module of a group in a cluster.
type moduleChange struct {
	of          module
	id          string // empty: it is made
	add, remove []vsphere.Ref
	destroy     bool
}

// moduleChanges decides what is to be done. In order, for each module that there is or is to be:
//
//  1. its group wants nothing: leave it alone
//  2. the group wants its VMs apart, and there is no module: make one, once there are two VMs
//  3. it does: put in those that are missing, and take out those that are gone, which vCenter leaves in
//  4. it wants them released, or has no VM there any more: destroy the module
func moduleChanges(
	wants map[string]vsphere.Apart, wanted map[module]vmSet, modules map[module]string, members map[string]vmSet, gone func(vsphere.Ref) bool,
) []moduleChange {
	var out []moduleChange
	for of, vms := range wanted {
		id := modules[of]
		if id == "" && len(vms) < 2 {
			continue
		}
		change := moduleChange{of: of, id: id}
		for vm := range vms {
			if !members[id][vm] {
				change.add = append(change.add, vm)
			}
		}
		for vm := range members[id] {
			if !vms[vm] && gone(vm) {
				change.remove = append(change.remove, vm)
			}
		}
		if len(change.add)+len(change.remove) > 0 {
			slices.Sort(change.add)
			slices.Sort(change.remove)
			out = append(out, change)
		}
	}
	for of, id := range modules {
		emptied := len(wanted[of]) == 0 && allGone(members[id], gone)
		if want := wants[of.uid]; want == vsphere.ReleaseApart || want == vsphere.KeepApart && emptied {
			out = append(out, moduleChange{of: of, id: id, destroy: true})
		}
	}
	slices.SortFunc(out, func(a, b moduleChange) int {
		return cmp.Or(cmp.Compare(a.of.uid, b.of.uid), cmp.Compare(a.of.cluster, b.of.cluster))
	})
	return out
}

// allGone reports whether no VM of a set is there any more. One that is there may only be out of reach.
func allGone(vms vmSet, gone func(vsphere.Ref) bool) bool {
	for vm := range vms {
		if !gone(vm) {
			return false
		}
	}
	return true
}

package vim

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	vapi "github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// list reads all modules, and whose they are, if that was long ago or a group wants something else than then. One that was made by a call
// whose answer was lost has no VM in it, and stays: nobody can tell whose it is. Of two of a group in one cluster, the one that is known is
// kept, and the other one is left alone.
func (k *moduleKeeper) list(ctx context.Context, caller *restCaller, wants map[string]vsphere.Apart, version int) *vsphere.Error {
	now := k.c.cfg.Clock.Now()
	if !k.listed.IsZero() && now.Sub(k.listed) < k.c.cfg.ResyncPeriod && k.seen == version {
		return nil
	}
	manager := vapi.NewManager(caller.client)
	var all []vapi.ModuleSummary
	err := caller.do(ctx, listModules, func(ctx context.Context) (err error) {
		all, err = manager.ListModules(ctx)
		return err
	})
	if err != nil {
		return err
	}
	members := map[string]vmSet{}
	for _, summary := range all {
		err := caller.do(ctx, listMembers, func(ctx context.Context) error {
			vms, err := manager.ListModuleMembers(ctx, summary.Module)
			members[summary.Module] = vmSet{}
			for _, vm := range vms {
				members[summary.Module][vsphere.Ref(vm.Value)] = true
			}
			return notFoundIsNil(err)
		})
		if err != nil {
			return err
		}
	}
	owners, err := k.ownersOf(ctx, members, wants)
	if err != nil {
		return err
	}
	before, found := k.modules(), map[module]string{}
	slices.SortFunc(all, func(a, b vapi.ModuleSummary) int { return cmp.Compare(a.Module, b.Module) })
	k.members = map[string]vmSet{}
	for _, summary := range all {
		of := module{owners[summary.Module], vsphere.Ref(summary.Cluster)}
		if of.uid != "" && (found[of] == "" || before[of] == summary.Module) {
			found[of] = summary.Module
		}
	}
	for _, id := range found {
		k.members[id] = members[id]
	}
	a := k.c.associations
	a.mu.Lock()
	a.modules = found
	a.mu.Unlock()
	k.listed, k.seen = now, version
	return nil
}

// ownersOf returns the groups that modules are of, of those that want something, by the VMs in them. A module with any other VM in it that
// is there, a copy or a template of a group's, or one outside the root folder, is somebody else's. VMs that the inventory lacks are looked
// for in vCenter.
func (k *moduleKeeper) ownersOf(ctx context.Context, members map[string]vmSet, wants map[string]vsphere.Apart) (map[string]string, *vsphere.Error) {
	owners, others, unknown := map[string]string{}, map[string]bool{}, map[string][]types.ManagedObjectReference{}
	for of, id := range k.modules() { // of those whose VMs are gone, nothing else tells
		owners[id] = of.uid
	}
	for id, vms := range members {
		for ref := range vms {
			vm, _, ok := k.c.inv.Get(ref)
			switch {
			case !ok:
				unknown[id] = append(unknown[id], vmRef(ref))
			case !k.c.isOwn(&vm) || wants[vm.Stamp.UID] == "" || owners[id] != "" && owners[id] != vm.Stamp.UID:
				others[id] = true
			default:
				owners[id] = vm.Stamp.UID
			}
		}
	}
	var asked []types.ManagedObjectReference
	for id := range owners {
		asked = append(asked, unknown[id]...)
	}
	var readings map[types.ManagedObjectReference]reading
	if len(asked) > 0 {
		var err error
		if readings, err = k.c.readEach(ctx, asked, propName); err != nil {
			return nil, k.c.fail("Look for the members of cluster modules", err)
		}
	}
	for id := range owners {
		foreign := slices.ContainsFunc(unknown[id], func(vm types.ManagedObjectReference) bool { return !readings[vm].gone })
		if others[id] || foreign {
			delete(owners, id)
		}
	}
	return owners, nil
}

// notFoundIsNil returns nil for the error that a module is gone.
func notFoundIsNil(err error) error {
	if rest.IsStatusError(err, http.StatusNotFound) {
		return nil
	}
	return err
}

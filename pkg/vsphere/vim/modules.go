package vim

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	vapi "github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Calls of the REST endpoint.
var (
	listModules   = restCall{"modules.List", "Read the cluster modules", "System.Read", true}
	listMembers   = restCall{"modules.ListMembers", "Read the members of a cluster module", "System.Read", true}
	createModule  = restCall{"modules.Create", "Make a cluster module", "Host.Inventory.EditCluster", false}
	deleteModule  = restCall{"modules.Delete", "Destroy a cluster module", "Host.Inventory.EditCluster", false}
	addMembers    = restCall{"modules.AddMembers", "Put VMs into a cluster module", "Host.Inventory.EditCluster", false}
	removeMembers = restCall{"modules.RemoveMembers", "Take VMs that are gone out of a cluster module", "Host.Inventory.EditCluster", false}
)

// module says whose a cluster module is.
type module struct {
	uid     string // of the group
	cluster vsphere.Ref
}

// vmSet is a set of VMs.
type vmSet map[vsphere.Ref]bool

// moduleKeeper keeps a cluster module for each group that wants its VMs apart, in each cluster that has two of them or more. A module has
// no name: it is the group's if its VMs are in it, and no others. One goroutine uses it.
type moduleKeeper struct {
	c *connection
	patience

	// members are those of the modules of groups, as last listed at listed.
	members map[string]vmSet
	listed  time.Time
	seen    int // the version of the wishes that they were listed for
}

// keep brings the modules in line with what groups want. It reports whether any group wants something, and when to look again at the
// latest.
func (k *moduleKeeper) keep(ctx context.Context, caller *restCaller) (needed bool, next time.Duration) {
	wants, version := k.c.associations.apart()
	now := k.c.cfg.Clock.Now()
	if len(wants) == 0 {
		return false, restKeepEvery
	}
	if wait := k.waits(now, version); wait > 0 {
		return true, wait
	}
	first, errs := k.list(ctx, caller, wants, version), map[string]*vsphere.Error{}
	if first != nil {
		for uid := range wants {
			errs[uid] = first
		}
	} else {
		for _, change := range moduleChanges(wants, k.wanted(wants), k.modules(), k.members, k.isGone) {
			if err := k.carryOut(ctx, caller, change); err != nil {
				errs[change.of.uid], first = err, err
				if err.Class == vsphere.ClassTransient {
					k.listed = time.Time{}
				}
			}
		}
	}
	if ctx.Err() == nil {
		k.tell(ctx, wants, errs)
	}
	return true, k.after(now, version, first)
}

// tell notes what has come of what groups want, and notifies those to whom it is news.
func (k *moduleKeeper) tell(ctx context.Context, wants map[string]vsphere.Apart, errs map[string]*vsphere.Error) {
	a := k.c.associations
	for uid, want := range wants {
		err := errs[uid]
		var news bool
		switch {
		case want == vsphere.ReleaseApart && err != nil: // it is tried again, and the status says until then that they are kept apart
			klog.FromContext(ctx).V(2).Info("VMs are not released", "uid", uid, "err", err)
		case want == vsphere.ReleaseApart:
			news = a.release(uid)
		default:
			news = a.note(uid, err)
		}
		if news {
			k.c.cfg.Notifier.Notify(vsphere.GroupID{UID: uid})
		}
	}
}

// note notes what keeps the VMs of a group from being kept apart, nil for nothing, and reports whether that is news.
func (a *associations) note(uid string, err *vsphere.Error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if vsphere.SameError(a.notApart[uid], err) || a.wants[uid].Apart != vsphere.KeepApart {
		return false
	}
	if delete(a.notApart, uid); err != nil {
		a.notApart[uid] = err
	}
	return true
}

func (k *moduleKeeper) modules() map[module]string {
	a := k.c.associations
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[module]string, len(a.modules))
	for of, id := range a.modules {
		out[of] = id
	}
	return out
}

func (k *moduleKeeper) set(of module, id string) {
	a := k.c.associations
	a.mu.Lock()
	defer a.mu.Unlock()
	if id == "" {
		delete(a.modules, of)
	} else {
		a.modules[of] = id
	}
}

// wanted returns the VMs of the groups that want theirs apart, by group and cluster.
func (k *moduleKeeper) wanted(wants map[string]vsphere.Apart) map[module]vmSet {
	out := map[module]vmSet{}
	for _, vm := range k.c.settled(func(vm *vsphere.VM) bool { return wants[vm.Stamp.UID] == vsphere.KeepApart }) {
		of := module{vm.Stamp.UID, k.c.hosts.clusterOf(vm.HostRef)}
		if of.cluster == "" {
			continue
		}
		if out[of] == nil {
			out[of] = vmSet{}
		}
		out[of][vm.Ref] = true
	}
	return out
}

func (k *moduleKeeper) isGone(vm vsphere.Ref) bool {
	_, _, known := k.c.inv.Get(vm)
	return !known
}

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

func (k *moduleKeeper) carryOut(ctx context.Context, caller *restCaller, change moduleChange) *vsphere.Error {
	manager := vapi.NewManager(caller.client)
	if change.destroy {
		err := caller.do(ctx, deleteModule, func(ctx context.Context) error { return notFoundIsNil(manager.DeleteModule(ctx, change.id)) })
		if err == nil {
			k.set(change.of, "")
			delete(k.members, change.id)
		}
		return err
	}
	if change.id == "" {
		ref := types.ManagedObjectReference{Type: "ClusterComputeResource", Value: string(change.of.cluster)}
		err := caller.do(ctx, createModule, func(ctx context.Context) (err error) {
			change.id, err = manager.CreateModule(ctx, ref)
			return err
		})
		if err != nil {
			return err
		}
		k.set(change.of, change.id)
		k.members[change.id] = vmSet{}
	}
	err := changeMembers(ctx, caller, removeMembers, change.id, change.remove, manager.RemoveModuleMembers)
	if err == nil {
		err = changeMembers(ctx, caller, addMembers, change.id, change.add, manager.AddModuleMembers)
	}
	if err != nil {
		return err
	}
	for _, vm := range change.remove {
		delete(k.members[change.id], vm)
	}
	for _, vm := range change.add {
		k.members[change.id][vm] = true
	}
	return nil
}

// changeMembers puts VMs into a module, or takes them out of it.
func changeMembers(
	ctx context.Context, caller *restCaller, of restCall, id string, vms []vsphere.Ref, change func(context.Context, string, ...mo.Reference) (bool, error),
) *vsphere.Error {
	if len(vms) == 0 {
		return nil
	}
	refs := make([]mo.Reference, len(vms))
	for i, vm := range vms {
		refs[i] = vmRef(vm)
	}
	return caller.do(ctx, of, func(ctx context.Context) error {
		all, err := change(ctx, id, refs...)
		if err == nil && !all {
			err = errModuleChanged
		}
		return err
	})
}

// errModuleChanged means that vCenter has not taken all of a change.
var errModuleChanged = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
	Message: "A cluster module is not as it was, or a VM is in another cluster by now. It is read again.",
}

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

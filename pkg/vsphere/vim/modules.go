package vim

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	vapi "github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// clusterPrivilege is what vCenter asks for on a cluster to change its modules.
const clusterPrivilege = "Host.Inventory.EditCluster"

// apartWishes say which groups want their VMs apart, and what stands in the way. They are safe for concurrent use.
type apartWishes struct {
	mu     sync.Mutex
	wishes map[string]bool // by UID; a group that has not said anything is not there
	errs   map[string]*vsphere.Error
	// released are the groups whose VMs nothing keeps apart any more, which was looked at since they have wished for it.
	released map[string]bool
	// forgotten are those that exist no more, and whose modules are still to go.
	forgotten map[string]bool
	// modules are the cluster modules of groups, as last seen. They outlive the VMs by which they are known.
	modules map[module]string
}

// module says whose a cluster module is.
type module struct {
	uid     string // of the group
	cluster vsphere.Ref
}

func newApartWishes() apartWishes {
	return apartWishes{
		wishes: map[string]bool{}, errs: map[string]*vsphere.Error{}, released: map[string]bool{}, forgotten: map[string]bool{},
		modules: map[module]string{},
	}
}

// reset drops everything: another vCenter answers.
func (a *apartWishes) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.wishes)
	clear(a.errs)
	clear(a.released)
	clear(a.forgotten)
	clear(a.modules)
}

// forget drops what is remembered of a group that exists no more. A module of a group that has released its VMs goes all the same; one
// that has not leaves them, and their module, behind.
func (a *apartWishes) forget(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.errs, uid)
	delete(a.released, uid)
	if apart, said := a.wishes[uid]; said && !apart {
		a.forgotten[uid] = true
		return
	}
	delete(a.wishes, uid)
	maps.DeleteFunc(a.modules, func(of module, _ string) bool { return of.uid == uid })
}

// of returns what keeps the VMs of a group from being kept apart, nil if nothing does, and whether they were released.
func (a *apartWishes) of(uid string) (notApart *vsphere.Error, released bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.errs[uid], a.released[uid]
}

// release notes that nothing keeps the VMs of a group apart any more, unless the group wants something else by now.
func (a *apartWishes) release(uid string) (done bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if apart, said := a.wishes[uid]; apart || !said {
		return false
	}
	delete(a.wishes, uid)
	if a.forgotten[uid] {
		delete(a.forgotten, uid)
		return false
	}
	a.released[uid] = true
	return true
}

// KeepApart implements vsphere.Interface.
func (v *VCenter) KeepApart(g vsphere.GroupID, apart bool) {
	a := &v.apart
	a.mu.Lock()
	was, known := a.wishes[g.UID]
	a.wishes[g.UID] = apart
	delete(a.released, g.UID)
	a.mu.Unlock()
	if !known || was != apart {
		v.associate()
	}
}

// moduleKeeper keeps a cluster module for each group that wants its VMs apart, in each cluster that has two of them or more. A module has
// no name: it is the group's whose VMs are in it. One goroutine uses it.
type moduleKeeper struct {
	c *connection
	// members are those of the modules of groups, as last listed at listed.
	members map[string][]vsphere.Ref
	listed  time.Time
}

func newModuleKeeper(c *connection) *moduleKeeper { return &moduleKeeper{c: c} }

// keep brings the modules in line with what groups want. It reports whether any group wants something, and when to look again at the
// latest, 0 for no need.
func (k *moduleKeeper) keep(ctx context.Context, caller *restCaller) (needed bool, again time.Duration) {
	a := &k.c.apart
	a.mu.Lock()
	wishes, known := maps.Clone(a.wishes), len(a.modules)
	a.mu.Unlock()
	wants := map[string]bool{}
	for uid, apart := range wishes {
		if apart {
			wants[uid] = true
		}
	}
	if len(wishes) == 0 && known == 0 {
		return false, 0
	}
	if now := k.c.cfg.Clock.Now(); k.listed.IsZero() || now.Sub(k.listed) >= k.c.cfg.ResyncPeriod {
		if err := k.list(ctx, caller); err != nil {
			k.tell(ctx, wants, map[string]*vsphere.Error{}, err)
			return true, k.c.retryAfter(err)
		}
		k.listed = now
	}
	errs := map[string]*vsphere.Error{}
	for _, change := range moduleChanges(wishes, k.wanted(wants), k.modules(), k.members, k.isGone) {
		if err := k.carryOut(ctx, caller, change); err != nil {
			errs[change.of.uid] = err
			again = k.c.retryAfter(err)
			if err.Class == vsphere.ClassTransient {
				k.listed = time.Time{}
			}
		}
	}
	if ctx.Err() == nil {
		k.release(wishes, errs)
		k.tell(ctx, wants, errs, nil)
	}
	return true, again
}

// release lets groups know that nothing keeps their VMs apart any more.
func (k *moduleKeeper) release(wishes map[string]bool, errs map[string]*vsphere.Error) {
	for uid, apart := range wishes {
		if !apart && errs[uid] == nil && k.c.apart.release(uid) {
			k.c.cfg.Notifier.Notify(vsphere.GroupID{UID: uid})
		}
	}
}

// tell notes what stands in the way of each group. all is that of all groups.
func (k *moduleKeeper) tell(ctx context.Context, wants map[string]bool, errs map[string]*vsphere.Error, all *vsphere.Error) {
	if all != nil {
		for uid := range wants {
			errs[uid] = all
		}
	}
	a := &k.c.apart
	a.mu.Lock()
	before := a.errs
	a.errs = errs
	a.mu.Unlock()
	for _, uid := range slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(errs))) {
		if !vsphere.SameError(before[uid], errs[uid]) {
			if errs[uid] != nil {
				klog.FromContext(ctx).Error(errs[uid], "VMs are not kept apart", "uid", uid)
			}
			k.c.cfg.Notifier.Notify(vsphere.GroupID{UID: uid})
		}
	}
}

func (k *moduleKeeper) modules() map[module]string {
	k.c.apart.mu.Lock()
	defer k.c.apart.mu.Unlock()
	return maps.Clone(k.c.apart.modules)
}

// wanted returns the VMs of the groups that want theirs apart, by group and cluster.
func (k *moduleKeeper) wanted(wants map[string]bool) map[module][]vsphere.Ref {
	out := map[module][]vsphere.Ref{}
	for _, vm := range k.c.settled(func(vm *vsphere.VM) bool { return wants[vm.Stamp.UID] }) {
		if cluster := k.c.hosts.clusterOf(vm.HostRef); cluster != "" {
			of := module{vm.Stamp.UID, cluster}
			out[of] = append(out[of], vm.Ref)
		}
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
//  1. its group has not said what it wants: leave it alone
//  2. the group wants its VMs apart, and there is no module: make one, once there are two VMs
//  3. it does: put in those that are missing, and take out those that are gone, which vCenter leaves in
//  4. it does not, or has no VM there any more: destroy the module
func moduleChanges(
	wishes map[string]bool, wanted map[module][]vsphere.Ref, modules map[module]string, members map[string][]vsphere.Ref, gone func(vsphere.Ref) bool,
) []moduleChange {
	var out []moduleChange
	for of, vms := range wanted {
		slices.Sort(vms)
		id := modules[of]
		if id == "" && len(vms) < 2 {
			continue
		}
		change := moduleChange{of: of, id: id}
		for _, vm := range vms {
			if !slices.Contains(members[id], vm) {
				change.add = append(change.add, vm)
			}
		}
		for _, vm := range members[id] {
			if gone(vm) {
				change.remove = append(change.remove, vm)
			}
		}
		if len(change.add)+len(change.remove) > 0 {
			out = append(out, change)
		}
	}
	for of, id := range modules {
		if _, said := wishes[of.uid]; said && len(wanted[of]) == 0 {
			out = append(out, moduleChange{of: of, id: id, destroy: true})
		}
	}
	slices.SortFunc(out, func(a, b moduleChange) int { return compareModules(a.of, b.of) })
	return out
}

func compareModules(a, b module) int {
	return cmp.Or(cmp.Compare(a.uid, b.uid), cmp.Compare(a.cluster, b.cluster))
}

func (k *moduleKeeper) carryOut(ctx context.Context, caller *restCaller, change moduleChange) *vsphere.Error {
	manager := vapi.NewManager(caller.client)
	if change.destroy {
		err := caller.do(ctx, "modules.Delete", "Destroy a cluster module", clusterPrivilege, false, func(ctx context.Context) error {
			return notFoundIsNil(manager.DeleteModule(ctx, change.id))
		})
		if err == nil {
			k.set(change.of, "")
			delete(k.members, change.id)
		}
		return err
	}
	if change.id == "" {
		ref := types.ManagedObjectReference{Type: "ClusterComputeResource", Value: string(change.of.cluster)}
		err := caller.do(ctx, "modules.Create", "Make a cluster module", clusterPrivilege, false, func(ctx context.Context) (err error) {
			change.id, err = manager.CreateModule(ctx, ref)
			return err
		})
		if err != nil {
			return err
		}
		k.set(change.of, change.id)
	}
	for _, step := range []struct {
		method, what string
		vms          []vsphere.Ref
		call         func(context.Context, string, ...mo.Reference) (bool, error)
	}{
		{"modules.RemoveMembers", "Take VMs that are gone out of a cluster module", change.remove, manager.RemoveModuleMembers},
		{"modules.AddMembers", "Put VMs into a cluster module", change.add, manager.AddModuleMembers},
	} {
		if len(step.vms) == 0 {
			continue
		}
		err := caller.do(ctx, step.method, step.what, clusterPrivilege, false, func(ctx context.Context) error {
			refs := make([]mo.Reference, len(step.vms))
			for i, vm := range step.vms {
				refs[i] = vmRef(vm)
			}
			all, err := step.call(ctx, change.id, refs...)
			if err == nil && !all {
				err = errModuleChanged
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	k.members[change.id] = slices.DeleteFunc(append(slices.Clone(k.members[change.id]), change.add...), func(vm vsphere.Ref) bool {
		return slices.Contains(change.remove, vm)
	})
	return nil
}

// errModuleChanged means that vCenter has not taken all of a change.
var errModuleChanged = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
	Message: "A cluster module is not as it was, or a VM is in another cluster by now. It is read again.",
}

func (k *moduleKeeper) set(of module, id string) {
	k.c.apart.mu.Lock()
	defer k.c.apart.mu.Unlock()
	if id == "" {
		delete(k.c.apart.modules, of)
	} else {
		k.c.apart.modules[of] = id
	}
}

// list reads all modules, and whose they are: one of a group has VMs of that group in it, and no other VM that is there. Of two of a group
// in one cluster, the first is kept, and the other one is destroyed. One that was made by a call whose answer was lost has no VM in it, and
// stays: nobody can tell whose it is.
func (k *moduleKeeper) list(ctx context.Context, caller *restCaller) *vsphere.Error {
	manager := vapi.NewManager(caller.client)
	var all []vapi.ModuleSummary
	err := caller.do(ctx, "modules.List", "Read the cluster modules", readPrivilege, true, func(ctx context.Context) (err error) {
		all, err = manager.ListModules(ctx)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b vapi.ModuleSummary) int { return cmp.Compare(a.Module, b.Module) })
	known := map[string]module{}
	for of, id := range k.modules() {
		known[id] = of
	}
	members := map[string][]vsphere.Ref{}
	for _, summary := range all {
		err := caller.do(ctx, "modules.ListMembers", "Read the members of a cluster module", readPrivilege, true, func(ctx context.Context) error {
			vms, err := manager.ListModuleMembers(ctx, summary.Module)
			for _, vm := range vms {
				members[summary.Module] = append(members[summary.Module], vsphere.Ref(vm.Value))
			}
			return notFoundIsNil(err)
		})
		if err != nil {
			return err
		}
	}
	owners, err := k.ownersOf(ctx, members)
	if err != nil {
		return err
	}
	found := map[module]string{}
	k.members = map[string][]vsphere.Ref{}
	for _, summary := range all {
		uid, at := owners[summary.Module], vsphere.Ref(summary.Cluster)
		switch of := (module{uid, at}); {
		case uid == "":
		case found[of] == "":
			found[of], k.members[summary.Module] = summary.Module, members[summary.Module]
		default:
			if err := k.carryOut(ctx, caller, moduleChange{of: module{cluster: at}, id: summary.Module, destroy: true}); err != nil {
				return err
			}
		}
	}
	k.c.apart.mu.Lock()
	k.c.apart.modules = found
	k.c.apart.mu.Unlock()
	return nil
}

// ownersOf returns the groups that modules are of, by the VMs in them. VMs that the inventory lacks are looked for in vCenter: a module
// that has one in it which is there is somebody else's.
func (k *moduleKeeper) ownersOf(ctx context.Context, members map[string][]vsphere.Ref) (map[string]string, *vsphere.Error) {
	owners, mixed, unknown := map[string]string{}, map[string]bool{}, map[string][]types.ManagedObjectReference{}
	for of, id := range k.modules() { // of those whose VMs are gone, nothing else tells
		owners[id] = of.uid
	}
	for id, refs := range members {
		for _, ref := range refs {
			vm, _, ok := k.c.inv.Get(ref)
			switch {
			case !ok:
				unknown[id] = append(unknown[id], vmRef(ref))
			case vm.Stamp == nil || vm.Stamp.Owner != k.c.cfg.Owner || owners[id] != "" && owners[id] != vm.Stamp.UID:
				mixed[id] = true
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
		if mixed[id] || foreign {
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

package vim

import (
	"context"
	"time"

	vapi "github.com/vmware/govmomi/vapi/cluster"
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
	// First those that are to be apart: they do not wait for VMs that have gone, which vCenter may have taken out itself.
	if err := changeMembers(ctx, caller, addMembers, change.id, change.add, manager.AddModuleMembers); err != nil {
		return err
	}
	for _, vm := range change.add {
		k.members[change.id][vm] = true
	}
	if err := changeMembers(ctx, caller, removeMembers, change.id, change.remove, manager.RemoveModuleMembers); err != nil {
		return err
	}
	for _, vm := range change.remove {
		delete(k.members[change.id], vm)
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

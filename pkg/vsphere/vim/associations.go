package vim

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	// associatePause gathers what has changed: a rollout of thousands is tagged in a call a second for each tag.
	associatePause = time.Second
	// associateRetry is how soon what has failed is tried again.
	associateRetry = 20 * time.Second
	// restKeepEvery is how long a session of the REST endpoint may be idle. vCenter ends it after minutes.
	restKeepEvery = time.Minute
)

// associations are what groups want of tags and cluster modules, and what has come of it. They outlive the connections, and are safe for
// concurrent use.
type associations struct {
	kick chan struct{} // wakes what keeps them

	mu    sync.Mutex
	wants map[string]vsphere.Association // by the UIDs of the groups
	// version moves when a group wants something else of modules.
	version int
	// notApart says what keeps the VMs of groups from being kept apart. released are the groups whose VMs nothing keeps apart any more, which
	// was looked at since they have wanted it.
	notApart map[string]*vsphere.Error
	released map[string]bool
	// forgotten are groups that exist no more, and whose modules are still to go.
	forgotten map[string]bool
	// modules are the cluster modules of groups, as last seen: they are known longer than the VMs by which they are.
	modules map[module]string
	// tagErrs say what is wrong with the tags of classes, by their names. A class that is not in it was not looked at yet.
	tagErrs map[string][]*vsphere.Error
}

func newAssociations() *associations {
	return &associations{
		kick:  make(chan struct{}, 1),
		wants: map[string]vsphere.Association{}, notApart: map[string]*vsphere.Error{}, released: map[string]bool{},
		forgotten: map[string]bool{}, modules: map[module]string{}, tagErrs: map[string][]*vsphere.Error{},
	}
}

// wake wakes what keeps them. It does not block.
func (a *associations) wake() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// reset drops everything: another vCenter answers.
func (a *associations) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.wants)
	clear(a.notApart)
	clear(a.released)
	clear(a.forgotten)
	clear(a.modules)
	clear(a.tagErrs)
}

// Associate implements vsphere.Interface.
func (v *VCenter) Associate(g vsphere.GroupID, wants vsphere.Association) {
	a := v.associations
	a.mu.Lock()
	was, known := a.wants[g.UID]
	a.wants[g.UID] = wants
	if was.Apart != wants.Apart {
		a.version++
	}
	if wants.Apart == vsphere.KeepApart {
		delete(a.released, g.UID)
	}
	a.mu.Unlock()
	if !known || was != wants {
		a.wake()
	}
}

// forget drops what is remembered of a group that exists no more. A module of a group that wants its VMs released goes all the same; one
// of a group that does not leaves them, and their module, behind.
func (a *associations) forget(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.notApart, uid)
	delete(a.released, uid)
	if a.wants[uid].Apart == vsphere.ReleaseApart {
		a.forgotten[uid] = true
		return
	}
	delete(a.wants, uid)
	maps.DeleteFunc(a.modules, func(of module, _ string) bool { return of.uid == uid })
}

// of returns what keeps the VMs of a group from being kept apart, nil if nothing does, and whether they were released.
func (a *associations) of(uid string) (notApart *vsphere.Error, released bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.notApart[uid], a.released[uid]
}

// release notes that nothing keeps the VMs of a group apart any more, unless it wants something else by now. It reports whether that is
// news to the group.
func (a *associations) release(uid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.wants[uid].Apart != vsphere.ReleaseApart || a.released[uid]:
		return false
	case a.forgotten[uid]:
		delete(a.forgotten, uid)
		delete(a.wants, uid)
		return false
	default:
		a.released[uid] = true
		return true
	}
}

// free are the groups whose VMs may be put into something, or taken out of it.
func (a *associations) free() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	free := make(map[string]bool, len(a.wants))
	for uid, wants := range a.wants {
		if !wants.Held {
			free[uid] = true
		}
	}
	return free
}

// apart returns what groups want of modules, but for those that are held, and the number of that list.
func (a *associations) apart() (wants map[string]vsphere.Apart, version int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wants = map[string]vsphere.Apart{}
	for uid, want := range a.wants {
		if want.Apart != "" && !want.Held && !a.released[uid] {
			wants[uid] = want.Apart
		}
	}
	return wants, a.version
}

// errsOfTags returns what is wrong with the tags of classes, by their names, as last told.
func (a *associations) errsOfTags() map[string][]*vsphere.Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.tagErrs)
}

// noteTags notes what is wrong with the tags of classes, and reports whether one of these was never looked at before.
func (a *associations) noteTags(errs map[string][]*vsphere.Error) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range errs {
		_, known := a.tagErrs[name]
		first = first || !known
	}
	a.tagErrs = maps.Clone(errs)
	return first
}

// looksAtTags reports whether the tags of a class were looked at.
func (a *associations) looksAtTags(class string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.tagErrs[class]
	return known
}

// keepAssociations keeps the tags of classes attached to their VMs, and VMs of groups that want it apart, until ctx ends. It goes by
// what vCenter says is attached, which it reads anew at each resync, and after it has changed something. While nobody asks for either,
// it makes no call, and has no session.
func (c *connection) keepAssociations(ctx context.Context) {
	tags, modules := tagKeeper{c: c}, moduleKeeper{c: c}
	for ctx.Err() == nil {
		caller := c.newRESTCaller()
		tagged, next := tags.keep(ctx, caller)
		apart, nextModules := modules.keep(ctx, caller)
		if err := caller.keepSession(ctx, tagged || apart); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("The session of vCenter's REST endpoint", "err", err)
		}
		select {
		case <-c.associations.kick:
			select {
			case <-c.cfg.Clock.After(associatePause):
			case <-ctx.Done():
			}
		case <-c.cfg.Clock.After(min(next, nextModules, restKeepEvery)):
		case <-ctx.Done():
		}
	}
}

// patience says when a keeper looks again. One that has failed is not woken before that by anything but another wish.
type patience struct {
	notBefore time.Time
	version   int // of the wishes
}

// waits returns how long the keeper has to wait, 0 for not at all.
func (p *patience) waits(now time.Time, version int) time.Duration {
	if p.version != version {
		return 0
	}
	return max(0, p.notBefore.Sub(now))
}

// after notes what has come of a look: an error, or nil.
func (p *patience) after(now time.Time, version int, err *vsphere.Error) time.Duration {
	p.version, p.notBefore = version, time.Time{}
	if err == nil {
		return restKeepEvery
	}
	wait := associateRetry
	if putOff, ok := errors.AsType[*loginPutOff](error(err)); ok {
		wait = max(wait, putOff.until.Sub(now))
	}
	p.notBefore = now.Add(wait)
	return wait
}

// settled returns the VMs of ours that are made, and whose groups may be changed: nobody touches one whose clone is, or may be, under way.
func (c *connection) settled(keep func(*vsphere.VM) bool) []inventory.Sited {
	free, making, toCome := c.associations.free(), c.tracker.Making(), map[string]bool{}
	vms := c.inv.Ours(func(vm *vsphere.VM) bool {
		return free[vm.Stamp.UID] && keep(vm) && c.isMember(vm) && !making[vm.Stamp.UID][vm.Name]
	})
	out := vms[:0]
	for _, vm := range vms {
		uid := vm.Stamp.UID
		if _, known := toCome[uid]; !known {
			toCome[uid] = c.tracker.ClonesToCome(uid) > 0
		}
		if !toCome[uid] {
			out = append(out, vm)
		}
	}
	return out
}

// isOwn reports whether a VM is one of a group's own, below the root folder, and no copy or template.
func (c *connection) isOwn(vm *vsphere.VM) bool {
	return vm.Stamp != nil && vm.UnderRoot && !vm.Template && vsphere.Identify(c.cfg.Owner, vm.Stamp.UID, *vm) == vsphere.Ours
}

// isMember reports whether a VM is one of a group's own, and can be reached.
func (c *connection) isMember(vm *vsphere.VM) bool {
	return c.isOwn(vm) && vm.Connection == vsphere.Connected && !vm.Unreadable
}

// isCluster reports whether a compute resource is a cluster, and no standalone host.
func isCluster(ref types.ManagedObjectReference) bool { return ref.Type == "ClusterComputeResource" }

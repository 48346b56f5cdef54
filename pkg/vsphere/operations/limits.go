package operations

import (
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Members tells a Tracker of the VMs that there are, as far as limits of classes need that. Its methods are called with the
// tracker's lock held: they must neither block nor call back.
type Members interface {
	// Usage returns how much VMs have that count (see vsphere.CountsForLimits) and whose stamps name a namespace, with all that
	// belong to groups and do not show a stamp with a namespace.
	Usage(namespace string) []vsphere.GroupUsage
	// Counts reports whether Usage counts a VM of a group by a name.
	Counts(uid, name string) bool
	// Member returns the class in the stamp of a VM, and how much it has. ok is false if it is not known.
	Member(vm vsphere.Ref) (class string, has vsphere.Usage, ok bool)
	// IsOff reports whether a VM is known to be off.
	IsOff(vm vsphere.Ref) bool
}

// promise is the room that a VM keeps that was switched off to be made larger, until the reconfiguration begins.
type promise struct {
	group vsphere.GroupID
	class string
	grows vsphere.Resize
	until time.Time
}

// classLimits enforces vsphere.NamespaceLimits. A Tracker's lock guards it. The rules:
//
//  1. What counts are the VMs that there are; clones under way, or that may still come, of which there is no VM yet; and what VMs
//     grow by that are being reconfigured, or switched off for that. It is checked where an operation takes its place in the
//     budget, under the same lock: of two groups that come at once, the second one sees what the first one has taken.
//  2. Clones of an earlier process are anybody's. They count for every namespace, see vsphere.NamespaceLimits.Refuse.
//  3. A group that is refused is remembered, gives its place in the line for the budget to others, and is notified once as soon
//     as there may be room: a VM of its namespace has gone, or has become smaller, a clone has ended without a VM, or the limits
//     of its class have changed. Whoever comes first then takes the room.
//  4. While no class has limits, nothing is counted.
type classLimits struct {
	byClass  map[string]vsphere.NamespaceLimits // of the classes that have any
	known    map[string]vsphere.Tenancy         // of groups, by UID
	waiting  map[vsphere.GroupID]vsphere.Tenancy
	promises map[vsphere.Ref]promise
	woken    []vsphere.GroupID // to be notified when the lock is released
}

func newClassLimits() classLimits {
	return classLimits{
		known: map[string]vsphere.Tenancy{}, waiting: map[vsphere.GroupID]vsphere.Tenancy{}, promises: map[vsphere.Ref]promise{},
	}
}

// SetClasses takes over the limits of all classes, and notifies the groups that wait for room where they have changed.
func (t *Tracker) SetClasses(classes []vsphere.ClassSpec) {
	defer t.wake(t.lock())
	before := t.limits.byClass
	t.limits.byClass = map[string]vsphere.NamespaceLimits{}
	for _, class := range classes {
		if class.PerNamespace.Any() {
			t.limits.byClass[class.Name] = class.PerNamespace
		}
	}
	t.limits.wake(func(waits vsphere.Tenancy) bool { return !before[waits.Class].Same(t.limits.byClass[waits.Class]) })
}

// Know takes over the class of a group. VMs that an earlier controller has made do not say it.
func (t *Tracker) Know(g vsphere.GroupID, class string) {
	is := vsphere.Tenancy{Namespace: g.Namespace, Class: class}
	defer t.wake(t.lock())
	if before, known := t.limits.known[g.UID]; known && before == is {
		return
	}
	t.limits.known[g.UID] = is
	t.roomIn(g.Namespace)
}

// RoomIn records that VMs of a namespace have gone or become smaller. Without one, it may be any namespace.
func (t *Tracker) RoomIn(namespace string) {
	defer t.wake(t.lock())
	t.roomIn(namespace)
}

func (t *Tracker) roomIn(namespace string) {
	t.limits.wake(func(waits vsphere.Tenancy) bool { return namespace == "" || waits.Namespace == namespace })
}

// wake has groups notified that wait for room.
func (l *classLimits) wake(which func(vsphere.Tenancy) bool) {
	for g, waits := range l.waiting {
		if which(waits) {
			delete(l.waiting, g)
			l.woken = append(l.woken, g)
		}
	}
}

// forget drops what is known of a group.
func (t *Tracker) forgetLimits(uid string) {
	delete(t.limits.known, uid)
	for g := range t.limits.waiting {
		if g.UID == uid {
			delete(t.limits.waiting, g)
		}
	}
	for vm, p := range t.limits.promises {
		if p.group.UID == uid {
			t.breakPromise(vm)
		}
	}
}

// refuse says why the limits of a class do not allow a request, nil if they do. The group waits for room then.
func (t *Tracker) refuse(g vsphere.GroupID, r vsphere.Request) *vsphere.Error {
	if len(t.limits.byClass) == 0 {
		return nil
	}
	tenancy, more := vsphere.Tenancy{Namespace: g.Namespace, Class: t.classOf(g, r)}, t.asksFor(r)
	limits, ok := t.limits.byClass[tenancy.Class]
	if !ok || more == (vsphere.Usage{}) || t.granted(r) {
		return nil
	}
	err := limits.Refuse(tenancy, t.used(tenancy, r.VM), t.toCome.counts[""], more, t.cfg.OverLimit)
	if err == nil {
		delete(t.limits.waiting, g)
		return nil
	}
	t.limits.waiting[g] = tenancy
	if r.Kind.Makes() {
		t.budgets[r.Kind.Budget()].forget(g.UID)
	}
	return err
}

// failWhileOff counts a refusal as a failure where the VM is off that was to grow: it is powered on with the size that it has, see
// plan.Compute, and does not wait for room.
func (t *Tracker) failWhileOff(g vsphere.GroupID, r vsphere.Request, err *vsphere.Error) {
	if r.Kind == vsphere.OperationReconfigure && t.cfg.Members != nil && t.cfg.Members.IsOff(r.VM) {
		t.fail(&operation{Operation: r.Operation(), group: g}, err)
	}
}

// classOf returns the class that a request is of.
func (t *Tracker) classOf(g vsphere.GroupID, r vsphere.Request) string {
	if r.Clone != nil {
		return r.Clone.Place.Class
	}
	if class, _, ok := t.member(r.VM); ok && class != "" {
		return class
	}
	return t.limits.known[g.UID].Class
}

// granted reports whether a request asks for no more than its VM was, or is being, switched off for: that room is taken already.
func (t *Tracker) granted(r vsphere.Request) bool {
	if r.Resize == nil {
		return false
	}
	covers := func(to vsphere.Resize) bool { return r.Resize.CPU <= to.CPU && r.Resize.MemoryMiB <= to.MemoryMiB }
	if p, ok := t.limits.promises[r.VM]; ok && covers(p.grows) {
		return true
	}
	return slices.ContainsFunc(t.byVM[r.VM], func(o *operation) bool { return o.grows != nil && covers(*o.grows) })
}

// asksFor returns how much more a request asks for.
func (t *Tracker) asksFor(r vsphere.Request) vsphere.Usage {
	switch {
	case r.Clone != nil:
		return r.Clone.Usage()
	case r.Resize != nil:
		return t.growth(r.VM, *r.Resize)
	default:
		return vsphere.Usage{}
	}
}

// growth returns how much more a VM is to have than it has now. Once it is seen to have it, that is nothing.
func (t *Tracker) growth(vm vsphere.Ref, to vsphere.Resize) vsphere.Usage {
	_, has, ok := t.member(vm)
	if !ok {
		return vsphere.Usage{}
	}
	return to.Growth(has)
}

// used returns how much the groups of a class in a namespace have, what is under way included, but for what is under way for a VM.
func (t *Tracker) used(tenancy vsphere.Tenancy, but vsphere.Ref) []vsphere.GroupUsage {
	var used []vsphere.GroupUsage
	if t.cfg.Members != nil {
		for _, group := range t.cfg.Members.Usage(tenancy.Namespace) {
			known, ok := t.limits.known[group.UID]
			if group.BelongsTo(tenancy, known, ok) {
				used = append(used, group)
			}
		}
	}
	add := func(g vsphere.GroupID, class string, more vsphere.Usage) {
		if (vsphere.Tenancy{Namespace: g.Namespace, Class: class}) == tenancy {
			used = append(used, vsphere.GroupUsage{UID: g.UID, Namespace: g.Namespace, Name: g.Name, Class: class, Usage: more})
		}
	}
	for _, o := range t.ops {
		switch {
		case o.makes() && !t.counts(o.group.UID, o.Name):
			add(o.group, o.class, o.takes)
		case o.grows != nil && o.Operation.VM != but:
			add(o.group, o.class, t.growth(o.Operation.VM, *o.grows))
		}
	}
	for vm, p := range t.limits.promises {
		if vm != but {
			add(p.group, p.class, t.growth(vm, p.grows))
		}
	}
	for key, c := range t.toCome.byKey {
		if c.is == lost && !t.counts(key.uid, key.name) {
			add(c.group, c.class, c.takes)
		}
	}
	return used
}

func (t *Tracker) counts(uid, name string) bool {
	return t.cfg.Members != nil && t.cfg.Members.Counts(uid, name)
}

func (t *Tracker) member(vm vsphere.Ref) (class string, has vsphere.Usage, ok bool) {
	if t.cfg.Members == nil || vm == "" {
		return "", vsphere.Usage{}, false
	}
	return t.cfg.Members.Member(vm)
}

// endLimited notes that an operation is over: it has made room, or its VM keeps the room that it was switched off to grow into.
func (t *Tracker) endLimited(o *operation) {
	switch {
	case o.grows != nil && o.info().Power == vsphere.PoweredOff && !o.ignored:
		t.limits.promises[o.Operation.VM] = promise{o.group, o.class, *o.grows, t.cfg.Clock.Now().Add(ShortTimeout)}
	case o.makes() && !t.counts(o.group.UID, o.Name), o.grows != nil:
		t.roomIn(o.group.Namespace)
	}
}

// breakPromise gives back the room that a VM keeps.
func (t *Tracker) breakPromise(vm vsphere.Ref) {
	if p, ok := t.limits.promises[vm]; ok {
		delete(t.limits.promises, vm)
		t.roomIn(p.group.Namespace)
	}
}

// expirePromises gives back what VMs have kept for too long.
func (t *Tracker) expirePromises(now time.Time) {
	for vm, p := range t.limits.promises {
		if now.After(p.until) {
			t.breakPromise(vm)
		}
	}
}

package inventory

import (
	"cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// usages is what the VMs of ours have, by the namespace that their stamps name. It is kept up to date with each change of a VM, so
// that to ask for it costs as much as there are groups in a namespace, and not VMs.
type usages map[string]map[member]vsphere.Usage

// member is what VMs say of whose they are.
type member struct {
	uid, name, class string
	zoned            bool
}

// usageOf returns what a VM adds to the usage of its group, nothing if it does not count. One that shows nothing of itself is the
// group's that claims it.
func usageOf(owner string, vm *vsphere.VM, claim string) vsphere.GroupUsage {
	switch {
	case vm.Stamp == nil && !vm.Configured && claim != "":
		return vsphere.GroupUsage{UID: claim, Usage: vm.Usage()}
	case !vsphere.CountsForLimits(owner, *vm):
		return vsphere.GroupUsage{}
	}
	s := vm.Stamp
	return vsphere.GroupUsage{UID: s.UID, Namespace: s.Namespace, Name: s.Name, Class: s.Class, Zoned: s.Zone != "", Usage: vm.Usage()}
}

// add adds a usage, n times.
func (us usages) add(u vsphere.GroupUsage, n int) {
	if u.UID == "" {
		return
	}
	of := member{u.UID, u.Name, u.Class, u.Zoned}
	if us[u.Namespace] == nil {
		us[u.Namespace] = map[member]vsphere.Usage{}
	}
	sum := us[u.Namespace][of]
	if n > 0 {
		sum = sum.Plus(u.Usage)
	} else {
		sum = sum.Minus(u.Usage)
	}
	if us[u.Namespace][of] = sum; sum.VMs == 0 {
		delete(us[u.Namespace], of)
	}
	if len(us[u.Namespace]) == 0 {
		delete(us, u.Namespace)
	}
}

// noteRoom notes that a VM has made room: it has less than before, or counts for another namespace, class or group, or no more. after
// is nil once it is gone. inv.mu is held.
func (inv *Inventory) noteRoom(before, after *vsphere.VM, claim string, ch *Changes) {
	was, is := usageOf(inv.owner, before, claim), vsphere.GroupUsage{}
	if after != nil {
		is = usageOf(inv.owner, after, claim)
	}
	moved := was.UID != is.UID || was.Namespace != is.Namespace || was.Class != is.Class
	if was.UID == "" || !moved && was.Minus(is.Usage).Positive() == (vsphere.Usage{}) {
		return
	}
	if ch.Room == nil {
		ch.Room = map[string]bool{}
	}
	ch.Room[was.Namespace] = true
}

// Usage implements operations.Members.
func (inv *Inventory) Usage(namespace string) []vsphere.GroupUsage {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	out := inv.usage.of(namespace)
	if namespace != "" {
		out = append(out, inv.usage.of("")...)
	}
	return out
}

func (us usages) of(namespace string) []vsphere.GroupUsage {
	out := make([]vsphere.GroupUsage, 0, len(us[namespace]))
	for of, usage := range us[namespace] {
		out = append(out, vsphere.GroupUsage{
			UID: of.uid, Namespace: namespace, Name: of.name, Class: of.class, Zoned: of.zoned, Usage: usage,
		})
	}
	return out
}

// Counts implements operations.Members.
func (inv *Inventory) Counts(uid, name string) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.byUID[uid].Any(
		func(vm *vsphere.VM) int { return cmp.Compare(vm.Name, name) },
		func(vm *vsphere.VM) bool { return usageOf(inv.owner, vm, inv.vms[vm.Ref].claim).UID != "" },
	)
}

// Member implements operations.Members.
func (inv *Inventory) Member(vm vsphere.Ref) (class string, has vsphere.Usage, ok bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[vm]
	if r == nil {
		return "", vsphere.Usage{}, false
	}
	u := usageOf(inv.owner, r.vm, r.claim)
	return u.Class, u.Usage, u.UID != ""
}

// IsOff implements operations.Members.
func (inv *Inventory) IsOff(vm vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[vm]
	return r != nil && r.vm.Power == vsphere.PoweredOff
}

package inventory

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Restart prepares for a new collector: every VM has to be reported again, or be verified.
func (inv *Inventory) Restart(layout Layout) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.layout = layout
	inv.clearTree()
	var ch Changes
	for _, r := range inv.vms {
		r.sources, r.disk.read = 0, false
		inv.indexOutsider(r)
		inv.replace(r, *r.vm, r.host, &ch)
	}
}

// Unreported returns the VMs that no filter has reported and that may be ours, to be verified, and deletes the others.
func (inv *Inventory) Unreported() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.vms {
		switch {
		case r.sources != 0:
		case inv.mayBeOurs(r.vm):
			inv.noteAbsence(r)
			refs = append(refs, ref)
		default:
			inv.deleteForeign(r)
		}
	}
	slices.Sort(refs)
	return refs
}

// Update takes over what a filter reports of a VM. whole means that the VM enters the filter: it has no other properties.
func (inv *Inventory) Update(ref vsphere.Ref, from Sources, whole bool, u Update, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.update(ref, from, whole, u, ch)
}

// update is Update with inv.mu held. Of a read, from is 0.
func (inv *Inventory) update(ref vsphere.Ref, from Sources, whole bool, u Update, ch *Changes) {
	r := inv.vms[ref]
	if r == nil {
		r = inv.add(vsphere.VM{Ref: ref})
	}
	inv.absences.Dismiss(ref)
	if whole {
		r.props = Properties{}
	}
	r.props.Apply(u)
	if from != 0 {
		inv.vmsVersion++
		r.version = inv.vmsVersion
		r.sources |= from
		inv.indexOutsider(r)
		if whole || u.Fields&FieldPower != 0 {
			delete(inv.assumedPower, ref)
		}
	}
	vm := r.describe(&r.props)
	if r.props.Configured() {
		r.stamp = r.props.Stamp
	}
	if vm.Stamp != nil && vm.Stamp != r.vm.Stamp {
		shareTexts(&vm, inv.byUID[vm.Stamp.UID].First())
	}
	if !inv.knows(r, &vm, r.props.Host) { // or each renewed lease of an address would wake the group
		inv.replace(r, vm, r.props.Host, ch)
	}
	if r.host != "" && inv.hostNames[r.host] == "" {
		ch.Hosts = append(ch.Hosts, r.host)
	}
	if _, known := inv.pathsOutside[r.vm.Parent]; !known && inv.isOurs(r.vm) && inv.isOutsideTree(r.vm.Parent) {
		ch.Folders = append(ch.Folders, r.vm.Parent)
	}
	inv.addSeen(r.vm, ch)
}

// Leave notes that a filter holds a VM no more. It reports whether the VM has to be verified: no other filter holds it, and
// it may be ours.
func (inv *Inventory) Leave(ref vsphere.Ref, from Sources, ch *Changes) (verify bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil {
		return false
	}
	r.sources &^= from
	inv.indexOutsider(r)
	if r.sources != 0 {
		return false
	}
	if inv.mayBeOurs(r.vm) {
		inv.noteAbsence(r)
		return true
	}
	inv.delete(r, ch)
	return false
}

// Delete takes out a VM that is proven gone.
func (inv *Inventory) Delete(ref vsphere.Ref, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil {
		if inv.isOurs(r.vm) {
			inv.absences.Gone(ref)
		}
		inv.delete(r, ch)
	}
}

// Claim adds VMs that a group remembers and no filter has reported yet, as unreadable ones. One that a filter holds and that
// shows nothing of itself (its name may be visible, or not even that) is claimed too.
func (inv *Inventory) Claim(uid string, refs []vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, ref := range refs {
		r := inv.vms[ref]
		if r == nil {
			r = inv.add(vsphere.VM{Ref: ref, Unreadable: true})
		}
		if !r.vm.Configured && r.claim == "" {
			inv.unindex(r)
			r.claim = uid
			inv.index(r)
		}
	}
}

// Unclaim undoes Claim for VMs of which nothing has become known since.
func (inv *Inventory) Unclaim(refs []vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, ref := range refs {
		if r := inv.vms[ref]; r != nil && r.claim != "" && r.sources == 0 && r.props.Set == 0 {
			inv.deleteForeign(r)
		}
	}
}

// MarkUnreadable marks a VM that no filter holds and that can be neither read nor proven gone.
func (inv *Inventory) MarkUnreadable(ref vsphere.Ref, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil && r.sources == 0 {
		vm := *r.vm
		vm.Unreadable = true
		inv.replace(r, vm, r.host, ch)
	}
}

// Verified takes over all that a read has answered of a VM that no filter holds. One that a filter holds by now stays as it
// is: the filter knows better. One that cannot be ours is of no interest outside the root.
func (inv *Inventory) Verified(ref vsphere.Ref, props Properties, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil && r.sources != 0 {
		inv.addSeen(r.vm, ch)
		return
	}
	inv.update(ref, 0, true, Update{props.Set, props}, ch)
	if r := inv.vms[ref]; !inv.mayBeOurs(r.vm) {
		inv.deleteForeign(r)
	}
}

// Get returns a VM and the filters that hold it.
func (inv *Inventory) Get(ref vsphere.Ref) (vm vsphere.VM, from Sources, ok bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil {
		return vsphere.VM{}, 0, false
	}
	return *r.vm, r.sources, true
}

// Seen adds a VM to what was seen if it is complete: it was reported before the task that made it had ended.
func (inv *Inventory) Seen(ref vsphere.Ref, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil {
		inv.addSeen(r.vm, ch)
	}
}

// Show adds a VM to what has changed, as it is known now: that it has changed may have been told before there was an operation
// that waits for it.
func (inv *Inventory) Show(ref vsphere.Ref, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil {
		ch.Changed = append(ch.Changed, r.vm)
	}
}

// addSeen adds a VM that carries a stamp of ours and is complete enough to end the clone that made it. inv.mu is held.
func (inv *Inventory) addSeen(vm *vsphere.VM, ch *Changes) {
	if vm.Configured && vm.Name != "" && inv.isOurs(vm) {
		ch.Seen = append(ch.Seen, *vm)
	}
}

// OutsideRoot returns the VMs that may be ours and that the root's filter does not hold.
func (inv *Inventory) OutsideRoot() map[vsphere.Ref]bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	refs := make(map[vsphere.Ref]bool, len(inv.outsiders))
	for ref := range inv.outsiders {
		refs[ref] = true
	}
	return refs
}

package inventory

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// add adds a record of a VM. inv.mu is held.
func (inv *Inventory) add(vm vsphere.VM) *record {
	r := &record{vm: &vm}
	inv.vms[vm.Ref] = r
	return r
}

// replace is the one place where what is known of a VM changes. It adds where the VM lies and the name of its host, keeps
// the indexes, and adds the groups that the VM concerns before and after. What is the same stays the same object. inv.mu is
// held.
func (inv *Inventory) replace(r *record, vm vsphere.VM, host vsphere.Ref, ch *Changes) {
	inv.addGroupsOf(r, ch)
	if inv.knows(r, &vm, host) {
		return
	}
	changed := vm // or each VM would be allocated that is the same
	if inv.isOurs(r.vm) || inv.isOurs(&changed) {
		ch.Changed = append(ch.Changed, &changed)
	}
	if r.uid(inv.owner) == uidOf(&changed, r.claim, inv.owner) && r.vm.Parent == vm.Parent && r.vm.Name == vm.Name {
		inv.count(r, -1) // in the lists it keeps its place
	} else {
		inv.unindex(r)
	}
	inv.noteRoom(r.vm, &changed, r.claim, ch)
	r.vm, r.host = &changed, host
	inv.index(r)
	inv.addGroupsOf(r, ch)
}

// knows completes a VM, and reports whether the record says all that already. inv.mu is held.
func (inv *Inventory) knows(r *record, vm *vsphere.VM, host vsphere.Ref) bool {
	inv.complete(vm, host)
	return r.host == host && vsphere.SameVM(r.vm, vm)
}

// complete adds what is known of a VM by its folder and its host. inv.mu is held.
func (inv *Inventory) complete(vm *vsphere.VM, host vsphere.Ref) {
	at := inv.locate(vm.Parent)
	vm.ParentPath, vm.UnderRoot, vm.Host = at.path, at.underRoot, inv.hostNames[host]
}

// delete takes a VM out of the inventory. inv.mu is held.
func (inv *Inventory) delete(r *record, ch *Changes) {
	inv.addGroupsOf(r, ch)
	inv.noteRoom(r.vm, nil, r.claim, ch)
	inv.unindex(r)
	delete(inv.vms, r.vm.Ref)
	delete(inv.assumedPower, r.vm.Ref)
}

// deleteForeign takes out a VM that concerns nobody. inv.mu is held.
func (inv *Inventory) deleteForeign(r *record) {
	inv.absences.Dismiss(r.vm.Ref)
	inv.delete(r, &Changes{})
}

// index adds a record to the indexes. inv.mu is held.
func (inv *Inventory) index(r *record) {
	if uid := r.uid(inv.owner); uid != "" {
		addTo(inv.byUID, uid, r.vm)
	}
	if r.vm.Parent != "" {
		addTo(inv.byParent, r.vm.Parent, r.vm)
	}
	inv.count(r, 1)
	inv.indexOutsider(r)
}

// unindex takes a record out of the indexes. inv.mu is held.
func (inv *Inventory) unindex(r *record) {
	if uid := r.uid(inv.owner); uid != "" {
		removeFrom(inv.byUID, uid, r.vm)
	}
	removeFrom(inv.byParent, r.vm.Parent, r.vm)
	inv.count(r, -1)
	delete(inv.outsiders, r.vm.Ref)
}

// count counts a VM, by n, among those of groups and of hosts. inv.mu is held.
func (inv *Inventory) count(r *record, n int) {
	if uid := r.uid(inv.owner); uid != "" {
		inv.members += n
		if inv.foldersOf[uid] == nil {
			inv.foldersOf[uid] = map[vsphere.Ref]int{}
		}
		if inv.foldersOf[uid][r.vm.Parent] += n; inv.foldersOf[uid][r.vm.Parent] == 0 {
			delete(inv.foldersOf[uid], r.vm.Parent)
		}
		if len(inv.foldersOf[uid]) == 0 {
			delete(inv.foldersOf, uid)
		}
	}
	inv.usage.add(usageOf(inv.owner, r.vm, r.claim), n)
	if r.host != "" && inv.isOurs(r.vm) {
		if inv.onHost[r.host] += n; inv.onHost[r.host] == 0 {
			delete(inv.onHost, r.host)
		}
	}
}

// indexOutsider keeps the index of the VMs that may be ours and that the root's filter does not hold. inv.mu is held.
func (inv *Inventory) indexOutsider(r *record) {
	if r.sources&FromRoot == 0 && r.uid(inv.owner) != "" {
		inv.outsiders[r.vm.Ref] = r
	} else {
		delete(inv.outsiders, r.vm.Ref)
	}
}

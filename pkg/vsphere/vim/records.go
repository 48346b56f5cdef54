package vim

import (
	"cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// vmList is the VMs of a group, or those in a folder, by name and reference.
type vmList = operations.Sorted[*vsphere.VM]

func compareVMs(a, b *vsphere.VM) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
}

// add adds a record of a VM. inv.mu is held.
func (inv *inventory) add(vm vsphere.VM) *record {
	r := &record{vm: &vm, props: properties{}}
	inv.vms[vm.Ref] = r
	return r
}

// replace is the one place where what is known of a VM changes. It adds where the VM lies and the name of its host, keeps
// the indexes, and notes whom the VM concerns before and after. What is the same stays the same object. inv.mu is held.
func (inv *inventory) replace(r *record, vm vsphere.VM, host vsphere.Ref, t *touched) {
	inv.touch(*r.vm, t)
	inv.complete(&vm, host)
	if *r.vm == vm && r.host == host {
		return
	}
	changed := vm // or each VM would be allocated that is the same
	next := record{vm: &changed, claim: r.claim}
	if r.uid(inv.owner) == next.uid(inv.owner) && r.vm.Parent == vm.Parent && r.vm.Name == vm.Name {
		inv.count(r, -1) // in the lists it keeps its place
	} else {
		inv.unlink(r)
	}
	r.vm, r.host = next.vm, host
	inv.link(r)
	inv.touch(vm, t)
}

// complete adds what is known of a VM by its folder and its host. inv.mu is held.
func (inv *inventory) complete(vm *vsphere.VM, host vsphere.Ref) {
	at := inv.locate(vm.Parent)
	vm.ParentPath, vm.UnderRoot, vm.Host = at.path, at.inside, inv.hosts[host]
}

// differs reports whether properties say anything else of a VM than is known. inv.mu is held.
func (inv *inventory) differs(r *record, props properties) bool {
	vm, host := props.vmAfter(r.stamp, r.vm), props.ref(propHost)
	inv.complete(&vm, host)
	return *r.vm != vm || r.host != host
}

// discard takes a VM out of the inventory. inv.mu is held.
func (inv *inventory) discard(r *record, t *touched) {
	inv.touch(*r.vm, t)
	inv.unlink(r)
	delete(inv.vms, r.vm.Ref)
	delete(inv.assumed, r.vm.Ref)
}

// link and unlink keep the indexes. inv.mu is held.
func (inv *inventory) link(r *record) {
	if uid := r.uid(inv.owner); uid != "" {
		addTo(inv.byUID, uid, r.vm)
	}
	if r.vm.Parent != "" {
		addTo(inv.byParent, r.vm.Parent, r.vm)
	}
	inv.count(r, 1)
	inv.cover(r)
}

func (inv *inventory) unlink(r *record) {
	if uid := r.uid(inv.owner); uid != "" {
		removeFrom(inv.byUID, uid, r.vm)
	}
	removeFrom(inv.byParent, r.vm.Parent, r.vm)
	inv.count(r, -1)
	delete(inv.outsiders, r.vm.Ref)
}

// count counts a VM, by n, among those of groups and of hosts. inv.mu is held.
func (inv *inventory) count(r *record, n int) {
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
	if r.host != "" && inv.isOurs(*r.vm) {
		if inv.onHost[r.host] += n; inv.onHost[r.host] == 0 {
			delete(inv.onHost, r.host)
		}
	}
}

// cover notes whether a VM that may be ours is held by the root's view. inv.mu is held.
func (inv *inventory) cover(r *record) {
	if r.sources&fromRoot == 0 && r.uid(inv.owner) != "" {
		inv.outsiders[r.vm.Ref] = r
	} else {
		delete(inv.outsiders, r.vm.Ref)
	}
}

func addTo[K comparable](index map[K]*vmList, key K, vm *vsphere.VM) {
	if index[key] == nil {
		index[key] = operations.NewSorted(compareVMs)
	}
	index[key].Put(vm)
}

func removeFrom[K comparable](index map[K]*vmList, key K, vm *vsphere.VM) {
	list := index[key]
	if list == nil {
		return
	}
	if list.Remove(vm); list.Len() == 0 {
		delete(index, key)
	}
}

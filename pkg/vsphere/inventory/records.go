package inventory

import (
	"cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/tracker"
)

// Sources are the filters that hold a VM.
type Sources uint8

// The filters that report VMs.
const (
	FromRoot    Sources = 1 << iota // the VMs below the root folder
	FromOutside                     // the VMs of ours elsewhere
)

// record is one VM, as last seen.
type record struct {
	// vm is what snapshots hand out: it is replaced, and never changes.
	vm      *vsphere.VM
	props   Properties
	stamp   string // that vm.Stamp was read from
	host    vsphere.Ref
	sources Sources
	// version is Inventory.vmsVersion of the last report of a filter.
	version uint64
	// claim is the UID of the group that remembers a VM which could not be read yet. A stamp overrules it.
	claim string
}

// uid returns the UID of the group that the VM is to be found by: by its stamp, or by a claim while it has none to show.
func (r *record) uid(owner string) string { return uidOf(r.vm, r.claim, owner) }

func uidOf(vm *vsphere.VM, claim, owner string) string {
	if s := vm.Stamp; s != nil && s.Owner == owner {
		return s.UID
	}
	if !vm.Configured {
		return claim
	}
	return ""
}

// describe returns the VM that properties describe. A stamp that is stored as the last one is not parsed again, and shared.
func (r *record) describe(props *Properties) vsphere.VM {
	if r.vm.Stamp != nil && props.Stamp == r.stamp {
		return props.describe(r.vm.Ref, r.vm, r.vm.Stamp)
	}
	return props.VM(r.vm.Ref, *r.vm)
}

// vmList is the VMs of a group, or those in a folder, by name and reference.
type vmList = tracker.Sorted[*vsphere.VM]

func compareVMs(a, b *vsphere.VM) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
}

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
	inv.complete(&vm, host)
	if *r.vm == vm && r.host == host {
		return
	}
	changed := vm // or each VM would be allocated that is the same
	if r.uid(inv.owner) == uidOf(&changed, r.claim, inv.owner) && r.vm.Parent == vm.Parent && r.vm.Name == vm.Name {
		inv.count(r, -1) // in the lists it keeps its place
	} else {
		inv.unindex(r)
	}
	r.vm, r.host = &changed, host
	inv.index(r)
	inv.addGroupsOf(r, ch)
}

// complete adds what is known of a VM by its folder and its host. inv.mu is held.
func (inv *Inventory) complete(vm *vsphere.VM, host vsphere.Ref) {
	at := inv.locate(vm.Parent)
	vm.ParentPath, vm.UnderRoot, vm.Host = at.path, at.underRoot, inv.hostNames[host]
}

// delete takes a VM out of the inventory. inv.mu is held.
func (inv *Inventory) delete(r *record, ch *Changes) {
	inv.addGroupsOf(r, ch)
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

func addTo[K comparable](index map[K]*vmList, key K, vm *vsphere.VM) {
	if index[key] == nil {
		index[key] = tracker.NewSorted(compareVMs)
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

package inventory

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
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
	disk    disk
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
// So are addresses that have not changed, by the properties too: what is told again is in memory once.
func (r *record) describe(props *Properties) vsphere.VM {
	if slices.Equal(props.IPs, r.vm.IPs) {
		props.IPs = r.vm.IPs
	}
	var vm vsphere.VM
	if r.vm.Stamp != nil && props.Stamp == r.stamp {
		vm = props.describe(r.vm.Ref, r.vm, r.vm.Stamp)
	} else {
		vm = props.VM(r.vm.Ref, *r.vm)
	}
	vm.DiskBytes = r.disk.bytes
	return vm
}

// shareTexts has a stamp that was just read say what its VM and another VM of its group say already by their texts, so that
// each is in memory once. sibling may be nil.
func shareTexts(vm, sibling *vsphere.VM) {
	share(&vm.Stamp.Instance, vm.InstanceUUID)
	if sibling == nil || sibling.Stamp == nil {
		return
	}
	s, known := vm.Stamp, sibling.Stamp
	share(&s.Owner, known.Owner)
	share(&s.UID, known.UID)
	share(&s.Namespace, known.Namespace)
	share(&s.Name, known.Name)
	share(&s.Revision, known.Revision)
	share(&s.Template, known.Template)
	share(&s.Class, known.Class)
}

// share replaces a text by one that says the same.
func share(text *string, known string) {
	if *text == known {
		*text = known
	}
}

// vmList is the VMs of a group, or those in a folder, by name and reference.
type vmList = operations.Sorted[*vsphere.VM]

func compareVMs(a, b *vsphere.VM) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
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

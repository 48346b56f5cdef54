package inventory

import (
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/tracker"
)

// Layout says where the folders of ours are in a datacenter.
type Layout struct {
	// VMFolder is the datacenter's VM folder, VMFolderPath the names of its inventory path.
	VMFolder     vsphere.Ref
	VMFolderPath []string
	// Root and Templates are the names that lead from the VM folder to the root folder and to the template folder, if one
	// is set.
	Root, Templates []string
}

// Inventory is what is known of a vCenter's datacenter: all folders, all VMs below the root, those of ours that lie
// elsewhere, and the templates. All methods may be called concurrently.
type Inventory struct {
	owner string

	mu     sync.Mutex
	layout Layout
	root   vsphere.Ref // the root folder, empty while it does not exist

	vms      map[vsphere.Ref]*record
	byUID    map[string]*vmList // by the UID in a stamp of our owner
	byParent map[vsphere.Ref]*vmList
	// foldersOf is in which folders the VMs of a group lie, by its UID, and how many in each; members is how many VMs groups
	// have.
	foldersOf map[string]map[vsphere.Ref]int
	members   int
	// outsiders are the VMs that may be ours and that the root's filter does not hold.
	outsiders map[vsphere.Ref]*record
	// assumedPower are the VMs whose power state only a task of ours has told, and since when.
	assumedPower map[vsphere.Ref]time.Time
	folders      map[vsphere.Ref]folder
	byName       map[childKey]vsphere.Ref
	children     map[vsphere.Ref]map[vsphere.Ref]bool // the folders and vApps in a folder
	// locations are where folders are, as far as somebody has asked since the tree has changed.
	locations map[vsphere.Ref]location
	// unconfirmed are folders that we have made and no filter has reported yet, and since when.
	unconfirmed map[vsphere.Ref]time.Time
	templates   map[vsphere.Ref]Properties
	hostNames   map[vsphere.Ref]string
	onHost      map[vsphere.Ref]int // how many VMs of ours are on a host
	placement   placement
	// pathsOutside are the paths of folders outside the tree that hold VMs of ours, empty where they cannot be read.
	pathsOutside map[vsphere.Ref]string
	// vmsVersion counts the reports of filters on VMs, treeVersion what has become known of folders and templates.
	vmsVersion, treeVersion uint64
	// absences are the VMs of ours that have left the filters other than by our own hand.
	absences *tracker.Absences
}

// New returns an empty inventory for the VMs of an owner.
func New(owner string, clock clock.PassiveClock) *Inventory {
	inv := &Inventory{owner: owner, absences: tracker.NewAbsences(clock)}
	inv.Clear()
	return inv
}

// Clear empties the inventory: another vCenter answers, whose references mean something else.
func (inv *Inventory) Clear() {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.vms = map[vsphere.Ref]*record{}
	inv.byUID = map[string]*vmList{}
	inv.byParent = map[vsphere.Ref]*vmList{}
	inv.foldersOf, inv.members = map[string]map[vsphere.Ref]int{}, 0
	inv.outsiders = map[vsphere.Ref]*record{}
	inv.assumedPower = map[vsphere.Ref]time.Time{}
	inv.hostNames = map[vsphere.Ref]string{}
	inv.onHost = map[vsphere.Ref]int{}
	inv.pathsOutside = map[vsphere.Ref]string{}
	inv.placement = placement{}
	inv.absences.Reset()
	inv.clearTree()
}

// clearTree drops what the first update set of a new collector tells anew. inv.mu is held.
func (inv *Inventory) clearTree() {
	inv.root = ""
	inv.folders = map[vsphere.Ref]folder{}
	inv.byName = map[childKey]vsphere.Ref{}
	inv.children = map[vsphere.Ref]map[vsphere.Ref]bool{}
	inv.locations = map[vsphere.Ref]location{}
	inv.unconfirmed = map[vsphere.Ref]time.Time{}
	inv.templates = map[vsphere.Ref]Properties{}
}

// Restart prepares for a new collector: every VM has to be reported again, or be verified.
func (inv *Inventory) Restart(layout Layout) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.layout = layout
	inv.clearTree()
	var ch Changes
	for _, r := range inv.vms {
		r.sources = 0
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
	inv.replace(r, vm, r.props.Host, ch)
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

// mayBeOurs reports whether a VM carries a stamp of ours, or could: its configuration is not known yet.
func (inv *Inventory) mayBeOurs(vm *vsphere.VM) bool { return !vm.Configured || inv.isOurs(vm) }

// isOurs reports whether a VM carries a stamp of ours.
func (inv *Inventory) isOurs(vm *vsphere.VM) bool {
	return vm.Stamp != nil && vm.Stamp.Owner == inv.owner
}

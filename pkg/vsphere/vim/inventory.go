package vim

import (
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// source is a filter that holds a VM. A VM can be in several.
type source uint8

const (
	fromRoot    source = 1 << iota // below the root folder
	fromOutside                    // ours, elsewhere
)

// record is one VM, as last seen.
type record struct {
	// vm is what snapshots hand out: it is replaced, and never changes.
	vm      *vsphere.VM
	props   properties
	stamp   string // that vm.Stamp was read from
	host    vsphere.Ref
	sources source
	// reported is when a filter has reported on the VM last, see inventory.reports.
	reported uint64
	// claim is the UID of the group that remembers a VM which could not be read yet. A stamp overrules it.
	claim string
}

// uid returns the UID of the group that the VM is to be found by: by its stamp, or by a claim while it has none to show.
func (r *record) uid(owner string) string {
	if s := r.vm.Stamp; s != nil && s.Owner == owner {
		return s.UID
	}
	if !r.vm.Configured {
		return r.claim
	}
	return ""
}

// folderRecord is one folder, or one vApp, which counts as a child only.
type folderRecord struct {
	name   string
	parent vsphere.Ref
	vApp   bool
}

// childKey finds a folder by name. Names are unique within a folder.
type childKey struct {
	parent vsphere.Ref
	name   string
}

// inventory is what is known of the datacenter: all folders, all VMs below the root, those of ours that lie elsewhere,
// and the templates. It is fed by the watch and by single reads, and it survives the connection: a VM of ours leaves it
// only when it is proven gone.
//
// All methods may be called concurrently.
type inventory struct {
	owner string

	mu sync.Mutex
	// top is the datacenter's VM folder, topPath the names of its inventory path.
	top     vsphere.Ref
	topPath []string
	// root is the root folder, empty while it does not exist. rootNames lead to it from top, and templateNames to the
	// template folder.
	root                     vsphere.Ref
	rootNames, templateNames []string

	vms      map[vsphere.Ref]*record
	byUID    map[string]*vmList // by the UID in a stamp of our owner
	byParent map[vsphere.Ref]*vmList
	// foldersOf is in which folders the VMs of a group lie, by its UID, and how many in each; members is how many VMs groups
	// have.
	foldersOf map[string]map[vsphere.Ref]int
	members   int
	// outsiders are the VMs that may be ours and that the root's view does not hold.
	outsiders map[vsphere.Ref]*record
	// assumed are the VMs whose power state only a task of ours has told of, and since when.
	assumed  map[vsphere.Ref]time.Time
	folders  map[vsphere.Ref]folderRecord
	byName   map[childKey]vsphere.Ref
	children map[vsphere.Ref]map[vsphere.Ref]bool // the folders and vApps in a folder
	// locations are where folders are, as far as somebody has asked since the tree has changed.
	locations map[vsphere.Ref]location
	// unconfirmed are folders that we have made and the watch has not reported yet, and since when.
	unconfirmed map[vsphere.Ref]time.Time
	templates   map[vsphere.Ref]properties
	hosts       map[vsphere.Ref]string
	onHost      map[vsphere.Ref]int // how many VMs of ours are on a host
	fleet       fleet
	// distant are the paths of folders that hold VMs of ours and are not in the tree, empty where it cannot be read.
	distant map[vsphere.Ref]string
	// reports counts the reports of filters on VMs, as a clock for what is older than what.
	reports uint64
	// newsAround counts what has become known of folders and templates, for the same purpose.
	newsAround uint64
	// absences are the VMs of ours that have left the view other than by our own hand.
	absences *operations.Absences
}

func newInventory(owner string, clock clock.PassiveClock) *inventory {
	inv := &inventory{owner: owner, absences: operations.NewAbsences(clock)}
	inv.clear()
	return inv
}

// clear forgets everything: another vCenter answers, whose references mean something else.
func (inv *inventory) clear() {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.vms = map[vsphere.Ref]*record{}
	inv.byUID = map[string]*vmList{}
	inv.byParent = map[vsphere.Ref]*vmList{}
	inv.foldersOf, inv.members = map[string]map[vsphere.Ref]int{}, 0
	inv.outsiders = map[vsphere.Ref]*record{}
	inv.assumed = map[vsphere.Ref]time.Time{}
	inv.hosts = map[vsphere.Ref]string{}
	inv.onHost = map[vsphere.Ref]int{}
	inv.distant = map[vsphere.Ref]string{}
	inv.fleet = newFleet(placement{})
	inv.absences.Reset()
	inv.resetFolders()
}

// resetFolders forgets what the first update set of a new collector says anew. inv.mu is held.
func (inv *inventory) resetFolders() {
	inv.root = ""
	inv.folders = map[vsphere.Ref]folderRecord{}
	inv.byName = map[childKey]vsphere.Ref{}
	inv.children = map[vsphere.Ref]map[vsphere.Ref]bool{}
	inv.locations = map[vsphere.Ref]location{}
	inv.unconfirmed = map[vsphere.Ref]time.Time{}
	inv.templates = map[vsphere.Ref]properties{}
}

// restart prepares for a new collector: every VM has to be reported again, or be verified.
func (inv *inventory) restart(site site) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.top, inv.topPath = vsphere.Ref(site.vmFolder.Value), site.vmFolderPath
	inv.rootNames, inv.templateNames = site.root, site.templates
	inv.resetFolders()
	var t touched
	for _, r := range inv.vms {
		r.sources = 0
		inv.cover(r)
		inv.replace(r, *r.vm, r.host, &t)
	}
}

// unreported returns the VMs that no filter has reported and that may be ours, and forgets the others.
func (inv *inventory) unreported() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.vms {
		switch {
		case r.sources != 0:
		case inv.mayBeOurs(*r.vm):
			inv.left(r)
			refs = append(refs, ref)
		default:
			inv.drop(r)
		}
	}
	slices.Sort(refs)
	return refs
}

// update notes what a filter or a read says of a VM. An entering VM is described whole; from is 0 for a read.
func (inv *inventory) update(ref vsphere.Ref, from source, whole bool, changes []types.PropertyChange, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.note(ref, from, whole, changes, t)
}

// note is update with inv.mu held.
func (inv *inventory) note(ref vsphere.Ref, from source, whole bool, changes []types.PropertyChange, t *touched) {
	r := inv.vms[ref]
	if r == nil {
		r = inv.add(vsphere.VM{Ref: ref})
	}
	inv.absences.Dismiss(ref)
	if whole {
		r.props = properties{}
	}
	r.props.apply(changes)
	if from != 0 {
		inv.reports++
		r.reported = inv.reports
		r.sources |= from
		inv.cover(r)
		if whole || slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == propPower }) {
			delete(inv.assumed, ref)
		}
	}
	vm := r.props.vmAfter(r.stamp, r.vm)
	if r.props.configured() {
		r.stamp = r.props.stampText()
	}
	inv.replace(r, vm, r.props.ref(propHost), t)
	if r.host != "" && inv.hosts[r.host] == "" {
		t.hosts = append(t.hosts, r.host)
	}
	if _, known := inv.distant[r.vm.Parent]; !known && inv.isOurs(*r.vm) && inv.isDistant(r.vm.Parent) {
		t.places = append(t.places, r.vm.Parent)
	}
	if inv.isSeen(*r.vm) {
		t.seen = append(t.seen, *r.vm)
	}
}

// leave notes that a filter holds a VM no more, and tells whether it has to be verified: no other filter holds it, and
// it may be ours.
func (inv *inventory) leave(ref vsphere.Ref, from source, t *touched) (verify bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil {
		return false
	}
	r.sources &^= from
	inv.cover(r)
	if r.sources != 0 {
		return false
	}
	if inv.mayBeOurs(*r.vm) {
		inv.left(r)
		return true
	}
	inv.discard(r, t)
	return false
}

// remove forgets a VM that is proven gone.
func (inv *inventory) remove(ref vsphere.Ref, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil {
		if inv.isOurs(*r.vm) {
			inv.absences.Gone(ref)
		}
		inv.discard(r, t)
	}
}

// remember adds VMs that a group remembers and nobody has seen yet, as unreadable ones. One that a filter holds and that
// shows nothing of itself (its name may be visible, or not even that) is claimed too.
func (inv *inventory) remember(uid string, refs []vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, ref := range refs {
		r := inv.vms[ref]
		if r == nil {
			r = inv.add(vsphere.VM{Ref: ref, Unreadable: true})
		}
		if !r.vm.Configured && r.claim == "" {
			inv.unlink(r)
			r.claim = uid
			inv.link(r)
		}
	}
}

// forget undoes remember for VMs that nobody has seen since.
func (inv *inventory) forget(refs []vsphere.Ref) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, ref := range refs {
		if r := inv.vms[ref]; r != nil && r.claim != "" && r.sources == 0 && len(r.props) == 0 {
			inv.drop(r)
		}
	}
}

// unreadable marks a VM that left the view and can be neither read nor proven gone.
func (inv *inventory) unreadable(ref vsphere.Ref, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil && r.sources == 0 {
		vm := *r.vm
		vm.Unreadable = true
		inv.replace(r, vm, r.host, t)
	}
}

// get returns a VM.
func (inv *inventory) get(ref vsphere.Ref) (vm vsphere.VM, from source, ok bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil {
		return vsphere.VM{}, 0, false
	}
	return *r.vm, r.sources, true
}

// setHosts notes the names of hosts.
func (inv *inventory) setHosts(names map[vsphere.Ref]string, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.nameHosts(names, t)
}

// nameHosts is setHosts with inv.mu held.
func (inv *inventory) nameHosts(names map[vsphere.Ref]string, t *touched) {
	news := map[vsphere.Ref]bool{}
	for ref, name := range names {
		news[ref] = inv.hosts[ref] != name
		inv.hosts[ref] = name
	}
	for _, r := range inv.vms {
		if news[r.host] {
			inv.replace(r, *r.vm, r.host, t)
		}
	}
}

// drop forgets a VM that concerns nobody. inv.mu is held.
func (inv *inventory) drop(r *record) {
	inv.absences.Dismiss(r.vm.Ref)
	inv.discard(r, &touched{})
}

// touch notes the groups that a VM concerns: the one in its stamp, and the one whose folder it lies in.
func (inv *inventory) touch(vm vsphere.VM, t *touched) {
	if inv.isOurs(vm) {
		t.group(vsphere.GroupID{UID: vm.Stamp.UID})
	}
	if g, ok := inv.groupOf(vm.Parent); ok {
		t.group(g)
	}
}

// touched collects what a set of updates brings about: whom to notify, and what to look up.
type touched struct {
	groups map[vsphere.GroupID]bool
	all    bool
	// seen are the VMs with a stamp of ours that were described.
	seen  []vsphere.VM
	hosts []vsphere.Ref
	// places are folders outside the tree that hold VMs of ours.
	places []vsphere.Ref
}

func (t *touched) group(g vsphere.GroupID) {
	if t.groups == nil {
		t.groups = map[vsphere.GroupID]bool{}
	}
	t.groups[g] = true
}

// outside returns the VMs with a stamp of ours that the root's view does not hold.
func (inv *inventory) outside() map[vsphere.Ref]bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	refs := map[vsphere.Ref]bool{}
	for ref := range inv.outsiders {
		refs[ref] = true
	}
	return refs
}

// found takes over what a read has answered of a VM that no filter holds. One that a filter holds by now is left as it
// is: the filter knows better. One that cannot be ours is of no interest outside the root.
func (inv *inventory) found(ref vsphere.Ref, props properties, t *touched) {
	if vm, from, ok := inv.get(ref); ok && from != 0 {
		if inv.isSeen(vm) {
			t.seen = append(t.seen, vm)
		}
		return
	}
	inv.update(ref, 0, true, object{props: props}.changes(), t)
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if r := inv.vms[ref]; r != nil && r.sources == 0 && !inv.mayBeOurs(*r.vm) {
		inv.drop(r)
	}
}

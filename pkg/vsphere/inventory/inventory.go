package inventory

import (
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// Layout says where the folders of ours are in a datacenter.
type Layout struct {
	// VMFolder is the datacenter's VM folder, VMFolderPath the names of its inventory path.
	VMFolder     vsphere.Ref
	VMFolderPath []string
	// Root are the names that lead from the VM folder to the root folder.
	Root []string
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
	templates   map[vsphere.Ref]Properties // the VMs below the template folders
	// doubted are those of which a read has answered something else than the filter, and when.
	doubted   map[vsphere.Ref]time.Time
	hostNames map[vsphere.Ref]string
	usage     usages                   // what the VMs of ours have
	onHost    map[vsphere.Ref]int      // how many VMs of ours are on a host
	classes   map[string]vsphere.Offer // what they come to, by name
	// pathsOutside are the paths of folders outside the tree that hold VMs of ours, empty where they cannot be read.
	pathsOutside map[vsphere.Ref]string
	// vmsVersion counts the reports of filters on VMs, treeVersion what has become known of folders and templates.
	vmsVersion, treeVersion uint64
	// diskReads counts the reads of disks.
	diskReads uint64
	// absences are the VMs of ours that have left the filters other than by our own hand.
	absences *operations.Absences
}

// New returns an empty inventory for the VMs of an owner.
func New(owner string, clock clock.PassiveClock) *Inventory {
	inv := &Inventory{owner: owner, absences: operations.NewAbsences(clock)}
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
	inv.usage = usages{}
	inv.pathsOutside = map[vsphere.Ref]string{}
	inv.classes = nil
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
	inv.doubted = map[vsphere.Ref]time.Time{}
}

// mayBeOurs reports whether a VM carries a stamp of ours, or could: its configuration is not known yet.
func (inv *Inventory) mayBeOurs(vm *vsphere.VM) bool { return !vm.Configured || inv.isOurs(vm) }

// isOurs reports whether a VM carries a stamp of ours.
func (inv *Inventory) isOurs(vm *vsphere.VM) bool {
	return vm.Stamp != nil && vm.Stamp.Owner == inv.owner
}

package vim

import (
	"slices"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// readRetry is how soon a read is tried again that vCenter did not answer; it doubles up to readRetryMax.
	readRetry    = time.Second
	readRetryMax = time.Minute
)

// readQueue holds what is to be read because of an update set. It is read beside the watch, so that the watch goes on.
type readQueue struct {
	mu      sync.Mutex
	vms     map[vsphere.Ref]bool // VMs that have left all filters
	hosts   map[vsphere.Ref]bool // hosts whose name is not known
	folders map[vsphere.Ref]bool // folders with VMs of ours whose path is not known
	disks   map[vsphere.Ref]bool // VMs whose disks somebody has asked for, or whose disks have changed
	// rechecks counts the rechecks since something new came up.
	rechecks int
	kick     chan struct{}
}

func newReadQueue() *readQueue {
	return &readQueue{
		vms: map[vsphere.Ref]bool{}, hosts: map[vsphere.Ref]bool{}, folders: map[vsphere.Ref]bool{},
		disks: map[vsphere.Ref]bool{}, kick: make(chan struct{}, 1),
	}
}

func (q *readQueue) addVMs(refs ...vsphere.Ref) { q.add(q.vms, refs) }

func (q *readQueue) addHosts(refs ...vsphere.Ref) { q.add(q.hosts, refs) }

func (q *readQueue) addFolders(refs ...vsphere.Ref) { q.add(q.folders, refs) }

func (q *readQueue) addDisks(refs ...vsphere.Ref) { q.add(q.disks, refs) }

func (q *readQueue) add(set map[vsphere.Ref]bool, refs []vsphere.Ref) {
	if len(refs) == 0 {
		return
	}
	q.put(set, refs)
	q.wake()
}

// put is add, and wakes nobody: what could not be read is read again after a while.
func (q *readQueue) put(set map[vsphere.Ref]bool, refs []vsphere.Ref) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ref := range refs {
		set[ref] = true
	}
	q.rechecks = 0
}

func (q *readQueue) wake() {
	select {
	case q.kick <- struct{}{}:
	default: // it is awake already
	}
}

// take empties one of the sets.
func (q *readQueue) take(set map[vsphere.Ref]bool) []vsphere.Ref {
	q.mu.Lock()
	defer q.mu.Unlock()
	refs := make([]vsphere.Ref, 0, len(set))
	for ref := range set {
		refs = append(refs, ref)
	}
	clear(set)
	slices.Sort(refs)
	return refs
}

package inventory

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// disk is what is known of the first disk of a VM. No filter reports it: it is read on demand, and then kept up to date. So it
// outlives what filters say, and connections.
type disk struct {
	bytes int64  // see vsphere.VM
	read  bool   // somebody has asked for it, and it was read on this connection, be it shown or not
	due   bool   // it has changed since it was read
	asked uint64 // the number of the read that this is from, see AskDisks; of one that has begun before, nothing is taken
}

// known reports whether somebody has asked for the disk: from then on it is kept up to date.
func (d disk) known() bool { return d.read || d.bytes != 0 }

// AskDisks returns the number of a read of disks that is about to begin, to be passed to SetDisk.
func (inv *Inventory) AskDisks() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.diskReads++
	return inv.diskReads
}

// SetDisk takes over the size of a VM's first disk. One that was not shown stays as it was known.
func (inv *Inventory) SetDisk(ref vsphere.Ref, bytes int64, shown bool, asked uint64, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil || r.disk.asked > asked {
		return
	}
	if !r.disk.read {
		inv.addGroupsOf(r, ch) // they wait for it, also for the answer that it cannot be told
	}
	r.disk.read, r.disk.due, r.disk.asked = true, false, asked
	if shown && r.disk.bytes != bytes {
		r.disk.bytes = bytes
		vm := *r.vm
		vm.DiskBytes = bytes
		inv.replace(r, vm, r.host, ch)
	}
}

// DiskChanged notes that a VM's disk may have another size than was read, or is being read just now. It returns false if nobody
// has asked for that disk.
func (inv *Inventory) DiskChanged(ref vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil || !r.disk.known() {
		return false
	}
	inv.diskReads++
	r.disk.due, r.disk.asked = true, inv.diskReads
	return true
}

// UnreadDisks returns those of some VMs whose disks are to be read: they are not known, or have changed.
func (inv *Inventory) UnreadDisks(refs []vsphere.Ref) []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var unread []vsphere.Ref
	for _, ref := range refs {
		if r := inv.vms[ref]; r != nil && (r.disk.due || !r.disk.known()) {
			unread = append(unread, ref)
		}
	}
	return unread
}

// HasDisk reports whether somebody has asked for a VM's disk.
func (inv *Inventory) HasDisk(ref vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	return r != nil && r.disk.known()
}

// Disks returns the VMs whose disks somebody has asked for.
func (inv *Inventory) Disks() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.vms {
		if r.disk.known() {
			refs = append(refs, ref)
		}
	}
	return refs
}

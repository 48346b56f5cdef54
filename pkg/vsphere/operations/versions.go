package operations

import (
	"slices"
	"sync"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Versions numbers snapshots: the version of a group's snapshot moves when it says anything else than the one before, and only
// then. No version is used twice. It is safe for concurrent use.
type Versions struct {
	mu    sync.Mutex
	count uint64
	last  map[vsphere.GroupID]vsphere.Snapshot
}

// NewVersions returns one that has seen no snapshot yet.
func NewVersions() *Versions { return &Versions{last: map[vsphere.GroupID]vsphere.Snapshot{}} }

// Number returns a snapshot of a group with its version: the one before, if that says the same.
func (v *Versions) Number(g vsphere.GroupID, s vsphere.Snapshot) vsphere.Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	if last, ok := v.last[g]; ok && sameSnapshot(last, s) {
		return last
	}
	v.count++
	s.Version = v.count
	v.last[g] = s
	return s
}

// Forget drops the snapshot of a group that exists no more.
func (v *Versions) Forget(g vsphere.GroupID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.last, g)
}

// sameSnapshot reports whether two snapshots say the same. What they share is not looked into: adapters that replace only the
// VMs that change hand out the same pointers.
func sameSnapshot(a, b vsphere.Snapshot) bool {
	return a.VCenter == b.VCenter && a.Owner == b.Owner && a.RootExists == b.RootExists && a.Path == b.Path &&
		a.ClonesToCome == b.ClonesToCome && sameDisappearance(a.Disappearance, b.Disappearance) &&
		a.Swept == b.Swept && vsphere.SameError(a.SweepErr, b.SweepErr) && vsphere.SameError(a.NotApart, b.NotApart) && a.Released == b.Released &&
		sameSlice(a.Folders, b.Folders) && slices.EqualFunc(a.Zones, b.Zones, vsphere.SameZone) && slices.EqualFunc(a.Networks, b.Networks, vsphere.SameNetwork) &&
		sameSlice(a.Operations, b.Operations) && sameSlice(a.Failures, b.Failures) && sameSlice(a.PowerOns, b.PowerOns) &&
		slices.EqualFunc(a.VMs, b.VMs, vsphere.SameVM)
}

func sameDisappearance(a, b *vsphere.Disappearance) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func sameSlice[T comparable](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

package invariants

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// checkDisks is I15, before a VM changes. A disk that was detached meanwhile is another one, if there is one of its key again.
func (s *state) checkDisks(v *vm, now control.VM) {
	for i, key := range now.Disks {
		was := slices.Index(v.Disks, key)
		if was >= 0 && now.DiskKiB[i] < v.DiskKiB[was] {
			s.breach("I15", nil, "disk %d of %s had %d KiB, and has %d", key, v.label(), v.DiskKiB[was], now.DiskKiB[i])
		}
	}
}

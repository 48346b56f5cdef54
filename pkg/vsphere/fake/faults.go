package fake

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Fault makes calls of a client fail.
type Fault struct {
	Method Method
	// Target is the name or MoRef of a VM, or the path of a folder; empty is any.
	Target string
	// Times is how many calls fail; 0 is one.
	Times int
	// Err is what happens. It may be nil if Lost is true.
	Err *vsphere.Error
	// Task lets the request be taken, and its task fail.
	Task bool
	// Lost lets the request have its effect, and its answer be lost. Without it, an Err of ClassUnknown is a request that
	// never arrived.
	Lost bool
}

// Inject adds a fault. Faults are tried in the order they were added, and one call meets one at most.
func (v *VCenter) Inject(f Fault) {
	if f.Err == nil && !f.Lost {
		panic("fake: a fault without an error")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f.Times = max(f.Times, 1)
	v.faults = append(v.faults, &f)
}

// ClearFaults removes all faults.
func (v *VCenter) ClearFaults() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = nil
}

// fault uses up one fault for a call, if one fits.
func (v *VCenter) fault(method Method, targets ...string) (Fault, bool) {
	for i, f := range v.faults {
		if f.Method != method || (f.Target != "" && !slices.Contains(targets, f.Target)) {
			continue
		}
		if f.Times--; f.Times == 0 {
			v.faults = slices.Delete(v.faults, i, i+1)
		}
		return *f, true
	}
	return Fault{}, false
}

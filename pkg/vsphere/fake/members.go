package fake

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// members are the VMs that a client knows, as limits of classes count them. The vCenter's lock is held whenever the tracker is called.
type members struct{ *Client }

var _ operations.Members = members{}

// Usage implements operations.Members.
func (ms members) Usage(namespace string) []vsphere.GroupUsage {
	var out []vsphere.GroupUsage
	for ref := range ms.known {
		if u, ok := ms.usage(ref); ok && (u.Namespace == namespace || u.Namespace == "") {
			out = append(out, u)
		}
	}
	return out
}

// Counts implements operations.Members.
func (ms members) Counts(uid, name string) bool {
	for ref := range ms.known {
		if u, ok := ms.usage(ref); ok && u.UID == uid && ms.vc.machines[ref].Name == name {
			return true
		}
	}
	return false
}

// Member implements operations.Members.
func (ms members) Member(vm vsphere.Ref) (class string, has vsphere.Usage, ok bool) {
	u, ok := ms.usage(vm)
	return u.Class, u.Usage, ok
}

// IsOff implements operations.Members.
func (ms members) IsOff(vm vsphere.Ref) bool {
	m := ms.vc.machines[vm]
	return m != nil && ms.known[vm] && m.Power == vsphere.PoweredOff
}

func (ms members) usage(ref vsphere.Ref) (vsphere.GroupUsage, bool) {
	m := ms.vc.machines[ref]
	if m == nil || !ms.known[ref] || !vsphere.CountsForLimits(ms.cfg.Owner, m.VM) {
		return vsphere.GroupUsage{}, false
	}
	s := m.Stamp
	return vsphere.GroupUsage{
		UID: s.UID, Namespace: s.Namespace, Name: s.Name, Class: s.Class, Zoned: s.Zone != "", Usage: m.Usage(),
	}, true
}

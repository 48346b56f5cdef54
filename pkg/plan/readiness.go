package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// readyBy returns the sign by which a VM of a group is known to be ready.
func readyBy(g *v1alpha1.VmGroup) v1alpha1.ReadinessType {
	if g.Spec.Readiness == nil {
		return v1alpha1.ReadyPoweredOn
	}
	return g.Spec.Readiness.Type
}

// minReady returns for how long a VM has to be ready before it is available.
func minReady(g *v1alpha1.VmGroup) time.Duration {
	return time.Duration(ptr.Deref(g.Spec.MinReadySeconds, 0)) * time.Second
}

// unready says why a VM of ours is not ready, empty if it is. The first that applies:
//
//  1. vCenter cannot reach it, or it is not powered on: the guest's signs are from before
//  2. vCenter customizes its guest, or could not
//  3. it lacks the sign that the group asks for. subnets are those that its addresses have to lie in, nil if any will do
func (m *member) unready(by v1alpha1.ReadinessType, subnets []netip.Prefix) string {
	switch {
	case !m.serving():
		return "it is not powered on, or cannot be reached"
	case m.customization().State == vsphere.CustomizationUnderWay:
		return "not ready: the customization of its guest has not ended"
	case m.customization().State == vsphere.CustomizationFailed:
		return "not ready: the customization of its guest has failed: " + cmp.Or(m.customization().Message, "vCenter does not say why")
	case by == v1alpha1.ReadyToolsRunning && !m.vm.ToolsRunning:
		return "not ready: VMware Tools do not run in the guest"
	case by == v1alpha1.ReadyIPAddress && !slices.ContainsFunc(m.vm.IPs, func(ip string) bool { return usable(ip, subnets) }):
		return "not ready: VMware Tools report no IP address" + inOneOf(subnets)
	case by == v1alpha1.ReadyGuestInfo && !m.vm.GuestReady:
		return "not ready: the guest has not set " + vsphere.ReadyKey + " to true"
	default:
		return ""
	}
}

// starting reports whether the VM is powered on, and only has to become ready, or to stay so.
func (m *member) starting() bool { return m.serving() && !m.available() }

// usable reports whether others can reach an address: it is neither loopback nor link-local, and lies in one of the subnets, if there
// are any.
func usable(address string, subnets []netip.Prefix) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() {
		return false
	}
	return len(subnets) == 0 || slices.ContainsFunc(subnets, func(s netip.Prefix) bool { return s.Contains(ip) })
}

func inOneOf(subnets []netip.Prefix) string {
	if len(subnets) == 0 {
		return ""
	}
	return fmt.Sprintf(" in %v", subnets)
}

// subnetsOf returns the subnets of a VM's networks, as the class has them. It is nil if one of them has none: an address outside the
// others may be of that one.
func (ms *membership) subnetsOf(m *member, networks []vsphere.Network) []netip.Prefix {
	names := ms.target.NetworkNames()
	if m.age != vsphere.Current {
		names = vsphere.VMSpec{Networks: m.vm.Stamp.Networks}.NetworkNames()
	}
	subnets := make([]netip.Prefix, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(networks, func(n vsphere.Network) bool { return n.Name == name && n.CIDR.IsValid() })
		if i < 0 {
			return nil
		}
		subnets = append(subnets, networks[i].CIDR)
	}
	return subnets
}

// setReadiness says of each VM of ours whether it is ready, and from when on it is available: ready for minReadySeconds. It
// returns since when each is ready, see Clocks.
func (ms *membership) setReadiness(in Input) map[vsphere.Ref]time.Time {
	by, long := readyBy(in.Group), minReady(in.Group)
	for _, m := range ms.ours {
		var subnets []netip.Prefix
		if by == v1alpha1.ReadyIPAddress {
			subnets = ms.subnetsOf(m, in.Snapshot.Networks)
		}
		m.notReady = m.unready(by, subnets)
	}
	if long == 0 {
		return nil
	}
	since := make(map[vsphere.Ref]time.Time, len(ms.ours))
	for _, m := range ms.ours {
		if !m.ready() {
			continue
		}
		since[m.vm.Ref] = readySince(in, m)
		if at := since[m.vm.Ref].Add(long); at.After(in.Now) {
			m.availableAt = at
		}
	}
	return since
}

// nextAvailable returns after how long the next VM that is ready becomes available, 0 if none waits for that.
func (ms *membership) nextAvailable(now time.Time) time.Duration {
	var next time.Duration
	for _, m := range ms.ours {
		if !m.availableAt.IsZero() {
			next = sooner(next, m.availableAt.Sub(now))
		}
	}
	return next
}

// readySince returns since when a VM that is ready is so. The first that applies:
//
//  1. the group's own observation knows
//  2. the group has not observed until now (the process has just started, or minReadySeconds was 0), and the status counts the
//     VM among the available ones: for ever
//  3. since now
func readySince(in Input, m *member) time.Time {
	since, known := in.Clocks.ReadySince[m.vm.Ref]
	switch {
	case known:
		return since
	case in.Clocks.ReadySince == nil && wasAvailable(in, m.vm.Ref):
		return time.Time{}
	default:
		return in.Now
	}
}

// wasAvailable reports whether the status counts a VM among the available ones. A status lists those first that are not: what
// it does not list is available, if it had room for all the others.
func wasAvailable(in Input, vm vsphere.Ref) bool {
	status := &in.Group.Status
	if status.Folder == nil || status.Folder.VCenter != in.Snapshot.VCenter {
		return false
	}
	i := slices.IndexFunc(status.VMs, func(listed v1alpha1.VMStatus) bool { return vsphere.Ref(listed.MoRef) == vm })
	if i >= 0 {
		return status.VMs[i].State == v1alpha1.VMAvailable
	}
	return len(status.VMs) == v1alpha1.MaxListedVMs && status.VMs[len(status.VMs)-1].State == v1alpha1.VMAvailable
}

// whyUnavailable says why a VM that is powered on is not available.
func (m *member) whyUnavailable() string {
	return cmp.Or(m.notReady, fmt.Sprintf("ready, and available after %s", m.availableAt.UTC().Format(time.RFC3339)))
}

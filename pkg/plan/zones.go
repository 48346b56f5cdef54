package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// zones are the places where new VMs can go, with what is there.
type zones []*zoneLoad

type zoneLoad struct {
	vsphere.Zone
	members int // VMs of the group, clones in flight included
	hosts   hosts
	failure *vsphere.Failure // the last one of its clones, nil if none is in force
	allowed int              // how many more clones may start there now
}

// zonesFor returns the zones that may take clones, at most wanted of them, and after how long to ask again. A zone is skipped
// that
//
//  1. is not there, see vsphere.Zone
//  2. lacks a network of the group
//  3. needs a host, and has none that can take a VM
//  4. has failed, and has to wait, see clonesAllowed
func zonesFor(in Input, ms *membership, wanted int) (zones, time.Duration) {
	members, inFlight := zoneMembers(ms), clonesInZones(ms)
	var fit zones
	var again time.Duration
	for _, zone := range in.Snapshot.Zones {
		load := &zoneLoad{Zone: zone, members: members[zone.Name], hosts: hostsFor(zone, ms), failure: zoneFailure(in, zone.Name)}
		if zone.Err != nil || lacksNetwork(in, zone) != "" || zone.HostNeeded && len(load.hosts) == 0 {
			continue
		}
		var delay time.Duration
		load.allowed, delay = clonesAllowed(load.failure, wanted, inFlight[zone.Name], in.Now)
		again = sooner(again, delay)
		if load.allowed > 0 {
			fit = append(fit, load)
		}
	}
	return fit, again
}

// pick chooses the zone of a clone and counts it: the one with the fewest VMs of the group, the first of equals. It returns nil
// once none may take another clone.
func (zs zones) pick() *zoneLoad {
	var chosen *zoneLoad
	for _, zone := range zs {
		if zone.allowed > 0 && (chosen == nil || zone.members < chosen.members) {
			chosen = zone
		}
	}
	if chosen != nil {
		chosen.members++
		chosen.allowed--
	}
	return chosen
}

// place returns where a clone of a name goes in the zone.
func (z *zoneLoad) place(name string) (host vsphere.Ref) {
	if !z.HostNeeded {
		return ""
	}
	failed := 0
	if z.failure != nil {
		failed = z.failure.Count
	}
	return z.hosts.pick(name, failed)
}

// zoneMembers returns how many VMs of the group each zone has, by the zones that they were made in, and those on their way there.
// VMs that go count as long as they are there.
func zoneMembers(ms *membership) map[string]int {
	members := clonesInZones(ms)
	for _, m := range ms.ours {
		if !m.cloning() {
			members[m.zone()]++
		}
	}
	return members
}

// clonesInZones returns how many clones of the group are on their way to each zone.
func clonesInZones(ms *membership) map[string]int {
	clones := map[string]int{}
	for _, m := range ms.pending {
		clones[m.zone()]++
	}
	for _, m := range ms.ours {
		if m.cloning() {
			clones[m.zone()]++
		}
	}
	return clones
}

// zone returns the zone that a VM was made in, or is on its way to; empty if nobody knows.
func (m *member) zone() string {
	switch {
	case m.vm.Stamp != nil:
		return m.vm.Stamp.Zone
	case m.op != nil:
		return m.op.Place.Zone
	default:
		return ""
	}
}

// placementError says why no VM of the group may or can be made, nil if some zone is not known to be wrong.
func placementError(in Input) *vsphere.Error {
	zones := in.Snapshot.Zones
	if in.ClassError != nil {
		return in.ClassError
	}
	if len(zones) == 0 {
		return &vsphere.Error{Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Message: "Where VMs are made is not known yet."}
	}
	if slices.ContainsFunc(zones, func(z vsphere.Zone) bool { return z.Err == nil }) {
		return nil
	}
	if in.Class == "" {
		return zones[0].Err
	}
	var all []string
	for _, zone := range zones {
		all = append(all, fmt.Sprintf("zone %s: %s", zone.Name, forTenants(zone.Err)))
	}
	return &vsphere.Error{Class: zones[0].Err.Class, Reason: zones[0].Err.Reason, Message: fmt.Sprintf(
		"No zone of VmGroupClass %q takes VMs: %s. Its status says more; ask an administrator.", in.Class, strings.Join(all, ", "))}
}

// forTenants returns what those may read of an error of a class who may not read the class: no message, for that lists what there is
// in vCenter.
func forTenants(err *vsphere.Error) string {
	return cmp.Or(err.Reason, v1alpha1.ReasonInvalidConfiguration)
}

// failingZones tell of zones that take no VMs while others do.
func failingZones(in Input) []Notice {
	var out []Notice
	if placementError(in) != nil || cloneFailure(in) != nil {
		return nil
	}
	for _, zone := range in.Snapshot.Zones {
		var reason, why string
		switch f, network := zoneFailure(in, zone.Name), lacksNetwork(in, zone); {
		case zone.Err != nil:
			reason, why = ofError(zone.Err).Reason, forTenants(zone.Err)
		case f != nil:
			reason, why = ofError(f.Err).Reason, f.Err.Error()
		case network != "" && networkError(in) == nil:
			reason, why = v1alpha1.ReasonNetworkNotFound, fmt.Sprintf("it lacks the network %q", network)
		default:
			continue
		}
		out = append(out, Notice{Reason: reason, Message: fmt.Sprintf("zone %s takes no VMs, and they go to other zones: %s", zone.Name, why)})
	}
	return out
}

// fromFullest returns n of some VMs, in their order but for this: of those that are alike, each is taken from the zone that has the
// most VMs left, the first of equals. members is how many VMs each zone has.
func fromFullest(ordered []*member, n int, members map[string]int, alike func(a, b *member) bool) []*member {
	left := maps.Clone(members)
	var out []*member
	for len(ordered) > 0 && len(out) < n {
		end := 1
		for end < len(ordered) && alike(ordered[0], ordered[end]) {
			end++
		}
		out = append(out, takeTurns(ordered[:end], n-len(out), left)...)
		ordered = ordered[end:]
	}
	return out
}

// takeTurns is fromFullest for VMs that are all alike. It counts left down.
func takeTurns(alike []*member, n int, left map[string]int) []*member {
	var names []string
	byZone := map[string][]*member{}
	for _, m := range alike {
		if byZone[m.zone()] == nil {
			names = append(names, m.zone())
		}
		byZone[m.zone()] = append(byZone[m.zone()], m)
	}
	var out []*member
	for range min(n, len(alike)) {
		fullest := ""
		for _, name := range names {
			if len(byZone[name]) > 0 && (len(byZone[fullest]) == 0 || left[name] > left[fullest]) {
				fullest = name
			}
		}
		out = append(out, byZone[fullest][0])
		byZone[fullest] = byZone[fullest][1:]
		left[fullest]--
	}
	return out
}

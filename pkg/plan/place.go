package plan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxHostsListed is how many hosts a message lists.
const maxHostsListed = 5

// hosts are those that can take a VM of the group, with the VMs on them or on their way there.
type hosts []*hostLoad

type hostLoad struct {
	vsphere.Host
	group int // VMs of the group
	// tieBreaker looks random, and is always the same for a clone and a host. It is computed only where it decides.
	tieBreaker string
}

// hostsFor returns the hosts of a zone that clones are spread over, none if vCenter chooses.
func hostsFor(zone vsphere.Zone, ms *membership) hosts {
	var fit hosts
	byName, byRef := map[string]*hostLoad{}, map[vsphere.Ref]*hostLoad{}
	for _, h := range zone.Hosts {
		if h.Unfit != "" {
			continue
		}
		load := &hostLoad{Host: h}
		fit = append(fit, load)
		byName[h.Name], byRef[h.Ref] = load, load
	}
	if len(fit) == 0 {
		return nil
	}
	for _, m := range ms.ours {
		if load := byName[m.vm.Host]; load != nil {
			load.group++
		}
	}
	for _, m := range ms.pending {
		if m.op == nil {
			continue
		}
		if load := byRef[m.op.Host]; load != nil {
			load.group++
			load.VMs++
		}
	}
	return fit
}

// pick chooses the host of a clone and counts it. failed is how many clones have failed in a row. In order:
//
//  1. the host with the fewest VMs of the group, clones in flight included
//  2. of these, the one with the fewest VMs of ours, of whatever groups
//  3. of these, one by the clone's name: groups of one VM each, planned at the same time, do not all go to the same host
//  4. after failures, the next in that order: a host may have a fault that nobody can see
//
// There must be a host.
func (hs hosts) pick(clone string, failed int) vsphere.Ref {
	for _, h := range hs {
		h.tieBreaker = ""
	}
	slices.SortFunc(hs, func(a, b *hostLoad) int {
		if order := cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.VMs, b.VMs)); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.tieBreakerFor(clone), b.tieBreakerFor(clone)), cmp.Compare(a.Ref, b.Ref))
	})
	chosen := hs[failed%len(hs)]
	chosen.group++
	chosen.VMs++
	return chosen.Ref
}

func (h *hostLoad) tieBreakerFor(clone string) string {
	if h.tieBreaker == "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q/%q", clone, h.Ref))
		h.tieBreaker = string(sum[:8])
	}
	return h.tieBreaker
}

// noHost returns the problem that no host can take a clone, nil if there is one in some zone or vCenter chooses.
func noHost(in Input) *Problem {
	fit := func(h vsphere.Host) bool { return h.Unfit == "" }
	var listed []string
	for _, zone := range in.Snapshot.Zones {
		if zone.Err == nil && (!zone.HostNeeded || slices.ContainsFunc(zone.Hosts, fit)) {
			return nil
		}
		for _, h := range zone.Hosts {
			listed = append(listed, h.Name+" "+h.Unfit)
		}
	}
	if placementError(in) != nil {
		return nil // which says more
	}
	why := "there is none that the controller's account can see"
	slices.Sort(listed)
	if n := len(listed) - maxHostsListed; n > 0 {
		listed = append(listed[:maxHostsListed], fmt.Sprintf("and %d more", n))
	}
	if len(listed) > 0 {
		why = strings.Join(listed, ", ")
	}
	p := exhausted(fmt.Sprintf("no host can take a VM: %s; cloning goes on when one can", why))
	p.blocksClones = true
	return p
}

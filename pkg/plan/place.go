package plan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxHostsTold is how many hosts a message speaks of.
const maxHostsTold = 5

// hosts are those that can take a VM of the group, with what is on them or on its way there.
type hosts []*hostLoad

type hostLoad struct {
	vsphere.Host
	group int // VMs of the group
}

// hostsFor returns the hosts that clones are spread over, none if vCenter chooses.
func hostsFor(in Input, c *census) hosts {
	var out hosts
	for _, h := range in.Snapshot.Hosts {
		if h.Unfit != "" {
			continue
		}
		load := &hostLoad{Host: h}
		for _, m := range c.ours {
			if m.vm.Host == h.Name {
				load.group++
			}
		}
		for _, m := range c.pending {
			if m.op != nil && m.op.Host == h.Ref {
				load.group++
				load.VMs++
			}
		}
		out = append(out, load)
	}
	return out
}

// next chooses the host of a clone and counts it. failed is how many clones have failed in a row. In order:
//
//  1. the host with the fewest VMs of the group, clones under way included
//  2. of these, the one with the fewest VMs of ours, of whatever groups
//  3. of these, one by the clone's name: groups of one VM each, planned at the same time, do not all go to the same host
//  4. after failures, the next in that order: what is wrong with a host is not always to be seen
//
// There must be a host.
func (hs hosts) next(clone string, failed int) vsphere.Ref {
	slices.SortFunc(hs, func(a, b *hostLoad) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.VMs, b.VMs),
			cmp.Compare(draw(clone, a.Ref), draw(clone, b.Ref)), cmp.Compare(a.Ref, b.Ref))
	})
	chosen := hs[failed%len(hs)]
	chosen.group++
	chosen.VMs++
	return chosen.Ref
}

// draw is text that looks random, and is always the same for a clone and a host.
func draw(clone string, host vsphere.Ref) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q/%q", clone, host))
	return string(sum[:8])
}

// noHost returns the problem that no host can take the clones that are due, nil if there is one or vCenter chooses.
func noHost(in Input, p *Plan) *Problem {
	if !in.Snapshot.HostNeeded || p.due.clones == 0 || len(hostsFor(in, &p.census)) > 0 {
		return nil
	}
	why := "there is none that the controller's account can see"
	var told []string
	for _, h := range in.Snapshot.Hosts {
		told = append(told, h.Name+" "+h.Unfit)
	}
	slices.Sort(told)
	if n := len(told) - maxHostsTold; n > 0 {
		told = append(told[:maxHostsTold], fmt.Sprintf("and %d more", n))
	}
	if len(told) > 0 {
		why = strings.Join(told, ", ")
	}
	return &Problem{
		Reason: v1alpha1.ReasonResourceExhausted, severity: severityExhausted, blocksClones: true,
		Message: fmt.Sprintf("no host can take a VM: %s; cloning goes on when one can", why),
	}
}

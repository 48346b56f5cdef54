package inventory

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// SetPlacement notes that VMs can be made, or why they cannot, and reports whether that has changed. It drops the hosts.
func (inv *Inventory) SetPlacement(err *vsphere.Error) (changed bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	before := inv.placement.err
	inv.placement = placement{err: err}
	return (before == nil) != (err == nil) || err != nil && err.Error() != before.Error()
}

// PlacementError says why no VM can be made, nil if nothing is known to be wrong.
func (inv *Inventory) PlacementError() error {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.placement.err == nil {
		return nil
	}
	return inv.placement.err
}

// SetHosts notes whether a clone has to name its host, and the hosts to choose from, in order. It concerns every group if
// that changes.
func (inv *Inventory) SetHosts(needed bool, hosts []vsphere.Host, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	p := &inv.placement
	ch.All = ch.All || p.hostNeeded != needed || !slices.Equal(p.hosts, hosts)
	p.hostNeeded, p.hosts = needed, hosts
}

// SetHostNames notes the names of hosts.
func (inv *Inventory) SetHostNames(names map[vsphere.Ref]string, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	changed := map[vsphere.Ref]bool{}
	for ref, name := range names {
		if inv.hostNames[ref] != name {
			changed[ref] = true
			inv.hostNames[ref] = name
		}
	}
	if len(changed) == 0 {
		return
	}
	for _, r := range inv.vms {
		if changed[r.host] {
			inv.replace(r, *r.vm, r.host, ch)
		}
	}
}

// hostChoices returns the hosts to choose from, with the number of VMs on each. inv.mu is held.
func (inv *Inventory) hostChoices() []vsphere.Host {
	hosts := slices.Clone(inv.placement.hosts)
	for i := range hosts {
		hosts[i].VMs = inv.onHost[hosts[i].Ref]
	}
	return hosts
}

package inventory

import (
	"maps"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// SetClasses notes what all classes come to, by their names. The numbers of VMs on hosts are the inventory's to tell. It
// concerns every group if that changes.
func (inv *Inventory) SetClasses(classes map[string]vsphere.Offer, ch *Changes) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	ch.All = ch.All || !maps.EqualFunc(inv.classes, classes, sameOffer)
	inv.classes = classes
}

// Offer returns what a class comes to, and false if nobody knows yet.
func (inv *Inventory) Offer(name string) (vsphere.Offer, bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	class, ok := inv.classes[name]
	class.Zones = inv.zones(name)
	return class, ok
}

// zones returns the zones of a class, with the number of VMs on each host. inv.mu is held.
func (inv *Inventory) zones(class string) []vsphere.Zone {
	zones := slices.Clone(inv.classes[class].Zones)
	for i := range zones {
		zones[i].Hosts = slices.Clone(zones[i].Hosts)
		for j := range zones[i].Hosts {
			zones[i].Hosts[j].VMs = inv.onHost[zones[i].Hosts[j].Ref]
		}
	}
	return zones
}

func sameOffer(a, b vsphere.Offer) bool {
	return vsphere.SameError(a.TemplatesErr, b.TemplatesErr) &&
		slices.EqualFunc(a.CustomizationErrs, b.CustomizationErrs, vsphere.SameError) && slices.EqualFunc(a.TagErrs, b.TagErrs, vsphere.SameError) &&
		slices.EqualFunc(a.Zones, b.Zones, vsphere.SameZone) && slices.EqualFunc(a.Networks, b.Networks, vsphere.SameNetwork)
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

package vim

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	propConfigurationEx = "configurationEx" // of a cluster; as a whole, for its type says less than its value
	propHostConnection  = "runtime.connectionState"
	propHostPower       = "runtime.powerState"
	propMaintenance     = "runtime.inMaintenanceMode"
	propQuarantine      = "runtime.inQuarantineMode" // since 6.5
	propDatastores      = "datastore"
)

// hostList is what is known of the zones of all classes, of the clusters that VMs are made in, and of the hosts. It is safe for
// concurrent use.
type hostList struct {
	mu       sync.Mutex
	zones    []placedZone
	networks []placedNetwork
	classes  map[string]vsphere.Offer // what is wrong with each class, apart from zones and networks
	clusters map[vsphere.Ref]properties
	hosts    map[vsphere.Ref]properties
	version  uint64 // counts what a filter has reported
}

// apply is applyHost for the list alone. l.mu is held.
func (l *hostList) apply(u types.ObjectUpdate) {
	ref := vsphere.Ref(u.Obj.Value)
	switch {
	case u.Obj.Type != "HostSystem" && u.Kind == types.ObjectUpdateKindLeave: // none is made in it any more
		delete(l.clusters, ref)
	case u.Obj.Type != "HostSystem":
		applyTo(l.clusters, ref, u)
	case u.Kind == types.ObjectUpdateKindLeave:
		delete(l.hosts, ref)
	default:
		applyTo(l.hosts, ref, u)
	}
}

func applyTo(all map[vsphere.Ref]properties, ref vsphere.Ref, u types.ObjectUpdate) {
	if u.Kind == types.ObjectUpdateKindEnter || all[ref] == nil {
		all[ref] = properties{}
	}
	all[ref].apply(u.ChangeSet)
}

// publish tells the inventory the names of the hosts, which need not be read again for its VMs, and what the classes come to.
// l.mu is held, so that the newest list is the last one there.
func (l *hostList) publish(inv *inventory.Inventory, ch *inventory.Changes) {
	names := make(map[vsphere.Ref]string, len(l.hosts))
	for ref, props := range l.hosts {
		if name := props.name(); name != "" {
			names[ref] = name
		}
	}
	inv.SetHostNames(names, ch)
	classes := maps.Clone(l.classes)
	for _, zone := range l.zones {
		class := classes[zone.Class]
		class.Zones = append(class.Zones, l.describe(zone))
		classes[zone.Class] = class
	}
	for _, network := range l.networks {
		class := classes[network.class]
		class.Networks = append(class.Networks, vsphere.Network{Name: network.name, Err: network.err, Subnet: network.subnet})
		classes[network.class] = class
	}
	inv.SetClasses(classes, ch)
}

// describe returns what the port tells of a zone.
func (l *hostList) describe(zone placedZone) vsphere.Zone {
	out := vsphere.Zone{Name: zone.Zone, Err: zone.err}
	if zone.err != nil {
		return out
	}
	for _, network := range l.networks {
		if network.class == zone.Class && network.err == nil && slices.Contains(zone.at.networks, network.ref) {
			out.Networks = append(out.Networks, network.name)
		}
	}
	cluster := vsphere.Ref(zone.at.compute.Value)
	if out.HostNeeded = zone.at.host.Value != "" || leavesHostToClients(l.clusters[cluster]); out.HostNeeded {
		out.Hosts = l.choices(cluster, zone.at)
	}
	return out
}

// choices returns the hosts of a cluster that a clone can be told to go to.
func (l *hostList) choices(cluster vsphere.Ref, at placement) []vsphere.Host {
	pinned := vsphere.Ref(at.host.Value)
	var out []vsphere.Host
	for ref, props := range l.hosts {
		if props.ref(propParent) == cluster && (pinned == "" || ref == pinned) {
			out = append(out, vsphere.Host{
				Ref: ref, Name: cmp.Or(props.name(), string(ref)), Unfit: unfit(props, at.stores),
			})
		}
	}
	slices.SortFunc(out, func(a, b vsphere.Host) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
	})
	return out
}

// clusterOf returns the cluster of a host, empty if it is not known or has none.
func (l *hostList) clusterOf(host vsphere.Ref) vsphere.Ref {
	l.mu.Lock()
	defer l.mu.Unlock()
	parent, ok := l.hosts[host][propParent].(types.ManagedObjectReference)
	if !ok || !isCluster(parent) {
		return ""
	}
	return vsphere.Ref(parent.Value)
}

// asked returns the version of the list, to be passed to refresh.
func (l *hostList) asked() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version
}

// leavesHostToClients reports whether nothing in a cluster chooses the host of a clone. In order:
//
//  1. a standalone host, or a cluster whose configuration cannot be read: no, or so it is hoped
//  2. without DRS: yes
//  3. with DRS in manual mode, which only recommends: yes
//  4. no
func leavesHostToClients(cluster properties) bool {
	var drs *types.ClusterDrsConfigInfo
	switch config := cluster[propConfigurationEx].(type) {
	case types.ClusterConfigInfoEx:
		drs = &config.DrsConfig
	case *types.ClusterConfigInfoEx:
		drs = &config.DrsConfig
	}
	switch {
	case drs == nil || drs.Enabled == nil:
		return false
	case !*drs.Enabled:
		return true
	}
	return drs.DefaultVmBehavior == types.DrsBehaviorManual
}

// unfit says why no VM can be made on a host now, empty if one can. In order:
//
//  1. it cannot be read
//  2. it is not connected
//  3. it is off, or in standby
//  4. it is in maintenance mode
//  5. it is in quarantine: it is about to fail
//  6. it lacks the datastore, or all of them if VMs may go to several
func unfit(host properties, stores []types.ManagedObjectReference) string {
	connection := host.text(propHostConnection)
	power := types.HostSystemPowerState(host.text(propHostPower))
	switch {
	case connection == "":
		return "cannot be read"
	case connection != vsphere.Connected:
		return "is " + cmp.Or(map[string]string{"notResponding": "not responding"}[connection], connection)
	case power == types.HostSystemPowerStatePoweredOff:
		return "is powered off"
	case power == types.HostSystemPowerStateStandBy:
		return "is in standby"
	case host.flag(propMaintenance):
		return "is in maintenance mode"
	case host.flag(propQuarantine):
		return "is in quarantine mode"
	case !slices.ContainsFunc(stores, host.mounts):
		return "does not have the datastore"
	}
	return ""
}

// mounts reports whether a host has a datastore.
func (p properties) mounts(store types.ManagedObjectReference) bool {
	refs, _ := p[propDatastores].(types.ArrayOfManagedObjectReference)
	return slices.Contains(refs.ManagedObjectReference, store)
}

// mountedBy returns what tells the datastores that a host has. Where vCenter chooses the host, it sees to that itself.
func (l *hostList) mountedBy(host vsphere.Ref) func(types.ManagedObjectReference) bool {
	if host == "" {
		return func(types.ManagedObjectReference) bool { return true }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	props := maps.Clone(l.hosts[host])
	return props.mounts
}

// hostProps are watched of every host.
func hostProps() []string {
	return []string{propName, propParent, propHostConnection, propHostPower, propMaintenance, propQuarantine, propDatastores}
}

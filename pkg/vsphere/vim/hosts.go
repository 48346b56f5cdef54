package vim

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	propConfigurationEx = "configurationEx" // of a cluster; as a whole, for its type says less than its value
	propHostConnection  = "runtime.connectionState"
	propHostPower       = "runtime.powerState"
	propMaintenance     = "runtime.inMaintenanceMode"
	propQuarantine      = "runtime.inQuarantineMode" // since 6.5
	propDatastores      = "datastore"
)

// hostProps are watched of every host of the cluster.
func hostProps() []string {
	return []string{propName, propHostConnection, propHostPower, propMaintenance, propQuarantine, propDatastores}
}

// fleet is what is known of the cluster that VMs are made in, and of its hosts.
type fleet struct {
	datastore vsphere.Ref // where VMs are made
	pinned    vsphere.Ref // the host that -host names, empty if none
	cluster   properties
	hosts     map[vsphere.Ref]properties
	refused   *vsphere.Error // why no VM can be made, nil if nothing is known to be wrong
	news      uint64         // counts what has become known, as a clock for what is older than what
}

func newFleet(place placement) fleet {
	return fleet{
		datastore: vsphere.Ref(place.datastore.Value), pinned: vsphere.Ref(place.host.Value),
		cluster: properties{}, hosts: map[vsphere.Ref]properties{},
	}
}

// setPlacement notes where VMs are made, or why they cannot be, and tells whether that is news. What is known of hosts is
// forgotten.
func (inv *inventory) setPlacement(place placement, refused *vsphere.Error) (news bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	before := inv.fleet.refused
	inv.fleet = newFleet(place)
	inv.fleet.refused = refused
	return (before == nil) != (refused == nil) || refused != nil && refused.Error() != before.Error()
}

// placementError says why no VM can be made, nil if nothing is known to be wrong.
func (inv *inventory) placementError() error {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.fleet.refused == nil {
		return nil
	}
	return inv.fleet.refused
}

// placed returns the cluster, or the host, that VMs are made in; nothing if there is none.
func (c *connection) placed() []types.ManagedObjectReference {
	if c.placement.compute.Value == "" {
		return nil
	}
	return []types.ManagedObjectReference{c.placement.compute}
}

// hostNeeded tells whether a clone has to name its host.
func (f *fleet) hostNeeded() bool { return f.pinned != "" || leavesHostToClients(f.cluster) }

// leavesHostToClients tells whether nothing in a cluster chooses the host of a clone. In order:
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
//  6. it lacks the datastore
func unfit(host properties, datastore vsphere.Ref) string {
	connection := host.text(propHostConnection)
	power := types.HostSystemPowerState(host.text(propHostPower))
	datastores, _ := host[propDatastores].(types.ArrayOfManagedObjectReference)
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
	case !slices.ContainsFunc(datastores.ManagedObjectReference, func(r types.ManagedObjectReference) bool {
		return r.Value == string(datastore)
	}):
		return "does not have the datastore"
	}
	return ""
}

// choices returns the hosts that a clone can be told to go to, none if it need not be told.
func (f *fleet) choices(vms map[vsphere.Ref]int) []vsphere.Host {
	if !f.hostNeeded() {
		return nil
	}
	var out []vsphere.Host
	for ref, props := range f.hosts {
		if f.pinned == "" || ref == f.pinned {
			out = append(out, vsphere.Host{
				Ref: ref, Name: cmp.Or(props.name(), string(ref)), Unfit: unfit(props, f.datastore), VMs: vms[ref],
			})
		}
	}
	slices.SortFunc(out, func(a, b vsphere.Host) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
	})
	return out
}

// updateFleet takes over what a filter says of the cluster or one of its hosts, and wakes everybody if that changes what
// clones are told.
func (inv *inventory) updateFleet(u types.ObjectUpdate, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	before := inv.fleet.choices(nil)
	inv.fleet.note(u)
	inv.fleet.news++
	inv.hostNames(t)
	t.all = t.all || !slices.Equal(before, inv.fleet.choices(nil))
}

func (f *fleet) note(u types.ObjectUpdate) {
	ref := vsphere.Ref(u.Obj.Value)
	switch {
	case u.Obj.Type != "HostSystem":
		if u.Kind == types.ObjectUpdateKindEnter {
			f.cluster = properties{}
		}
		f.cluster.apply(u.ChangeSet)
	case u.Kind == types.ObjectUpdateKindLeave:
		delete(f.hosts, ref)
	default:
		if u.Kind == types.ObjectUpdateKindEnter || f.hosts[ref] == nil {
			f.hosts[ref] = properties{}
		}
		f.hosts[ref].apply(u.ChangeSet)
	}
}

// hostNames notes the names of the cluster's hosts, which need not be read again for its VMs. inv.mu is held.
func (inv *inventory) hostNames(t *touched) {
	names := map[vsphere.Ref]string{}
	for ref, props := range inv.fleet.hosts {
		if name := props.name(); name != "" && name != inv.hosts[ref] {
			names[ref] = name
		}
	}
	if len(names) > 0 {
		inv.nameHosts(names, t)
	}
}

// watchHosts watches the cluster that VMs are made in, and its hosts: it may lose its DRS at any time, and a host that goes
// into maintenance must get no clones.
func (c *connection) watchHosts(ctx context.Context) error {
	if len(c.placed()) == 0 {
		return nil
	}
	if err := c.createFilter(ctx, hostFilter, c.hostView, propSpec("HostSystem", hostProps()...)); err != nil {
		return err
	}
	return c.createFilter(ctx, hostFilter, c.clusterView, propSpec(c.placement.compute.Type, propConfigurationEx))
}

// rereadHosts reads all that watchHosts watches, unless something becomes known of it meanwhile: the answer may be the
// older one then, and the next resync has another.
func (c *connection) rereadHosts(ctx context.Context) error {
	if len(c.placed()) == 0 {
		return nil
	}
	asked := c.v.inv.instantOfFleet()
	objects, err := c.retrieve(ctx,
		readView(c.hostView, propSpec("HostSystem", hostProps()...)),
		readView(c.clusterView, propSpec(c.placement.compute.Type, propConfigurationEx)))
	if err != nil {
		return fmt.Errorf("read the hosts again: %w", err)
	}
	var t touched
	c.v.inv.refreshFleet(objects, asked, &t)
	c.v.settle(&t)
	return nil
}

// instantOfFleet returns a moment that what becomes known of hosts can be compared with.
func (inv *inventory) instantOfFleet() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.fleet.news
}

func (inv *inventory) refreshFleet(objects []object, asked uint64, t *touched) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.fleet.news != asked {
		return
	}
	before := inv.fleet.choices(nil)
	inv.fleet.hosts = map[vsphere.Ref]properties{}
	for _, o := range objects {
		inv.fleet.note(types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: o.ref, ChangeSet: o.changes()})
	}
	inv.hostNames(t)
	t.all = t.all || !slices.Equal(before, inv.fleet.choices(nil))
}

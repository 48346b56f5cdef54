package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// resetHosts begins an empty list for the place where VMs are made.
func (c *connection) resetHosts(p placement) {
	l := &c.hosts
	l.mu.Lock()
	defer l.mu.Unlock()
	l.datastore, l.pinned = vsphere.Ref(p.datastore.Value), vsphere.Ref(p.host.Value)
	l.cluster, l.hosts = properties{}, map[vsphere.Ref]properties{}
	l.publish(c.inv, &inventory.Changes{}) // everybody is notified once the connection is in step
}

// applyHost takes over what a filter says of the cluster or one of its hosts.
func (c *connection) applyHost(u types.ObjectUpdate, ch *inventory.Changes) {
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	c.hosts.version++
	c.hosts.apply(u)
	c.hosts.publish(c.inv, ch)
}

// refreshHosts takes over what was read of the cluster and all its hosts, unless a filter has reported since asked, the
// version from before the read: the answer may be the older one then, and the next resync has another.
func (c *connection) refreshHosts(objects []object, asked uint64, ch *inventory.Changes) {
	l := &c.hosts
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.version != asked {
		return
	}
	l.hosts = map[vsphere.Ref]properties{}
	for _, o := range objects {
		l.apply(types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: o.ref, ChangeSet: o.changes()})
	}
	l.publish(c.inv, ch)
}

// placed returns the cluster, or the host, that VMs are made in; nothing if there is none.
func (c *connection) placed() []types.ManagedObjectReference {
	if c.placement.compute.Value == "" {
		return nil
	}
	return []types.ManagedObjectReference{c.placement.compute}
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

// rereadHosts reads all that watchHosts watches.
func (c *connection) rereadHosts(ctx context.Context) error {
	if len(c.placed()) == 0 {
		return nil
	}
	asked := c.hosts.asked()
	objects, err := c.retrieve(ctx,
		readView(c.hostView, propSpec("HostSystem", hostProps()...)),
		readView(c.clusterView, propSpec(c.placement.compute.Type, propConfigurationEx)))
	if err != nil {
		return fmt.Errorf("read the hosts again: %w", err)
	}
	var ch inventory.Changes
	c.refreshHosts(objects, asked, &ch)
	c.publish(&ch)
	return nil
}

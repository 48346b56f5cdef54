package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// setPlaces takes over what all classes come to.
func (c *connection) setPlaces(found places, specs []vsphere.ClassSpec, ch *inventory.Changes) {
	l := &c.hosts
	l.mu.Lock()
	defer l.mu.Unlock()
	tags := c.associations.errsOfTags()
	l.zones, l.networks, l.classes = found.zones, found.networks, map[string]vsphere.Offer{}
	for _, class := range specs {
		l.classes[class.Name] = vsphere.Offer{
			TemplatesErr: found.templates[class.Name].err, CustomizationErrs: found.customizations[class.Name], TagErrs: tags[class.Name],
		}
	}
	l.publish(c.inv, ch)
}

// tellTags takes over what is wrong with the tags of classes, by their names. Everybody is notified if that is news, or if a class was not
// looked at before: nobody has told of it until now.
func (c *connection) tellTags(ctx context.Context, errs map[string][]*vsphere.Error) {
	first := c.associations.noteTags(errs)
	l := &c.hosts
	var ch inventory.Changes
	l.mu.Lock()
	for name, offer := range l.classes {
		offer.TagErrs = errs[name]
		l.classes[name] = offer
	}
	l.publish(c.inv, &ch)
	l.mu.Unlock()
	if ch.All {
		for name, of := range errs {
			for _, err := range of {
				klog.FromContext(ctx).Error(err, "VMs lack tags", "class", name)
			}
		}
	}
	if ch.All || first {
		c.cfg.Notifier.NotifyAll()
	}
}

// applyHost takes over what a filter says of a cluster or a host.
func (c *connection) applyHost(u types.ObjectUpdate, ch *inventory.Changes) {
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	c.hosts.version++
	c.hosts.apply(u)
	c.hosts.publish(c.inv, ch)
}

// refreshHosts takes over what was read of the clusters and all hosts, unless a filter has reported since asked, the version
// from before the read: the answer may be the older one then, and the next resync has another.
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

// watchHosts watches the clusters that VMs are made in, and the hosts: a cluster may lose its DRS at any time, and a host that
// goes into maintenance must get no clones.
func (c *connection) watchHosts(ctx context.Context) error {
	if err := c.createFilter(ctx, hostFilter, c.hostView, propSpec("HostSystem", hostProps()...)); err != nil {
		return err
	}
	return c.createFilter(ctx, hostFilter, c.clusterView, clusterProps()...)
}

// clusterProps are watched of the clusters, and standalone hosts, that VMs are made in.
func clusterProps() []types.PropertySpec {
	return []types.PropertySpec{
		propSpec("ClusterComputeResource", propConfigurationEx), propSpec("ComputeResource", propConfigurationEx),
	}
}

// watchPlaces watches the clusters that VMs are made in by now.
func (c *connection) watchPlaces(ctx context.Context) error {
	_, err := methods.ResetListView(ctx, c.client, &types.ResetListView{This: c.clusterView, Obj: c.computes()})
	if err != nil {
		return fmt.Errorf("watch the clusters that VMs are made in: %w", err)
	}
	return nil
}

// rereadHosts finds out again what the classes come to, and reads all that watchHosts watches.
func (c *connection) rereadHosts(ctx context.Context) error {
	if err := c.placeNow(ctx); err != nil {
		return fmt.Errorf("find out again where VMs are made: %w", err)
	}
	asked := c.hosts.asked()
	objects, err := c.retrieve(ctx,
		readView(c.hostView, propSpec("HostSystem", hostProps()...)), readView(c.clusterView, clusterProps()...))
	if err != nil {
		return fmt.Errorf("read the hosts again: %w", err)
	}
	var ch inventory.Changes
	c.refreshHosts(objects, asked, &ch)
	c.publish(&ch)
	return nil
}

package vim

import (
	"context"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// resolveSite finds the datacenter that the flags name, or the only one there is.
func (c *connection) resolveSite(ctx context.Context, anc *ancestry) (site, error) {
	var s site
	datacenters, root, err := anc.below(ctx, c.client.ServiceContent.RootFolder, "Datacenter", "vmFolder", "hostFolder", "datastoreFolder")
	if err != nil {
		return s, err
	}
	if s.datacenter, err = choose("datacenter", c.cfg.Datacenter, datacenters, root); err != nil {
		return s, err
	}
	s.datacenterPath = vsphere.Path(s.datacenter.path...)
	s.vmFolder = folderRef(s.datacenter.props.ref("vmFolder"))
	if s.vmFolderPath, err = anc.pathOf(ctx, s.vmFolder); err != nil {
		return s, err
	}
	s.root, s.templates, err = siteFolders(c.cfg.Folder, c.cfg.TemplateFolder, s.vmFolderPath)
	return s, err
}

// resolvePlacement finds where VMs are made: what the flags name, or the only one there is. refused says what is wrong with
// that, which concerns only those who want VMs made. err means that vCenter has not answered.
func (c *connection) resolvePlacement(ctx context.Context, anc *ancestry) (p placement, refused *vsphere.Error, err error) {
	compute, err := c.chooseCompute(ctx, anc, c.site.datacenter, &p)
	if err == nil {
		p.compute = compute.ref
		p.datastore, err = c.chooseDatastore(ctx, anc, c.site.datacenter, compute)
	}
	if err == nil {
		return p, nil, nil
	}
	if failure := c.fail("Find where VMs are made", err); failure.Class == vsphere.ClassInvalid {
		return placement{}, failure, nil
	}
	return placement{}, nil, err
}

// place finds where VMs are made, and notes if there is no such place.
func (c *connection) place(ctx context.Context, anc *ancestry) error {
	p, refused, err := c.resolvePlacement(ctx, anc)
	if err != nil {
		return err
	}
	c.placement = p
	if c.inv.SetPlacement(refused) && refused != nil {
		klog.FromContext(ctx).Error(refused, "No VM can be made", "reason", refused.Reason)
	}
	c.resetHosts(p)
	return nil
}

// placeAgain finds out whether VMs can be made by now, at most once in placeAgainAfter. The next connection
// watches the hosts of the place that was found.
func (c *connection) placeAgain(ctx context.Context) {
	now := c.cfg.Clock.Now()
	if c.inv.PlacementError() == nil || now.Sub(c.placedAt) < placeAgainAfter {
		return
	}
	c.placedAt = now
	_, refused, err := c.resolvePlacement(ctx, newAncestry(c))
	switch {
	case err != nil:
		klog.FromContext(ctx).V(2).Info("Looking again where VMs are made", "err", err)
	case refused == nil:
		c.lost(errRewatch)
	default:
		var ch inventory.Changes
		ch.All = c.inv.SetPlacement(refused)
		c.publish(&ch)
	}
}

// placeAgainAfter is how soon it is looked again where VMs are made, while what the flags name is not there.
const placeAgainAfter = 20 * time.Second

// chooseCompute finds the cluster, or the standalone host, the host and the resource pool. Where the cluster is not named,
// the host or the pool says which: its path leads through the cluster.
func (c *connection) chooseCompute(ctx context.Context, anc *ancestry, dc choice, p *placement) (choice, error) {
	cfg := c.cfg
	hostFolder := folderRef(dc.props.ref("hostFolder"))
	computes, base, err := anc.below(ctx, hostFolder, "ComputeResource", "resourcePool", "datastore")
	if err != nil {
		return choice{}, err
	}
	bases := [][]string{base, dc.path}
	if cfg.Cluster != "" || cfg.ResourcePool == "" && cfg.Host == "" {
		if cfg.Cluster == "" {
			computes = clustersFirst(computes)
		}
		compute, err := choose("cluster", cfg.Cluster, computes, bases...)
		if err != nil {
			return choice{}, err
		}
		computes = []choice{compute}
	}
	if cfg.Host != "" {
		if computes, err = c.chooseHost(ctx, anc, hostFolder, computes, bases, p); err != nil {
			return choice{}, err
		}
	}
	return c.choosePool(ctx, anc, hostFolder, computes, bases, p)
}

// clustersFirst leaves standalone hosts aside where there is a cluster.
func clustersFirst(computes []choice) []choice {
	clusters := slices.DeleteFunc(slices.Clone(computes), func(c choice) bool {
		return c.ref.Type != "ClusterComputeResource"
	})
	if len(clusters) == 0 {
		return computes
	}
	return clusters
}

// chooseHost finds the named host among those of some clusters, and returns the cluster that it belongs to.
func (c *connection) chooseHost(
	ctx context.Context, anc *ancestry, hostFolder types.ManagedObjectReference, computes []choice, bases [][]string, p *placement,
) ([]choice, error) {
	all, _, err := anc.below(ctx, hostFolder, "HostSystem")
	if err != nil {
		return nil, err
	}
	owners, bases := ownersOf(computes, bases)
	all = slices.DeleteFunc(all, func(host choice) bool { _, known := owners[host.props.ref(propParent)]; return !known })
	host, err := choose("host", c.cfg.Host, all, bases...)
	p.host = host.ref
	return []choice{owners[host.props.ref(propParent)]}, err
}

// ownersOf returns clusters by their references, and with their paths among the bases of what belongs to them.
func ownersOf(computes []choice, bases [][]string) (map[vsphere.Ref]choice, [][]string) {
	owners := map[vsphere.Ref]choice{}
	for _, compute := range computes {
		owners[vsphere.Ref(compute.ref.Value)] = compute
		bases = append(slices.Clip(bases), compute.path)
	}
	return owners, bases
}

// choosePool finds the named resource pool among those of some clusters, or the root pool of the only one, and returns
// the cluster that it belongs to.
func (c *connection) choosePool(
	ctx context.Context, anc *ancestry, hostFolder types.ManagedObjectReference, computes []choice, bases [][]string, p *placement,
) (choice, error) {
	if c.cfg.ResourcePool == "" {
		p.pool = types.ManagedObjectReference{Type: "ResourcePool", Value: string(computes[0].props.ref("resourcePool"))}
		return computes[0], nil
	}
	pools, _, err := anc.below(ctx, hostFolder, "ResourcePool", "owner")
	if err != nil {
		return choice{}, err
	}
	owners, bases := ownersOf(computes, bases)
	pools = slices.DeleteFunc(pools, func(pool choice) bool { _, known := owners[pool.props.ref("owner")]; return !known })
	for _, pool := range pools {
		if pool.ref.Value == string(owners[pool.props.ref("owner")].props.ref("resourcePool")) {
			bases = append(bases, pool.path)
		}
	}
	pools = clusterPoolsFirst(pools, c.cfg.ResourcePool, bases)
	pool, err := choose("resource-pool", c.cfg.ResourcePool, pools, bases...)
	p.pool = pool.ref
	return owners[pool.props.ref("owner")], err
}

// clusterPoolsFirst leaves the pools of standalone hosts aside where a pool of a cluster is meant as well.
func clusterPoolsFirst(pools []choice, value string, bases [][]string) []choice {
	clusters := slices.DeleteFunc(slices.Clone(pools), func(pool choice) bool {
		owner, _ := pool.props["owner"].(types.ManagedObjectReference)
		return owner.Type != "ClusterComputeResource" || !meant(value, pool.path, bases...)
	})
	if len(clusters) == 0 {
		return pools
	}
	return clusters
}

// chooseDatastore returns the named datastore of a cluster, or its only one.
func (c *connection) chooseDatastore(
	ctx context.Context, anc *ancestry, dc, compute choice,
) (types.ManagedObjectReference, error) {
	none := types.ManagedObjectReference{}
	refs, _ := compute.props["datastore"].(types.ArrayOfManagedObjectReference)
	var objects []object
	if len(refs.ManagedObjectReference) > 0 {
		readings, err := c.readEach(ctx, refs.ManagedObjectReference, propName, propParent)
		if err != nil {
			return none, err
		}
		for ref, r := range readings {
			if r.props != nil {
				objects = append(objects, object{ref: ref, props: r.props})
			}
		}
	}
	base, err := anc.pathOf(ctx, folderRef(dc.props.ref("datastoreFolder")))
	var datastores []choice
	if err == nil {
		datastores, err = anc.choices(ctx, objects)
	}
	if err != nil {
		return none, err
	}
	datastore, err := choose("datastore", c.cfg.Datastore, datastores, base, dc.path)
	return datastore.ref, err
}

package vim

import (
	"context"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// placement is where VMs are made.
type placement struct {
	datacenterPath string // inventory path
	vmFolder       types.ManagedObjectReference
	vmFolderPath   []string // the names of its inventory path
	// root and templates are the names that lead from the VM folder to the root folder and to the template folder, if one
	// is set.
	root, templates []string
	compute         types.ManagedObjectReference // the cluster, or a standalone host
	host            types.ManagedObjectReference // the one that -host names, zero if none
	pool            types.ManagedObjectReference
	datastore       types.ManagedObjectReference
}

// resolvePlacement finds what the flags name, or the only one there is.
func (c *connection) resolvePlacement(ctx context.Context) (placement, error) {
	var p placement
	lie := newAncestry(c)
	datacenters, root, err := lie.below(ctx, c.client.ServiceContent.RootFolder, "Datacenter", "vmFolder", "hostFolder", "datastoreFolder")
	if err != nil {
		return p, err
	}
	dc, err := choose("datacenter", c.v.cfg.Datacenter, datacenters, root)
	if err != nil {
		return p, err
	}
	p.datacenterPath = vsphere.Path(dc.path...)
	p.vmFolder = folderRef(dc.props.ref("vmFolder"))
	if p.vmFolderPath, err = lie.pathOf(ctx, p.vmFolder); err != nil {
		return p, err
	}
	if p.root, p.templates, err = c.v.cfg.folders(p.vmFolderPath); err != nil {
		return p, err
	}
	compute, err := c.chooseCompute(ctx, lie, dc, &p)
	if err != nil {
		return p, err
	}
	p.compute = compute.ref
	p.datastore, err = c.chooseDatastore(ctx, lie, dc, compute)
	return p, err
}

// chooseCompute finds the cluster, or the standalone host, the host and the resource pool. Where the cluster is not named,
// the host or the pool says which: its path leads through the cluster.
func (c *connection) chooseCompute(ctx context.Context, lie *ancestry, dc choice, p *placement) (choice, error) {
	cfg := c.v.cfg
	hostFolder := folderRef(dc.props.ref("hostFolder"))
	computes, base, err := lie.below(ctx, hostFolder, "ComputeResource", "resourcePool", "datastore")
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
		if computes, err = c.chooseHost(ctx, lie, hostFolder, computes, bases, p); err != nil {
			return choice{}, err
		}
	}
	return c.choosePool(ctx, lie, hostFolder, computes, bases, p)
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
	ctx context.Context, lie *ancestry, hostFolder types.ManagedObjectReference, computes []choice, bases [][]string, p *placement,
) ([]choice, error) {
	all, _, err := lie.below(ctx, hostFolder, "HostSystem")
	if err != nil {
		return nil, err
	}
	owners, bases := ownersOf(computes, bases)
	all = slices.DeleteFunc(all, func(host choice) bool { _, known := owners[host.props.ref(propParent)]; return !known })
	host, err := choose("host", c.v.cfg.Host, all, bases...)
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
	ctx context.Context, lie *ancestry, hostFolder types.ManagedObjectReference, computes []choice, bases [][]string, p *placement,
) (choice, error) {
	if c.v.cfg.ResourcePool == "" {
		p.pool = types.ManagedObjectReference{Type: "ResourcePool", Value: string(computes[0].props.ref("resourcePool"))}
		return computes[0], nil
	}
	pools, _, err := lie.below(ctx, hostFolder, "ResourcePool", "owner")
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
	pools = clusterPoolsFirst(pools, c.v.cfg.ResourcePool, bases)
	pool, err := choose("resource-pool", c.v.cfg.ResourcePool, pools, bases...)
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
	ctx context.Context, lie *ancestry, dc, compute choice,
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
	base, err := lie.pathOf(ctx, folderRef(dc.props.ref("datastoreFolder")))
	var datastores []choice
	if err == nil {
		datastores, err = lie.choices(ctx, objects)
	}
	if err != nil {
		return none, err
	}
	datastore, err := choose("datastore", c.v.cfg.Datastore, datastores, base, dc.path)
	return datastore.ref, err
}

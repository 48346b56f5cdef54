package vim

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// resolveSite finds the datacenter that the flags name, or the only one there is.
func (c *connection) resolveSite(ctx context.Context, anc *ancestry) (site, error) {
	var s site
	datacenters, root, err := anc.below(ctx, c.client.ServiceContent.RootFolder, "Datacenter", "vmFolder", "hostFolder", "datastoreFolder", "networkFolder")
	if err != nil {
		return s, err
	}
	if s.datacenter, err = choose(setting{"datacenter", "-datacenter"}, c.cfg.Datacenter, datacenters, root); err != nil {
		return s, err
	}
	s.datacenterPath = vsphere.Path(s.datacenter.path...)
	s.vmFolder = folderRef(s.datacenter.props.ref("vmFolder"))
	s.hostFolder = folderRef(s.datacenter.props.ref("hostFolder"))
	if s.vmFolderPath, err = anc.pathOf(ctx, s.vmFolder); err != nil {
		return s, err
	}
	s.root, _, err = siteFolders(c.cfg.Folder, c.cfg.TemplateFolder, s.vmFolderPath)
	return s, err
}

// resolvePlacement finds a zone: what its spec names, or the only one there is. refused says what is wrong with that, which
// concerns only those who want VMs made. err means that vCenter has not answered.
func (c *connection) resolvePlacement(ctx context.Context, anc *ancestry, zone zoneSpec) (p placement, refused *vsphere.Error, err error) {
	compute, err := c.chooseCompute(ctx, anc, zone, &p)
	if err == nil {
		p.compute = compute.ref
		networks, _ := compute.props["network"].(types.ArrayOfManagedObjectReference)
		p.networks = networks.ManagedObjectReference
		p.spec = zone.ZoneSpec
		p.storage, err = c.chooseStorage(ctx, anc, zone, compute)
	}
	if err == nil {
		return p, nil, nil
	}
	if unreadable, ok := errors.AsType[*policiesUnreadable](err); ok {
		return c.asBefore(zone, unreadable.why)
	}
	if failure := c.fail("Find where VMs are made", err); failure.Class == vsphere.ClassInvalid {
		return placement{}, failure, nil
	}
	return placement{}, nil, err
}

// asBefore returns what a zone came to when that could be found out last, or says why it cannot be.
func (c *connection) asBefore(zone zoneSpec, why *vsphere.Error) (placement, *vsphere.Error, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, before := range c.places.zones {
		if before.Class == zone.class && before.at.spec == zone.ZoneSpec && before.err == nil {
			at := before.at
			at.stale = true
			return at, nil, nil
		}
	}
	return placement{}, why, nil
}

// zoneSpec is the spec of a zone, and how messages name its fields.
type zoneSpec struct {
	vsphere.ZoneSpec
	class string
}

// setting returns what a person has to set for a field of the zone: a flag, or the field of a VmGroupClass.
func (z zoneSpec) setting(kind string) setting {
	if z.class == "" {
		return setting{kind, "-" + kind}
	}
	field := map[string]string{
		"resource-pool": "resourcePool", "datastore-cluster": "datastoreCluster", "storage-policy": "storagePolicy",
	}[kind]
	return setting{kind, cmp.Or(field, kind) + " of zone " + z.Name}
}

// chooseCompute finds the cluster, or the standalone host, the host and the resource pool. Where the cluster is not named,
// the host or the pool says which: its path leads through the cluster.
func (c *connection) chooseCompute(ctx context.Context, anc *ancestry, zone zoneSpec, p *placement) (choice, error) {
	computes, base, err := anc.below(ctx, c.site.hostFolder, "ComputeResource", "resourcePool", "datastore", "network")
	if err != nil {
		return choice{}, err
	}
	bases := [][]string{base, c.site.datacenter.path}
	if zone.Cluster != "" || zone.ResourcePool == "" && zone.Host == "" {
		if zone.Cluster == "" {
			computes = clustersFirst(computes)
		}
		compute, err := choose(zone.setting("cluster"), zone.Cluster, computes, bases...)
		if err != nil {
			return choice{}, err
		}
		computes = []choice{compute}
	}
	if zone.Host != "" {
		if computes, err = c.chooseHost(ctx, anc, zone, computes, bases, p); err != nil {
			return choice{}, err
		}
	}
	return c.choosePool(ctx, anc, zone, computes, bases, p)
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
	ctx context.Context, anc *ancestry, zone zoneSpec, computes []choice, bases [][]string, p *placement,
) ([]choice, error) {
	all, _, err := anc.below(ctx, c.site.hostFolder, "HostSystem")
	if err != nil {
		return nil, err
	}
	owners, bases := ownersOf(computes, bases)
	all = slices.DeleteFunc(all, func(host choice) bool { _, known := owners[host.props.ref(propParent)]; return !known })
	host, err := choose(zone.setting("host"), zone.Host, all, bases...)
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
	ctx context.Context, anc *ancestry, zone zoneSpec, computes []choice, bases [][]string, p *placement,
) (choice, error) {
	if zone.ResourcePool == "" {
		p.pool = types.ManagedObjectReference{Type: "ResourcePool", Value: string(computes[0].props.ref("resourcePool"))}
		return computes[0], nil
	}
	pools, _, err := anc.below(ctx, c.site.hostFolder, "ResourcePool", "owner")
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
	pools = clusterPoolsFirst(pools, zone.ResourcePool, bases)
	pool, err := choose(zone.setting("resource-pool"), zone.ResourcePool, pools, bases...)
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
	ctx context.Context, anc *ancestry, zone zoneSpec, compute choice,
) (types.ManagedObjectReference, error) {
	none := types.ManagedObjectReference{}
	var objects []object
	if refs := datastoresOf(compute); len(refs) > 0 {
		var err error
		if objects, err = anc.read(ctx, refs); err != nil {
			return none, err
		}
	}
	base, err := anc.pathOf(ctx, folderRef(c.site.datacenter.props.ref("datastoreFolder")))
	var datastores []choice
	if err == nil {
		datastores, err = anc.choices(ctx, objects)
	}
	if err != nil {
		return none, err
	}
	datastore, err := choose(zone.setting("datastore"), zone.Datastore, datastores, base, c.site.datacenter.path)
	return datastore.ref, err
}

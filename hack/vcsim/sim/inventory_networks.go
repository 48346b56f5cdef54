package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// makeNetworks makes the networks and gives each host those of its cluster. What the stock simulator gives them goes.
func (b *builder) makeNetworks() error {
	for _, n := range b.Networks {
		var err error
		switch n.Kind {
		case DistributedNetwork:
			err = b.makePortGroup(n)
		case OpaqueNetwork:
			err = b.makeOpaque(n)
		default:
			b.networks[n.Name] = b.standard(kept(n.Name))
		}
		if err != nil {
			return err
		}
	}
	for i, c := range b.Clusters {
		refs := []types.ManagedObjectReference{}
		for _, name := range c.Networks {
			refs = append(refs, b.networks[name].Reference())
		}
		for _, host := range b.hosts(func(other Cluster) bool { return other.Name == c.Name }) {
			b.background().Update(host, []types.PropertyChange{{Name: "network", Val: refs}})
		}
		b.background().Update(b.clusters[i], []types.PropertyChange{{Name: "network", Val: refs}})
	}
	for name, network := range b.networks {
		hosts := []types.ManagedObjectReference{}
		for _, host := range b.hosts(func(c Cluster) bool { return slices.Contains(c.Networks, name) }) {
			hosts = append(hosts, host.Self)
		}
		b.background().Update(network, []types.PropertyChange{{Name: "host", Val: hosts}})
	}
	if b.networks[defaultNetwork] == nil {
		b.forget(b.registry.FindByName(defaultNetwork, b.dc.Network))
	}
	return nil
}

// networkFolder is the folder of the networks and switches.
func (b *builder) networkFolder() *simulator.Folder {
	return b.registry.Get(b.dc.NetworkFolder).(*simulator.Folder)
}

// enlist puts a network into the folder, and into the datacenter's list.
func (b *builder) enlist(network mo.Entity) {
	ref := network.Reference()
	folder := b.networkFolder()
	if !slices.Contains(folder.ChildEntity, ref) {
		folder.ChildEntity = append(folder.ChildEntity, ref)
	}
	b.background().Update(b.dc, []types.PropertyChange{{Name: "network", Val: append(slices.Clip(b.dc.Network), ref)}})
}

// standard returns the standard port group of a name. In vCenter those of all hosts of a datacenter are one network.
func (b *builder) standard(name string) mo.Entity {
	if e := b.registry.FindByName(name, b.dc.Network); e != nil {
		return e
	}
	network := new(mo.Network)
	network.Name, network.Entity().Name = name, name
	b.registry.PutEntity(b.networkFolder(), network)
	network.Summary = &types.NetworkSummary{Network: &network.Self, Name: name, Accessible: true}
	b.enlist(network)
	return network
}

// makeOpaque makes an opaque network. The stock simulator puts it into the folder only, and without the entity's name.
func (b *builder) makeOpaque(n Network) error {
	name := kept(n.Name)
	summary := types.OpaqueNetworkSummary{NetworkSummary: types.NetworkSummary{Name: name}, OpaqueNetworkId: newUUID()}
	folder := b.networkFolder()
	if err := folder.AddOpaqueNetwork(b.background(), summary); err != nil {
		return err
	}
	network := b.registry.Get(folder.ChildEntity[len(folder.ChildEntity)-1]).(*mo.OpaqueNetwork)
	network.Entity().Name = name
	b.enlist(network)
	b.networks[n.Name] = network
	return nil
}

// makePortGroup makes a distributed port group, and its switch if that is missing, with the hosts of the clusters that list it.
func (b *builder) makePortGroup(n Network) error {
	dvs, err := b.makeSwitch(n)
	if err != nil {
		return err
	}
	body := types.AddDVPortgroup_Task{This: dvs.Self, Spec: []types.DVPortgroupConfigSpec{{
		Name: kept(n.Name), Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding), NumPorts: 8,
	}}}
	if _, err := b.do("AddDVPortgroup_Task", dvs.Self, &body); err != nil {
		return err
	}
	b.networks[n.Name] = b.registry.FindByName(kept(n.Name), dvs.Portgroup)
	return nil
}

func (b *builder) makeSwitch(n Network) (*simulator.DistributedVirtualSwitch, error) {
	name := kept(n.Switch)
	if dvs, ok := b.registry.FindByName(name, b.networkFolder().ChildEntity).(*simulator.DistributedVirtualSwitch); ok {
		return dvs, nil
	}
	create := types.CreateDVS_Task{This: b.dc.NetworkFolder}
	create.Spec.ConfigSpec = &types.VMwareDVSConfigSpec{DVSConfigSpec: types.DVSConfigSpec{Name: name}}
	result, err := b.do("CreateDVS_Task", b.dc.NetworkFolder, &create)
	if err != nil {
		return nil, err
	}
	dvs := b.registry.Get(result.(types.ManagedObjectReference)).(*simulator.DistributedVirtualSwitch)
	config := new(types.DVSConfigSpec)
	for _, host := range b.hosts(func(c Cluster) bool { return slices.Contains(c.Networks, n.Name) }) {
		config.Host = append(config.Host, types.DistributedVirtualSwitchHostMemberConfigSpec{
			Operation: string(types.ConfigSpecOperationAdd), Host: host.Self,
		})
	}
	_, err = b.do("ReconfigureDvs_Task", dvs.Self, &types.ReconfigureDvs_Task{This: dvs.Self, Spec: config})
	return dvs, err
}

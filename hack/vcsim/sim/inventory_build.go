package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// defaultNetwork is the network that every datacenter of the stock simulator has.
const defaultNetwork = "VM Network"

// builder builds what an inventory describes, in the first datacenter.
type builder struct {
	*Simulator
	Inventory
	dc       *simulator.Datacenter
	networks map[string]mo.Entity // by name, as the inventory has it
}

// buildInventory builds the inventory of the options, if there is one.
func (s *Simulator) buildInventory() error {
	if s.options.Inventory == nil {
		return nil
	}
	b := builder{Simulator: s, Inventory: *s.options.Inventory, dc: s.datacenters[0], networks: map[string]mo.Entity{}}
	if err := b.check(); err != nil {
		return err
	}
	for _, step := range []func() error{b.makeClusters, b.makeDatastores, b.makePolicies, b.makePods, b.makeNetworks, b.makeTemplates} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// makeClusters makes the clusters with their hosts and pools.
func (b *builder) makeClusters() error {
	for _, c := range b.Clusters {
		body := types.CreateClusterEx{This: b.dc.HostFolder, Name: kept(c.Name)}
		res, err := b.call("CreateClusterEx", b.dc.HostFolder, &body)
		if err != nil {
			return err
		}
		cluster := b.registry.Get(res.(*methods.CreateClusterExBody).Res.Returnval).(*simulator.ClusterComputeResource)
		for i := range max(c.Hosts, 1) {
			host := types.HostConnectSpec{HostName: fmt.Sprintf("%s_H%d", kept(c.Name), i)}
			add := types.AddHost_Task{This: cluster.Self, Spec: host, AsConnected: true}
			if _, err := b.do("AddHost_Task", cluster.Self, &add); err != nil {
				return err
			}
		}
		b.configureDRS(cluster, !c.DRSOff, types.DrsBehaviorFullyAutomated)
		root := b.registry.Get(*cluster.ResourcePool).(*simulator.ResourcePool)
		for _, pool := range c.Pools {
			if _, err := b.makePoolBelow(root, pool); err != nil {
				return err
			}
		}
		b.clusters = append(b.clusters, cluster)
	}
	return nil
}

// hosts returns the hosts of the clusters that meet a condition.
func (b *builder) hosts(meets func(Cluster) bool) []*simulator.HostSystem {
	var hosts []*simulator.HostSystem
	for i, c := range b.Clusters {
		if !meets(c) {
			continue
		}
		for _, ref := range b.clusters[i].Host {
			hosts = append(hosts, b.registry.Get(ref).(*simulator.HostSystem))
		}
	}
	return hosts
}

// makeDatastores makes the datastores, and has the hosts of their clusters mount them.
func (b *builder) makeDatastores() error {
	for i, name := range b.Datastores {
		dir := filepath.Join(b.home(), fmt.Sprintf("datastore-%d", i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		for _, host := range b.hosts(func(c Cluster) bool { return slices.Contains(c.Datastores, name) }) {
			system := *host.ConfigManager.DatastoreSystem
			body := types.CreateLocalDatastore{This: system, Name: kept(name), Path: dir}
			if _, err := b.call("CreateLocalDatastore", system, &body); err != nil {
				return err
			}
		}
	}
	return nil
}

// home is the directory of the simulator's files, which goes when the simulator is closed.
func (s *Simulator) home() string {
	for _, option := range s.registry.OptionManager().Setting {
		if o := option.GetOptionValue(); o.Key == "vcsim.home" {
			return o.Value.(string)
		}
	}
	return ""
}

// makePods makes the datastore clusters. The stock simulator doubles members that do not come all at once.
func (b *builder) makePods() error {
	for _, pod := range b.DatastoreClusters {
		body := types.CreateStoragePod{This: b.dc.DatastoreFolder, Name: kept(pod.Name)}
		res, err := b.call("CreateStoragePod", b.dc.DatastoreFolder, &body)
		if err != nil {
			return err
		}
		into := types.MoveIntoFolder_Task{This: res.(*methods.CreateStoragePodBody).Res.Returnval}
		for _, name := range pod.Datastores {
			e := b.registry.FindByName(kept(name), b.dc.Datastore)
			if e == nil {
				return fmt.Errorf("datastore cluster %q: there is no datastore %q", pod.Name, name)
			}
			into.List = append(into.List, e.Reference())
		}
		if _, err := b.do("MoveIntoFolder_Task", into.This, &into); err != nil {
			return err
		}
	}
	return nil
}

// makeTemplates makes the templates, with the snapshots that were taken before they became templates.
func (b *builder) makeTemplates() error {
	for _, t := range b.Templates {
		if err := b.makeTemplate(t); err != nil {
			return fmt.Errorf("template %q: %w", t.Name, err)
		}
	}
	return nil
}

func (b *builder) makeTemplate(t Template) error {
	datastore := t.Datastore
	if datastore == "" {
		datastore = b.Datastores[0]
	}
	at := slices.IndexFunc(b.Clusters, func(c Cluster) bool { return c.has(datastore, t.Networks) })
	if at < 0 {
		return fmt.Errorf("no cluster has the datastore %q and the networks %q", datastore, t.Networks)
	}
	m := machine{name: t.Name, folder: t.Folder, cluster: b.clusters[at], datastore: kept(datastore), diskGiB: t.DiskGiB}
	for _, name := range t.Networks {
		m.networks = append(m.networks, b.networks[name])
	}
	ref, err := b.makeVM(m)
	if err != nil {
		return err
	}
	for _, name := range t.Snapshots {
		if _, err := b.takeSnapshot(ref.Value, name); err != nil {
			return err
		}
	}
	_, err = b.call("MarkAsTemplate", ref, &types.MarkAsTemplate{This: ref})
	return err
}

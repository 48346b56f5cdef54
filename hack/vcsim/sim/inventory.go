package sim

import (
	"fmt"
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// createModel builds the datacenters, without virtual machines.
func (s *Simulator) createModel() error {
	model := simulator.VPX()
	model.Autostart = false
	// The stock simulator says 6.5, and has properties that came later, such as guest.customizationInfo.
	about := &model.ServiceContent.About
	about.Version, about.ApiVersion = "8.0.3", "8.0.3.0"
	about.FullName = fmt.Sprintf("%s %s build-%s", about.Name, about.Version, about.Build)
	model.Datacenter = len(s.options.Datacenters)
	model.Cluster, model.ClusterHost = s.options.Clusters, s.options.Hosts
	model.Pool, model.Datastore = s.options.Pools, s.options.Datastores
	model.Portgroup, model.Host, model.Machine = 0, 0, 0
	if s.options.Inventory != nil { // see inventory_build.go
		model.Cluster, model.ClusterHost, model.Pool, model.Datastore = 0, 0, 0, 0
	}
	if err := model.Create(); err != nil {
		return err
	}
	s.model, s.registry = model, model.Map()
	for i := range s.options.Datacenters {
		dc := s.datacenter(fmt.Sprintf("DC%d", i))
		if dc == nil {
			return fmt.Errorf("no datacenter DC%d", i)
		}
		s.datacenters = append(s.datacenters, dc)
	}
	for _, e := range s.registry.All("ClusterComputeResource") {
		s.clusters = append(s.clusters, e.(*simulator.ClusterComputeResource))
	}
	return nil
}

// placeDatacenters gives the datacenters their names, and moves those into folders whose option is a path.
func (s *Simulator) placeDatacenters() error {
	for i, at := range s.options.Datacenters {
		folder := s.registry.Get(rootFolder(s.registry)).(*simulator.Folder)
		dc := s.datacenters[i]
		names := strings.Split(at, "/")
		s.background().Update(dc, []types.PropertyChange{{Name: "name", Val: kept(names[len(names)-1])}})
		if len(names) == 1 {
			continue
		}
		folder, err := s.makeFolders(folder, names[:len(names)-1])
		if err != nil {
			return err
		}
		into := types.MoveIntoFolder_Task{This: folder.Self, List: []types.ManagedObjectReference{dc.Self}}
		if _, err := s.do("MoveIntoFolder_Task", folder.Self, &into); err != nil {
			return err
		}
	}
	return nil
}

func (s *Simulator) datacenter(name string) *simulator.Datacenter {
	for _, e := range s.registry.All("Datacenter") {
		if e.Entity().Name == name {
			return e.(*simulator.Datacenter)
		}
	}
	return nil
}

// vmFolder is the first datacenter's folder of virtual machines.
func (s *Simulator) vmFolder() *simulator.Folder {
	return s.registry.Get(s.datacenters[0].VmFolder).(*simulator.Folder)
}

func (s *Simulator) createTemplates() error {
	for _, name := range s.options.Templates {
		if _, err := s.addTemplate(s.options.TemplateFolder, name); err != nil {
			return fmt.Errorf("template %q: %w", name, err)
		}
	}
	return nil
}

// addTemplate makes a template in a folder, which is made on demand.
func (s *Simulator) addTemplate(folder, name string) (types.ManagedObjectReference, error) {
	ref, err := s.addVM(folder, name)
	if err != nil {
		return ref, err
	}
	_, err = s.call("MarkAsTemplate", ref, &types.MarkAsTemplate{This: ref})
	return ref, err
}

// addVM makes a virtual machine with one disk and one network card, switched off, where its datacenter's first cluster has
// its first datastore, and its first network.
func (s *Simulator) addVM(folderPath, name string) (types.ManagedObjectReference, error) {
	folder, err := s.makeFolder(folderPath)
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	dc := datacenterOf(s.registry, folder)
	m := machine{name: name, folder: folderPath, cluster: s.clusterOf(dc)}
	if m.cluster == nil {
		return types.ManagedObjectReference{}, fmt.Errorf("no cluster in datacenter %q", dc.Name)
	}
	if len(m.cluster.Datastore) > 0 {
		m.datastore = entityName(s.registry, m.cluster.Datastore[0])
	}
	if len(m.cluster.Network) > 0 {
		m.networks = []mo.Entity{s.registry.Get(m.cluster.Network[0]).(mo.Entity)}
	}
	return s.makeVM(m)
}

// poolOf is the root resource pool of a datacenter's first cluster, by name.
func (s *Simulator) poolOf(dc *simulator.Datacenter) *simulator.ResourcePool {
	first := s.clusterOf(dc)
	if first == nil {
		return nil
	}
	return s.registry.Get(*first.ResourcePool).(*simulator.ResourcePool)
}

// clusterOf is a datacenter's first cluster, by name.
func (s *Simulator) clusterOf(dc *simulator.Datacenter) *simulator.ClusterComputeResource {
	var first *simulator.ClusterComputeResource
	for _, cluster := range s.clusters {
		if datacenterOf(s.registry, cluster) == dc && (first == nil || cluster.Name < first.Name) {
			first = cluster
		}
	}
	return first
}

// makePool makes resource pools, one in the other, below the root pool of the first datacenter's first cluster, as far as
// they are missing.
func (s *Simulator) makePool(poolPath string) (types.ManagedObjectReference, error) {
	return s.makePoolBelow(s.poolOf(s.datacenters[0]), poolPath)
}

// makePoolBelow makes resource pools below another one, as far as they are missing.
func (s *Simulator) makePoolBelow(pool *simulator.ResourcePool, poolPath string) (types.ManagedObjectReference, error) {
	for _, name := range strings.Split(poolPath, "/") {
		name = kept(name)
		next := s.registry.FindByName(name, pool.ResourcePool.ResourcePool)
		if next == nil {
			body := types.CreateResourcePool{This: pool.Self, Name: name, Spec: types.DefaultResourceConfigSpec()}
			res, err := s.call("CreateResourcePool", pool.Self, &body)
			if err != nil {
				return types.ManagedObjectReference{}, err
			}
			next = s.registry.Get(res.(*methods.CreateResourcePoolBody).Res.Returnval).(mo.Entity)
		}
		pool = next.(*simulator.ResourcePool)
	}
	return pool.Self, nil
}

// makeFolder returns the folder at a path below the first datacenter's VM folder, and makes what is missing of it.
func (s *Simulator) makeFolder(folderPath string) (*simulator.Folder, error) {
	return s.makeFolders(s.vmFolder(), strings.FieldsFunc(path.Clean("/"+folderPath), func(r rune) bool { return r == '/' }))
}

// makeFolders returns the folder that the names lead to from another one, and makes what is missing.
func (s *Simulator) makeFolders(folder *simulator.Folder, names []string) (*simulator.Folder, error) {
	for _, name := range names {
		next := child(s.background(), folder, kept(name))
		if next == nil {
			res, err := s.call("CreateFolder", folder.Self, &types.CreateFolder{This: folder.Self, Name: name})
			if err != nil {
				return nil, err
			}
			next = s.registry.Get(res.(*methods.CreateFolderBody).Res.Returnval).(mo.Entity)
		}
		var ok bool
		if folder, ok = next.(*simulator.Folder); !ok {
			return nil, fmt.Errorf("%q is not a folder", name)
		}
	}
	return folder, nil
}

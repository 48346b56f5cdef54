package sim

import (
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// targets returns the objects that a call asks for a privilege on.
func (s *Simulator) targets(m *simulator.Method, privilege string) []types.ManagedObjectReference {
	clone, _ := m.Body.(*types.CloneVM_Task)
	optional := func(ref *types.ManagedObjectReference) []types.ManagedObjectReference {
		if ref == nil {
			return nil
		}
		return []types.ManagedObjectReference{*ref}
	}
	switch control.TargetOf(m.This.Type+"."+m.Name, privilege) {
	case control.OnDestination:
		if privilege == "VirtualMachine.Interact.PowerOn" && !clone.Spec.PowerOn {
			return nil
		}
		return []types.ManagedObjectReference{clone.Folder}
	case control.OnPool:
		return optional(clone.Spec.Location.Pool)
	case control.OnDatastore:
		if source, ok := s.registry.Get(m.This).(*simulator.VirtualMachine); ok && clone.Spec.Location.Datastore == nil {
			return source.Datastore
		}
		return optional(clone.Spec.Location.Datastore)
	case control.OnPod:
		ask, _ := m.Body.(*types.RecommendDatastores)
		return optional(ask.StorageSpec.PodSelectionSpec.StoragePod)
	case control.OnNetworks:
		return s.networksOf(m, clone)
	case control.OnTaskEntity:
		if task, ok := s.registry.Get(m.This).(*simulator.Task); ok {
			return optional(task.Info.Entity)
		}
		return nil
	default:
		return []types.ManagedObjectReference{m.This}
	}
}

// networksOf returns the networks that a clone is to be connected to: those that its request names, and those of the source's
// cards that it leaves as they are.
func (s *Simulator) networksOf(m *simulator.Method, clone *types.CloneVM_Task) []types.ManagedObjectReference {
	source, ok := s.registry.Get(m.This).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	backings := map[int32]types.BaseVirtualDeviceBackingInfo{}
	for _, device := range s.devicesOf(s.background(), m.This) {
		if card := ethernetCard(device); card != nil {
			backings[card.Key] = card.Backing
		}
	}
	added := int32(-1 << 30) // added cards may have any key, or none
	for _, base := range deviceChanges(clone) {
		change := base.GetVirtualDeviceConfigSpec()
		card := ethernetCard(change.Device)
		switch {
		case card == nil:
		case change.Operation == types.VirtualDeviceConfigSpecOperationAdd:
			backings[added] = card.Backing
			added++
		case change.Operation == types.VirtualDeviceConfigSpecOperationRemove:
			delete(backings, card.Key)
		case card.Backing != nil:
			backings[card.Key] = card.Backing
		}
	}
	var refs []types.ManagedObjectReference
	for _, key := range slices.Sorted(maps.Keys(backings)) {
		network := networkOf(s.registry, datacenterOf(s.registry, source), backings[key])
		if network != nil && !slices.Contains(refs, network.Reference()) {
			refs = append(refs, network.Reference())
		}
	}
	return refs
}

// inventoryTypes are the types of what privileges are asked for on, but for whole vCenters.
var inventoryTypes = []string{"VirtualMachine", "Folder", "ResourcePool", "VirtualApp", "Datastore", "StoragePod", "ClusterComputeResource"}

// granted reports whether the account has a privilege on an object. The nearest permission decides: the object's own, or
// the first above it that propagates. (A VM inherits from its resource pool too, which has none that does.) What is no part
// of the inventory, a session or a view, belongs to vCenter as a whole; what is gone is for the call to find out.
func (s *Simulator) granted(ref types.ManagedObjectReference, privilege string) bool {
	if ref.Type == tagRef("").Type {
		return slices.Contains(s.grants[control.Tags].Privileges, privilege)
	}
	e, ok := s.registry.Get(ref).(mo.Entity)
	if !ok {
		return slices.Contains(inventoryTypes, ref.Type) || slices.Contains(s.grants[control.VCenterRoot].Privileges, privilege)
	}
	for own := true; ; own = false {
		if g, ok := s.grants[s.objectOf(e)]; ok && (own || g.Propagate) {
			return slices.Contains(g.Privileges, privilege)
		}
		parent := e.Entity().Parent
		if parent == nil {
			return false
		}
		if e, ok = s.registry.Get(*parent).(mo.Entity); !ok {
			return false // an orphan
		}
	}
}

// objectOf says which of the objects that something may be granted on an object is, or "". Folders are known by their
// paths: a grant on one that does not exist yet holds as soon as it does.
func (s *Simulator) objectOf(e mo.Entity) control.Object {
	switch e := e.(type) {
	case *simulator.Datacenter:
		return control.Datacenter
	case *simulator.ResourcePool, *simulator.VirtualApp:
		return control.ResourcePool
	case *simulator.Datastore:
		if e.Parent != nil && e.Parent.Type == "StoragePod" { // which grants what it grants to its members
			return ""
		}
		return control.Datastore
	case *simulator.ClusterComputeResource:
		return control.Cluster
	case *simulator.StoragePod:
		return control.DatastoreCluster
	case *simulator.Folder:
		return s.folderObject(e)
	}
	if isA(e, "Network") {
		return control.Network
	}
	return ""
}

func (s *Simulator) folderObject(f *simulator.Folder) control.Object {
	if f.Self == rootFolder(s.registry) {
		return control.VCenterRoot
	}
	place, ok := s.belowVMFolder(f)
	switch {
	case !ok:
		return ""
	case place == "":
		return control.VMFolder
	case place == s.options.Root:
		return control.RootFolder
	case place == s.options.TemplateFolder:
		return control.TemplateFolder
	default:
		return ""
	}
}

// belowVMFolder returns the path of a folder below its datacenter's VM folder, which has an empty one.
func (s *Simulator) belowVMFolder(f *simulator.Folder) (path string, ok bool) {
	dc := datacenterOf(s.registry, f)
	if dc == nil {
		return "", false
	}
	vms, ok := s.registry.Get(dc.VmFolder).(*simulator.Folder)
	if !ok {
		return "", false
	}
	path, ok = strings.CutPrefix(s.path(f)+"/", s.path(vms)+"/")
	return strings.TrimSuffix(path, "/"), ok
}

// underRoot reports whether an object lies below the root folder, of whatever datacenter, by walking up from it.
func (s *Simulator) underRoot(e mo.Entity) bool {
	for {
		parent := e.Entity().Parent
		if parent == nil {
			return false
		}
		f, ok := s.registry.Get(*parent).(*simulator.Folder)
		if !ok {
			return false
		}
		if s.folderObject(f) == control.RootFolder {
			return true
		}
		e = f
	}
}

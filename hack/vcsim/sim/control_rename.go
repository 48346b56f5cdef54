package sim

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// opRenameObject gives a resource pool, a datastore, a datastore cluster, a network or a cluster another name. What names it
// in virtual machines follows, as in vCenter.
func (s *Simulator) opRenameObject(r control.Request) (any, error) {
	e, err := s.findObject(r.Object)
	if err != nil {
		return nil, err
	}
	name := kept(r.Name)
	if s.taken(e, name) {
		return nil, fmt.Errorf("DuplicateName: there is a %q already", r.Name)
	}
	s.shape.Lock() // no virtual machine is being made meanwhile
	defer s.shape.Unlock()
	old := nameOf(e)
	ctx := s.background()
	changes := []types.PropertyChange{{Name: "name", Val: name}}
	switch o := e.(type) {
	case *simulator.ResourcePool, *simulator.ClusterComputeResource, *simulator.StoragePod:
		ctx.Map.AtomicUpdate(ctx, e, changes)
	case *simulator.Datastore:
		o.Info.GetDatastoreInfo().Name = name
		ctx.Map.AtomicUpdate(ctx, e, append(changes, types.PropertyChange{Name: "summary.name", Val: name}))
		s.disks.renamed(old, name)
		s.rewrite(func(text string) string { return onDatastore(text, old, name) })
	case *mo.Network, *mo.OpaqueNetwork, *simulator.DistributedVirtualPortgroup:
		ctx.Map.WithLock(ctx, e, func() {
			e.Entity().Name = name // there are two of them
			ctx.Update(e, changes)
		})
		s.reconnect(e, old, name)
	default:
		return nil, fmt.Errorf("a %s cannot be renamed", e.Reference().Type)
	}
	return control.Reply{MoRef: e.Reference().Value}, nil
}

// taken reports whether a sibling of an object has a name.
func (s *Simulator) taken(e mo.Entity, name string) bool {
	var siblings []types.ManagedObjectReference
	switch parent := s.registry.Get(*e.Entity().Parent).(type) {
	case *simulator.Folder:
		siblings = parent.ChildEntity
	case *simulator.StoragePod:
		siblings = parent.ChildEntity
	case *simulator.ResourcePool:
		siblings = parent.ResourcePool.ResourcePool
	}
	return s.registry.FindByName(name, siblings) != nil
}

// onDatastore is a datastore path after its datastore was renamed.
func onDatastore(text, old, name string) string {
	if rest, ok := strings.CutPrefix(text, "["+old+"]"); ok {
		return "[" + name + "]" + rest
	}
	return text
}

// rewrite changes the texts of all virtual machines, and of their snapshots. What collectors have read is not touched.
func (s *Simulator) rewrite(change func(string) string) {
	for _, vm := range s.machines() {
		ctx := s.background()
		ctx.WithLock(vm, func() {
			config, layout, layoutEx := copyOf(*vm.Config), copyOf(*vm.Layout), copyOf(*vm.LayoutEx)
			for _, part := range []any{&config, &layout, &layoutEx} {
				rewriteTexts(reflect.ValueOf(part), change)
			}
			vm.Config, vm.Layout, vm.LayoutEx = &config, &layout, &layoutEx
			ctx.Update(vm, []types.PropertyChange{
				{Name: "config.changeVersion", Val: config.ChangeVersion}, // the hub takes it for a reconfiguration
				{Name: "summary.config.vmPathName", Val: config.Files.VmPathName},
			})
		})
	}
	for _, obj := range s.registry.AllReference("VirtualMachineSnapshot") {
		if snapshot, ok := obj.(*simulator.VirtualMachineSnapshot); ok {
			config := copyOf(snapshot.Config)
			rewriteTexts(reflect.ValueOf(&config), change)
			s.background().WithLock(snapshot, func() { snapshot.Config = config })
		}
	}
}

// rewriteTexts changes every string that can be reached from a value.
func rewriteTexts(v reflect.Value, change func(string) string) {
	switch kind := v.Kind(); {
	case kind == reflect.Pointer, kind == reflect.Interface:
		if !v.IsNil() {
			rewriteTexts(v.Elem(), change)
		}
	case kind == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				rewriteTexts(v.Field(i), change)
			}
		}
	case kind == reflect.Slice:
		for i := range v.Len() {
			rewriteTexts(v.Index(i), change)
		}
	case kind == reflect.String:
		if v.CanSet() {
			v.SetString(change(v.String()))
		}
	}
}

// reconnect lets the network cards that are on a renamed network follow: a standard port group is known by its name.
func (s *Simulator) reconnect(network mo.Entity, old, name string) {
	for _, vm := range s.machines() {
		ctx := s.background()
		ctx.WithLock(vm, func() {
			config := copyOf(*vm.Config)
			renameBackings(config.Hardware.Device, network, old, name)
			vm.Config = &config
			ctx.Update(vm, append(connect(s.registry, &vm.VirtualMachine),
				types.PropertyChange{Name: "config.changeVersion", Val: config.ChangeVersion}))
		})
	}
	for _, obj := range s.registry.AllReference("VirtualMachineSnapshot") {
		if snapshot, ok := obj.(*simulator.VirtualMachineSnapshot); ok {
			config := copyOf(snapshot.Config)
			renameBackings(config.Hardware.Device, network, old, name)
			s.background().WithLock(snapshot, func() { snapshot.Config = config })
		}
	}
}

func renameBackings(devices []types.BaseVirtualDevice, network mo.Entity, old, name string) {
	if _, standard := network.(*mo.Network); !standard {
		return
	}
	for _, device := range devices {
		if card := ethernetCard(device); card != nil {
			b, ok := card.Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
			if ok && b.DeviceName == old && (b.Network == nil || *b.Network == network.Reference()) {
				b.DeviceName = name
			}
		}
	}
}

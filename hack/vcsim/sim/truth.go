package sim

import (
	"cmp"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// stampKey is the ExtraConfig key by which the controller knows its virtual machines.
const stampKey = "vmgroup.stamp"

// vms lists every virtual machine in the registry, those included that no view can reach, but for those that are still
// being made and that nobody can see.
func (s *Simulator) vms() []control.VM {
	ctx := s.background()
	out := []control.VM{}
	for _, e := range s.registry.All("VirtualMachine") {
		vm, ok := e.(*simulator.VirtualMachine)
		if !ok || s.hub.isUnborn(e.Reference()) {
			continue
		}
		ctx.WithLock(vm, func() {
			if s.hub.isEmbryo(vm.Self) {
				out = append(out, describeUnborn(&vm.VirtualMachine, s.path(vm)))
			} else {
				out = append(out, describe(s.registry, &vm.VirtualMachine, s.path(vm)))
			}
		})
		s.policies.describe(&out[len(out)-1])
	}
	slices.SortFunc(out, func(a, b control.VM) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.MoRef, b.MoRef))
	})
	return out
}

func describe(registry *simulator.Registry, vm *mo.VirtualMachine, path string) control.VM {
	out := control.VM{
		MoRef:           vm.Self.Value,
		Name:            vm.Name,
		Path:            path,
		InstanceUUID:    vm.Config.InstanceUuid,
		Annotation:      vm.Config.Annotation,
		Template:        vm.Config.Template,
		PowerState:      string(vm.Runtime.PowerState),
		ConnectionState: string(vm.Runtime.ConnectionState),
		NumCPU:          vm.Config.Hardware.NumCPU,
		MemoryMB:        vm.Config.Hardware.MemoryMB,
		CPUHotAdd:       isTrue(vm.Config.CpuHotAddEnabled),
		MemoryHotAdd:    isTrue(vm.Config.MemoryHotAddEnabled),
	}
	if vm.Parent != nil {
		out.Folder = vm.Parent.Value
	}
	if vm.ResourcePool != nil {
		out.Pool = vm.ResourcePool.Value
	}
	if vm.Runtime.Host != nil {
		out.Host = vm.Runtime.Host.Value
		if host, ok := registry.Get(*vm.Runtime.Host).(mo.Entity); ok {
			out.Cluster = entityName(registry, *host.Entity().Parent)
		}
	}
	if stamp, ok := object.OptionValueList(vm.Config.ExtraConfig).GetString(stampKey); ok {
		out.Stamp = stamp
	}
	for _, ref := range vm.Datastore {
		out.Datastores = append(out.Datastores, entityName(registry, ref))
	}
	for _, disk := range disksOf(vm.Config.Hardware.Device) {
		out.Disks = append(out.Disks, disk.Key)
		out.DiskKiB = append(out.DiskKiB, disk.CapacityInKB)
		parent := ""
		if files := chain(disk); len(files) > 1 {
			parent = files[1]
		}
		out.DiskParents = append(out.DiskParents, parent)
		if disk.VDiskId != nil {
			out.FirstClassDisks = append(out.FirstClassDisks, disk.Key)
		}
	}
	out.NICs = describeCards(registry, vm)
	return out
}

// describeCards lists the network cards of a virtual machine.
func describeCards(registry *simulator.Registry, vm *mo.VirtualMachine) []control.NIC {
	var nics []control.NIC
	dc := datacenterOf(registry, vm)
	for _, device := range vm.Config.Hardware.Device {
		card := ethernetCard(device)
		if card == nil {
			continue
		}
		nic := control.NIC{Key: card.Key, MAC: card.MacAddress}
		nic.Connected = card.Connectable != nil && card.Connectable.Connected
		if network := networkOf(registry, dc, card.Backing); network != nil {
			nic.Network = nameOf(network)
		}
		nics = append(nics, nic)
	}
	return nics
}

// folders lists every folder of virtual machines.
func (s *Simulator) folders() []control.Folder {
	out := []control.Folder{}
	for _, e := range s.registry.All("Folder") {
		f, ok := e.(*simulator.Folder)
		if ok && slices.Contains(f.ChildType, "VirtualMachine") {
			out = append(out, control.Folder{MoRef: f.Self.Value, Name: f.Name, Path: s.path(f)})
		}
	}
	slices.SortFunc(out, func(a, b control.Folder) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// allTasks lists every task, in the order they were started.
func (s *Simulator) allTasks() []control.Task {
	ctx := s.background()
	var tasks []*simulator.Task
	for _, obj := range s.registry.AllReference("Task") {
		if t, ok := obj.(*simulator.Task); ok {
			tasks = append(tasks, t)
		}
	}
	slices.SortFunc(tasks, func(a, b *simulator.Task) int {
		return cmp.Or(a.Info.QueueTime.Compare(b.Info.QueueTime), strings.Compare(a.Self.Value, b.Self.Value))
	})
	out := []control.Task{}
	for _, t := range tasks {
		var info types.TaskInfo
		ctx.WithLock(t, func() { info = t.Info })
		task := control.Task{Key: info.Key, DescriptionID: info.DescriptionId, State: string(info.State)}
		if info.Entity != nil {
			task.Entity = info.Entity.Value
		}
		if info.Error != nil {
			task.Error = reflect.TypeOf(info.Error.Fault).Elem().Name()
		}
		if ref, ok := info.Result.(types.ManagedObjectReference); ok {
			task.Result = ref.Value
		}
		out = append(out, task)
	}
	return out
}

// path is the inventory path, starting with the datacenter, or with "?" if something above has gone.
func (s *Simulator) path(e mo.Entity) string {
	out := nameOf(e)
	for {
		parent := e.Entity().Parent
		if parent == nil || *parent == rootFolder(s.registry) {
			return "/" + out
		}
		next, ok := s.registry.Get(*parent).(mo.Entity)
		if !ok {
			return path.Join("?", out)
		}
		e, out = next, path.Join(nameOf(next), out)
	}
}

// findVM finds a virtual machine by MoRef value, inventory path, or name. A name that is not unique finds none.
func (s *Simulator) findVM(key string) (*simulator.VirtualMachine, error) {
	get := func(ref types.ManagedObjectReference) *simulator.VirtualMachine {
		vm, ok := s.registry.Get(ref).(*simulator.VirtualMachine)
		if !ok || s.hub.isUnborn(ref) {
			return nil
		}
		return vm
	}
	if vm := get(types.ManagedObjectReference{Type: "VirtualMachine", Value: key}); vm != nil {
		return vm, nil
	}
	var found []*simulator.VirtualMachine
	for _, ref := range s.hub.names.find("VirtualMachine", key) {
		if vm := get(ref); vm != nil {
			found = append(found, vm)
		}
	}
	if at := s.path(s.vmFolder()) + "/" + strings.Trim(key, "/"); strings.Contains(key, "/") {
		for _, ref := range s.hub.names.find("VirtualMachine", path.Base(at)) {
			if vm := get(ref); vm != nil && s.path(vm) == at {
				found = append(found, vm)
			}
		}
	}
	if len(found) != 1 {
		return nil, &lookupError{"virtual machine", key, len(found)}
	}
	return found[0], nil
}

// findFolder finds a folder by MoRef value, or by its path below the first datacenter's VM folder.
func (s *Simulator) findFolder(key string) (*simulator.Folder, error) {
	if f, ok := s.registry.Get(types.ManagedObjectReference{Type: "Folder", Value: key}).(*simulator.Folder); ok {
		return f, nil
	}
	want := path.Join(s.path(s.vmFolder()), key)
	for _, ref := range s.hub.names.find("Folder", path.Base(want)) {
		if f, ok := s.registry.Get(ref).(*simulator.Folder); ok && s.path(f) == want {
			return f, nil
		}
	}
	return nil, &lookupError{"folder", key, 0}
}

type lookupError struct {
	kind, key string
	found     int
}

func (e *lookupError) Error() string {
	return strconv.Itoa(e.found) + " matches for " + e.kind + " " + strconv.Quote(e.key)
}

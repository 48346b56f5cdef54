package sim

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// createFolder carries out CreateFolder. The stock simulator accepts an empty name, and panics from then on whenever it
// looks for a child of that parent by name; and it escapes what is escaped already.
func (s *Simulator) createFolder(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	name := m.Body.(*types.CreateFolder).Name
	if name == "" {
		return faultBody(&types.InvalidName{Name: name})
	}
	return s.stock(ctx, withName(m, decoded(name)))
}

// createVM carries out CreateVM_Task and RegisterVM_Task while no folder goes.
func (s *Simulator) createVM(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	s.shape.RLock()
	if s.isClosed() || !rooted(ctx.Map, m.This) {
		s.shape.RUnlock()
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	return s.whileRunning(ctx, s.stock(ctx, m), s.shape.RUnlock)
}

// destroyVM carries out Destroy_Task and UnregisterVM of a virtual machine, but not while it is still being made: the
// stock simulator would panic over its files.
func (s *Simulator) destroyVM(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	if s.hub.isUnborn(m.This) || s.hub.isEmbryo(m.This) {
		return faultBody(&types.TaskInProgress{})
	}
	s.shape.RLock()
	return s.whileRunning(ctx, s.stock(ctx, m), s.shape.RUnlock)
}

// destroyFolder carries out Folder.Destroy_Task as the stock simulator does, which lets the virtual machines in the
// folder become orphans, but not while one is being made.
func (s *Simulator) destroyFolder(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	s.shape.Lock()
	return s.whileRunning(ctx, s.stock(ctx, m), s.shape.Unlock)
}

// whileRunning calls done when the task that a call has started is over, or at once if the call failed.
func (s *Simulator) whileRunning(ctx *simulator.Context, res soap.HasFault, done func()) soap.HasFault {
	var ref types.ManagedObjectReference
	switch body := res.(type) {
	case *methods.CreateVM_TaskBody:
		ref = body.Res.Returnval
	case *methods.RegisterVM_TaskBody:
		ref = body.Res.Returnval
	case *methods.Destroy_TaskBody:
		ref = body.Res.Returnval
	case *methods.MoveIntoFolder_TaskBody:
		ref = body.Res.Returnval
	default:
		done()
		return res
	}
	go func() {
		defer done()
		waitTask(detach(ctx), ref)
	}()
	return res
}

// moveIntoFolder carries out MoveIntoFolder_Task while nothing goes: the stock simulator panics in its task when an object
// does not exist.
func (s *Simulator) moveIntoFolder(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	s.shape.Lock()
	for _, ref := range m.Body.(*types.MoveIntoFolder_Task).List {
		e, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok || e.Entity().Parent == nil {
			s.shape.Unlock()
			return faultBody(&types.ManagedObjectNotFound{Obj: ref})
		}
	}
	return s.whileRunning(ctx, s.stock(ctx, m), s.shape.Unlock)
}

// unregisterAndDestroy carries out Folder.UnregisterAndDestroy_Task, which the stock simulator lacks: the folder and the
// folders below it go, and the virtual machines in them are taken out of the inventory with their files left on disk.
func (s *Simulator) unregisterAndDestroy(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	folder, ok := ctx.Map.Get(m.This).(*simulator.Folder)
	if !ok {
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	if parent := folder.Parent; parent == nil || parent.Type != "Folder" {
		return faultBody(&types.NotSupported{}) // a datacenter's own folder
	}
	ref := s.startTask(ctx, folder, "unregisterAndDestroy", func(ctx *simulator.Context, _ <-chan struct{}) (types.AnyType, types.BaseMethodFault) {
		s.shape.Lock()
		defer s.shape.Unlock()
		if !rooted(ctx.Map, folder.Self) {
			return nil, &types.ManagedObjectNotFound{Obj: folder.Self}
		}
		vms, folders := s.contents(ctx, folder)
		for _, vm := range vms {
			if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
				return nil, &types.InvalidState{}
			}
		}
		for _, vm := range vms {
			var res soap.HasFault
			ctx.WithLock(vm, func() { res = vm.UnregisterVM(ctx, &types.UnregisterVM{This: vm.Self}) })
			if fault := res.Fault(); fault != nil {
				return nil, fault.VimFault().(types.BaseMethodFault)
			}
		}
		for _, f := range folders {
			removeFolder(ctx, f)
		}
		return nil, nil
	})
	return taskBody(m.Name, ref)
}

// contents lists what is below a folder: virtual machines, and folders with the deepest first and the folder itself last.
func (s *Simulator) contents(ctx *simulator.Context, folder *simulator.Folder) (vms []*simulator.VirtualMachine, folders []*simulator.Folder) {
	for _, ref := range children(ctx, folder) {
		switch e := ctx.Map.Get(ref).(type) {
		case *simulator.VirtualMachine:
			vms = append(vms, e)
		case *simulator.Folder:
			v, f := s.contents(ctx, e)
			vms, folders = append(vms, v...), append(folders, f...)
		}
	}
	return vms, append(folders, folder)
}

func removeFolder(ctx *simulator.Context, folder *simulator.Folder) {
	parent := ctx.Map.Get(*folder.Parent).(*simulator.Folder)
	ctx.Map.Remove(ctx, folder.Self)
	ctx.Map.RemoveReference(ctx, parent, &parent.ChildEntity, folder.Self)
}

// findChild carries out SearchIndex.FindChild with the parent locked: the stock simulator panics when it meets a child
// that is being made and has no name yet.
func (s *Simulator) findChild(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	if folder, ok := ctx.Map.Get(m.Body.(*types.FindChild).Entity).(*simulator.Folder); ok {
		defer ctx.Map.AcquireLock(ctx, folder)()
	}
	return s.stock(ctx, m)
}

// findByInventoryPath carries out SearchIndex.FindByInventoryPath, which in the stock simulator has findChild's trouble at
// every step.
func (s *Simulator) findByInventoryPath(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	at := rootFolder(ctx.Map)
	found := &at
	path := m.Body.(*types.FindByInventoryPath).InventoryPath
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		step := simulator.Method{Name: "FindChild", This: m.This, Body: &types.FindChild{Entity: *found, Name: name}}
		res, ok := s.findChild(ctx, &step).(*methods.FindChildBody)
		if !ok || res.Res == nil || res.Res.Returnval == nil {
			found = nil
			break
		}
		found = res.Res.Returnval
	}
	return &methods.FindByInventoryPathBody{Res: &types.FindByInventoryPathResponse{Returnval: found}}
}

// rename carries out Rename_Task of a folder or a virtual machine. The stock simulator looks for a namesake without a
// lock, which panics while one is being made, reports it as InvalidArgument, and leaves config.name as it was.
func (s *Simulator) rename(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	name := kept(m.Body.(*types.Rename_Task).NewName)
	entity := ctx.Map.Get(m.This).(mo.Entity)
	if name == "" {
		return faultBody(&types.InvalidName{Name: name})
	}
	ref := s.startTask(ctx, entity, "rename", func(ctx *simulator.Context, _ <-chan struct{}) (types.AnyType, types.BaseMethodFault) {
		if parent, ok := ctx.Map.Get(*entity.Entity().Parent).(*simulator.Folder); ok {
			if other := child(ctx, parent, name); other != nil && other.Reference() != m.This {
				return nil, &types.DuplicateName{Name: name, Object: other.Reference()}
			}
		}
		changes := []types.PropertyChange{{Name: "name", Val: name}}
		if m.This.Type == "VirtualMachine" {
			changes = nameChanges(name)
		}
		ctx.Map.AtomicUpdate(ctx, entity, changes)
		return nil, nil
	})
	return taskBody(m.Name, ref)
}

// markTemplate carries out MarkAsTemplate and MarkAsVirtualMachine, and tells the collectors, which the stock simulator
// does not do.
func (s *Simulator) markTemplate(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	vm := ctx.Map.Get(m.This).(*simulator.VirtualMachine)
	defer ctx.Map.AcquireLock(ctx, vm)()
	res := s.stock(ctx, m)
	if res.Fault() == nil {
		var pool types.AnyType // none for a template
		if vm.ResourcePool != nil {
			pool = *vm.ResourcePool
		}
		ctx.Update(vm, []types.PropertyChange{
			{Name: "config.template", Val: vm.Config.Template},
			{Name: "summary.config.template", Val: vm.Config.Template},
			{Name: "resourcePool", Val: pool},
		})
	}
	return res
}

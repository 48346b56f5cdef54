package sim

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// clones is the clones that are queued or running, and the names that they have reserved.
type clones struct {
	mu       sync.Mutex
	going    map[string]control.Clone // by task; those of clients
	reserved map[reservation]types.ManagedObjectReference
}

type reservation struct {
	folder types.ManagedObjectReference
	name   string
}

// reserve takes a name in a folder for the virtual machine that is to be. If it is taken, it returns false and the
// MoRef of that virtual machine, which cannot be read yet.
func (c *clones) reserve(r reservation, vm types.ManagedObjectReference) (types.ManagedObjectReference, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other, ok := c.reserved[r]; ok {
		return other, false
	}
	if c.reserved == nil {
		c.reserved = make(map[reservation]types.ManagedObjectReference)
	}
	c.reserved[r] = vm
	return vm, true
}

func (c *clones) release(r reservation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.reserved, r)
}

// cloneVM carries out CloneVM_Task. The stock simulator holds the template's lock for the whole clone, so that clones of
// one template wait for each other and a delay blocks even submitting; it drops the source's ExtraConfig and the
// annotation; it lets two running clones have one name; and it panics on a MoRef that does not exist, on a folder that
// goes meanwhile, and when two templates are cloned into one folder.
func (s *Simulator) cloneVM(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	req := m.Body.(*types.CloneVM_Task)
	source, ok := ctx.Map.Get(m.This).(*simulator.VirtualMachine)
	if !ok {
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	if req.Name == "" {
		return faultBody(&types.InvalidName{Name: req.Name})
	}
	location := &req.Spec.Location
	for _, ref := range []*types.ManagedObjectReference{
		&req.Folder, location.Pool, location.Datastore, location.Host, req.Spec.Snapshot,
	} {
		if ref != nil && ctx.Map.Get(*ref) == nil {
			return faultBody(&types.ManagedObjectNotFound{Obj: *ref})
		}
	}
	folder, ok := ctx.Map.Get(req.Folder).(*simulator.Folder)
	if !ok {
		return faultBody(&types.InvalidArgument{InvalidProperty: "folder"})
	}
	named := *req
	named.Name = kept(req.Name)
	c := clone{sim: s, source: source, folder: folder, req: &named, delay: time.Duration(s.cloneDelay.Load())}
	if s.byHand(ctx) {
		c.delay = 0
	}
	c.config(ctx)
	task := s.newTask(ctx, source, "cloneVm")
	task.Info.EventChainId = c.announce(ctx)
	c.task = task.Task
	if !s.byHand(ctx) {
		task.running, task.ended = s.track(ctx, task.Task, c.req, c.spec.ExtraConfig)
	}
	return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{Returnval: s.launch(ctx, task, c.run)}}
}

// clone is one clone, from its submission to its end.
type clone struct {
	sim    *Simulator
	source *simulator.VirtualMachine
	folder *simulator.Folder
	req    *types.CloneVM_Task
	delay  time.Duration
	task   *simulator.Task

	spec types.VirtualMachineConfigSpec // of the virtual machine to make
	host *types.ManagedObjectReference
	pool *types.ManagedObjectReference
	// store is the datastore of the virtual machine's files.
	store types.ManagedObjectReference

	policies madeWith // that the virtual machine is to have

	vapp types.BaseVmConfigInfo // that the virtual machine inherits

	bad types.BaseMethodFault // what is wrong with the request, for the task to say
	// changes is the device changes that are made once the virtual machine is there.
	changes []types.BaseVirtualDeviceConfigSpec
}

// run is the task. It reserves the name first, unless told otherwise, and makes the virtual machine last.
func (c *clone) run(ctx *simulator.Context, cancelled <-chan struct{}) (types.AnyType, types.BaseMethodFault) {
	if c.bad != nil {
		return nil, c.bad
	}
	start := time.Now()
	name := reservation{c.folder.Self, c.req.Name}
	future := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-of-" + newUUID()}
	if c.sim.options.Reserve == ReserveStart {
		if other, ok := c.sim.clones.reserve(name, future); !ok {
			return nil, &types.DuplicateName{Name: c.req.Name, Object: other}
		}
		defer c.sim.clones.release(name)
	}
	if other := child(ctx, c.folder, c.req.Name); other != nil {
		return nil, &types.DuplicateName{Name: c.req.Name, Object: other.Reference()}
	}
	wait := func() bool { return c.wait(ctx, start, cancelled) }
	if c.sim.options.Visible == VisibleStart {
		return c.runVisible(ctx, wait, cancelled)
	}
	if !wait() {
		return nil, &types.RequestCanceled{}
	}
	ref, fault := c.create(ctx, cancelled)
	if fault != nil {
		return nil, fault
	}
	if vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine); ok && c.spec.Name != c.req.Name {
		ctx.Map.AtomicUpdate(ctx, vm, nameChanges(c.req.Name))
	}
	return ref, c.complete(ctx, ref)
}

// wait lets the time go by that the clone takes, and returns false if it was cut short. Meanwhile the task says how much of
// it has gone.
func (c *clone) wait(ctx *simulator.Context, start time.Time, cancelled <-chan struct{}) bool {
	if c.delay <= 0 {
		return true
	}
	over := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { c.tell(detach(ctx), start, over) })
	defer telling.Wait()
	defer close(over)
	return c.sim.sleep(c.delay-time.Since(start), cancelled)
}

// tell has the task say every now and then how much of the clone's time has gone.
func (c *clone) tell(ctx *simulator.Context, start time.Time, over <-chan struct{}) {
	ticker := time.NewTicker(max(c.delay/20, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			percent := int32(100 * time.Since(start) / c.delay)
			ctx.Map.AtomicUpdate(ctx, c.task, []types.PropertyChange{{Name: "info.progress", Val: min(percent, 99)}})
		case <-over:
			return
		}
	}
}

// create makes the virtual machine, with the folder locked: the stock simulator cannot bear another call there that
// looks for a name while it does so.
func (c *clone) create(ctx *simulator.Context, cancelled <-chan struct{}) (types.ManagedObjectReference, types.BaseMethodFault) {
	none := types.ManagedObjectReference{}
	c.sim.shape.RLock()
	defer c.sim.shape.RUnlock()
	defer ctx.Map.AcquireLock(ctx, c.folder)()
	if fault := c.obstacle(ctx, cancelled); fault != nil {
		return none, fault
	}
	res := c.folder.CreateVMTask(ctx, &types.CreateVM_Task{This: c.folder.Self, Config: c.spec, Pool: *c.pool, Host: c.host})
	result, fault := waitTask(ctx, res.(*methods.CreateVM_TaskBody).Res.Returnval)
	if fault != nil {
		return none, fault
	}
	return result.(types.ManagedObjectReference), nil
}

// obstacle says why the virtual machine cannot be made, or get its name. The caller holds the folder's lock.
func (c *clone) obstacle(ctx *simulator.Context, cancelled <-chan struct{}) types.BaseMethodFault {
	select {
	case <-cancelled: // vCenter restarts, or the option says that cancelling has an effect
		return &types.RequestCanceled{}
	case <-c.sim.closed:
		return &types.RequestCanceled{}
	default:
	}
	for _, ref := range []types.ManagedObjectReference{c.folder.Self, *c.pool, *c.host} {
		if !rooted(ctx.Map, ref) {
			return &types.ManagedObjectNotFound{Obj: ref}
		}
	}
	if other := child(ctx, c.folder, c.req.Name); other != nil {
		return &types.DuplicateName{Name: c.req.Name, Object: other.Reference()}
	}
	return c.hosted(ctx)
}

// complete does what the request asks for beyond a virtual machine that is switched off. What it cannot do makes the
// clone fail and leaves the virtual machine behind, as vCenter may.
func (c *clone) complete(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref} // destroyed at once
	}
	c.sim.guests.inherit(c.source.Self, ref)
	c.keepPolicies(ref)
	if c.vapp != nil {
		ctx.WithLock(vm, func() { setVApp(ctx, vm, c.vapp) })
	}
	if len(c.changes) > 0 {
		spec := types.VirtualMachineConfigSpec{DeviceChange: c.changes}
		// On nobody's behalf: it is the clone that was asked for.
		if fault := c.await(c.sim.background(), vm, "ReconfigVM_Task", &types.ReconfigVM_Task{This: ref, Spec: spec}); fault != nil {
			return fault
		}
	}
	if c.req.Spec.Template {
		res := c.sim.markTemplate(ctx, &simulator.Method{Name: "MarkAsTemplate", This: ref, Body: &types.MarkAsTemplate{This: ref}})
		if fault := res.Fault(); fault != nil {
			return fault.VimFault().(types.BaseMethodFault)
		}
		return nil
	}
	if custom := c.req.Spec.Customization; custom != nil {
		if fault := c.customize(ctx, vm, custom); fault != nil {
			return fault
		}
	}
	if c.req.Spec.PowerOn {
		return c.await(ctx, vm, "PowerOnVM_Task", &types.PowerOnVM_Task{This: ref})
	}
	return nil
}

// customize has vCenter take over the customization. Rules for CustomizeVM_Task are met here, too.
func (c *clone) customize(ctx *simulator.Context, vm *simulator.VirtualMachine, spec *types.CustomizationSpec) types.BaseMethodFault {
	body := &types.CustomizeVM_Task{This: vm.Self, Spec: *spec}
	if r := c.sim.faults.match(c.sim.sightingOf(&simulator.Method{Name: "CustomizeVM_Task", This: vm.Self, Body: body})); r != nil {
		if fault, err := newFault(r.Type); err == nil {
			return fault
		}
	}
	return c.await(ctx, vm, "CustomizeVM_Task", body)
}

// await calls a stock method of the new virtual machine that returns a task, and waits for the task.
func (c *clone) await(ctx *simulator.Context, vm *simulator.VirtualMachine, method string, body any) types.BaseMethodFault {
	_, fault := c.sim.await(ctx, &simulator.Method{Name: method, This: vm.Self, Body: body})
	return fault
}

// announce posts the event that says where a clone goes and what it is called, which its task does not, and returns the
// chain that both belong to.
func (c *clone) announce(ctx *simulator.Context) (chain int32) {
	event := types.VmBeingClonedEvent{
		DestFolder: types.FolderEventArgument{
			Folder:              c.folder.Self,
			EntityEventArgument: types.EntityEventArgument{Name: c.folder.Name},
		},
		DestName: c.req.Name,
	}
	event.Vm = &types.VmEventArgument{
		Vm:                  c.source.Self,
		EntityEventArgument: types.EntityEventArgument{Name: c.source.Name},
	}
	if dc := datacenterOf(ctx.Map, c.folder); dc != nil {
		event.Datacenter = &types.DatacenterEventArgument{
			Datacenter:          dc.Self,
			EntityEventArgument: types.EntityEventArgument{Name: dc.Name},
		}
	}
	event.DestHost = types.HostEventArgument{
		Host:                *c.host,
		EntityEventArgument: types.EntityEventArgument{Name: entityName(ctx.Map, *c.host)},
	}
	event.Host = &event.DestHost
	post(ctx, &event)
	return event.ChainId
}

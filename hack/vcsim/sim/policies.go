package sim

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// policies is the storage policies of the inventory, and which virtual machines were made with one.
type policies struct {
	all []storagePolicy // does not change after the start

	mu sync.Mutex
	of map[types.ManagedObjectReference]madeWith // by virtual machine
}

// storagePolicy is one storage policy, and the datastores that satisfy it.
type storagePolicy struct {
	id, name string
	stores   []types.ManagedObjectReference
}

// madeWith is the policies, by name, that a virtual machine was made with: of its directory, and of its disks by their keys.
type madeWith struct {
	home  string
	disks map[int32]string
}

// byID returns the policy with an identifier, or nil.
func (p *policies) byID(id string) *storagePolicy {
	i := slices.IndexFunc(p.all, func(one storagePolicy) bool { return one.id == id })
	if i < 0 {
		return nil
	}
	return &p.all[i]
}

func (p *policies) keep(vm types.ManagedObjectReference, with madeWith) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[types.ManagedObjectReference]madeWith)
	}
	p.of[vm] = with
}

func (p *policies) forget(vm types.ManagedObjectReference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, vm)
}

// describe adds the policies of a virtual machine to what is told of it.
func (p *policies) describe(vm *control.VM) {
	p.mu.Lock()
	defer p.mu.Unlock()
	with, ok := p.of[types.ManagedObjectReference{Type: "VirtualMachine", Value: vm.MoRef}]
	if !ok {
		return
	}
	vm.StoragePolicy = with.home
	for _, key := range vm.Disks {
		vm.DiskPolicies = append(vm.DiskPolicies, with.disks[key])
	}
}

// chosen returns the policy that a list of profiles names, or nil if the list is empty. The datastore has to satisfy it. A
// vCenter has several answers to one that does not, by the kind of the storage; this is the one for a request that is wrong.
func (p *policies) chosen(
	profiles []types.BaseVirtualMachineProfileSpec, store types.ManagedObjectReference, property string,
) (*storagePolicy, types.BaseMethodFault) {
	if len(profiles) == 0 {
		return nil, nil
	}
	bad := &types.InvalidArgument{InvalidProperty: property}
	defined, ok := profiles[0].(*types.VirtualMachineDefinedProfileSpec)
	if !ok || len(profiles) > 1 {
		return nil, bad
	}
	policy := p.byID(defined.ProfileId)
	if policy == nil || !slices.Contains(policy.stores, store) {
		return nil, bad
	}
	return policy, nil
}

// choosePolicies finds the storage policies that a clone asks for. The stock simulator drops them.
func (c *clone) choosePolicies() types.BaseMethodFault {
	location := c.req.Spec.Location
	home, fault := c.sim.policies.chosen(location.Profile, c.store, "spec.location.profile")
	if fault != nil {
		return fault
	}
	with := madeWith{disks: map[int32]string{}}
	if home != nil {
		with.home = home.name
	}
	for _, disk := range location.Disk {
		if disk.Datastore != c.store { // what the simulator cannot do is not to look done
			return &types.NotSupported{}
		}
		policy, fault := c.sim.policies.chosen(disk.Profile, c.store, "spec.location.disk.profile")
		if fault != nil {
			return fault
		}
		if policy != nil {
			with.disks[disk.DiskId] = policy.name
		}
	}
	c.policies = with
	return nil
}

// keepPolicies notes the policies of the virtual machine that a clone has made.
func (c *clone) keepPolicies(vm types.ManagedObjectReference) {
	if c.policies.home != "" || len(c.policies.disks) > 0 {
		c.sim.policies.keep(vm, c.policies)
	}
}

// makePolicies makes the storage policies.
func (b *builder) makePolicies() error {
	for _, p := range b.StoragePolicies {
		policy := storagePolicy{id: newUUID(), name: p.Name}
		for _, name := range p.Datastores {
			policy.stores = append(policy.stores, b.registry.FindByName(kept(name), b.dc.Datastore).Reference()) // check has found it
		}
		b.policies.all = append(b.policies.all, policy)
	}
	return nil
}

// hasRoom reports whether the disks of a clone fit its datastore, as far as that was given a bound.
func (c *clone) hasRoom(ctx *simulator.Context) bool {
	need := int64(0)
	if !c.linked() {
		var devices []types.BaseVirtualDevice
		for _, change := range c.spec.DeviceChange {
			devices = append(devices, change.GetVirtualDeviceConfigSpec().Device)
		}
		need = capacityOf(devices)
	}
	return c.sim.stores.hasRoom(ctx, c.store, need)
}

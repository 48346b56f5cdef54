package sim

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// recommendDatastores carries out RecommendDatastores for a clone. The stock simulator recommends nothing for clones, and else
// every member of a datastore cluster. As in vCenter, a member is recommended that is in service, has room, and is mounted by a
// host that can take the clone; the first is the best, here the one with the most free space. Where there is none, the answer is
// a fault in the result, and not one of the call.
func (s *Simulator) recommendDatastores(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	spec := m.Body.(*types.RecommendDatastores).StorageSpec
	if spec.Type != string(types.StoragePlacementSpecPlacementTypeClone) {
		return s.stock(ctx, m)
	}
	p, fault := s.podPlacement(ctx, spec)
	if fault != nil {
		return faultBody(fault)
	}
	res := new(types.RecommendDatastoresResponse)
	for _, store := range p.members(ctx) {
		res.Returnval.Recommendations = append(res.Returnval.Recommendations, types.ClusterRecommendation{
			Key: strconv.Itoa(len(res.Returnval.Recommendations) + 1), Type: "V1", Time: time.Now(), Rating: 1,
			Reason: "storagePlacement", ReasonText: "Satisfy storage initial placement requests", Target: &p.pod.Self,
			Action: []types.BaseClusterAction{&types.StoragePlacementAction{
				ClusterAction: types.ClusterAction{Type: "StoragePlacementV1"}, Destination: store,
				RelocateSpec: types.VirtualMachineRelocateSpec{Datastore: &store},
			}},
		})
	}
	if len(res.Returnval.Recommendations) == 0 {
		res.Returnval.DrsFault = &types.ClusterDrsFaults{Reason: "storagePlacement"}
	}
	return &methods.RecommendDatastoresBody{Res: res}
}

// podPlacement is a clone into a datastore cluster that Storage DRS is asked about.
type podPlacement struct {
	clone
	pod     *simulator.StoragePod
	hosts   []types.ManagedObjectReference // that may take it
	devices object.VirtualDeviceList       // that it is made with
}

// podPlacement checks a request, as the API reference has it: what is missing is an InvalidArgument.
func (s *Simulator) podPlacement(ctx *simulator.Context, spec types.StoragePlacementSpec) (*podPlacement, types.BaseMethodFault) {
	bad := func(property string) (*podPlacement, types.BaseMethodFault) {
		return nil, &types.InvalidArgument{InvalidProperty: "storageSpec." + property}
	}
	pod := spec.PodSelectionSpec.StoragePod
	switch {
	case spec.Vm == nil:
		return bad("vm")
	case spec.CloneName == "":
		return bad("cloneName")
	case spec.CloneSpec == nil:
		return bad("cloneSpec")
	case spec.Folder == nil:
		return bad("folder")
	case pod == nil:
		return bad("podSelectionSpec.storagePod")
	}
	resourcePool, host := spec.ResourcePool, spec.Host
	if resourcePool == nil {
		resourcePool = spec.CloneSpec.Location.Pool
	}
	if resourcePool == nil { // a template has none
		return bad("resourcePool")
	}
	for _, ref := range []*types.ManagedObjectReference{spec.Vm, spec.Folder, pod, resourcePool, host} {
		if ref != nil && ctx.Map.Get(*ref) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: *ref}
		}
	}
	source, ok := ctx.Map.Get(*spec.Vm).(*simulator.VirtualMachine)
	if !ok {
		return bad("vm")
	}
	p := &podPlacement{clone: clone{sim: s, source: source, req: &types.CloneVM_Task{Spec: *spec.CloneSpec}}}
	if p.pod, ok = ctx.Map.Get(*pod).(*simulator.StoragePod); !ok || !p.pod.PodStorageDrsEntry.StorageDrsConfig.PodConfig.Enabled {
		return bad("podSelectionSpec.storagePod")
	}
	owner, ok := ctx.Map.Get(*resourcePool).(*simulator.ResourcePool)
	if !ok {
		return bad("resourcePool")
	}
	if p.hosts = computeResource(ctx, owner.Owner).Host; host != nil {
		p.hosts = []types.ManagedObjectReference{*host}
	}
	return p, p.readSource(ctx)
}

// readSource reads the devices that the clone is made with.
func (p *podPlacement) readSource(ctx *simulator.Context) (fault types.BaseMethodFault) {
	ctx.WithLock(p.source, func() {
		config := copyOf(*p.source.Config)
		var taken *types.VirtualMachineConfigInfo
		if taken, fault = p.snapshotConfig(ctx); taken != nil {
			config = *taken
		}
		p.devices = config.Hardware.Device
	})
	return fault
}

// members returns the members of the datastore cluster that can take the clone, the best first.
func (p *podPlacement) members(ctx *simulator.Context) []types.ManagedObjectReference {
	need := int64(0)
	if !p.linked() {
		need = capacityOf(p.devices)
	}
	var members, stores []types.ManagedObjectReference
	ctx.WithLock(p.pod, func() { members = slices.Clone(p.pod.ChildEntity) })
	for _, store := range members {
		if inService(summaryOf(ctx, store)) && p.sim.stores.hasRoom(ctx, store, need) && slices.ContainsFunc(p.hosts, p.mounts(ctx, store)) {
			stores = append(stores, store)
		}
	}
	slices.SortFunc(stores, func(a, b types.ManagedObjectReference) int {
		one, other := summaryOf(ctx, a), summaryOf(ctx, b)
		return cmp.Or(cmp.Compare(other.FreeSpace, one.FreeSpace), cmp.Compare(one.Name, other.Name))
	})
	return stores
}

// mounts tells whether a host can take the clone, and has a datastore.
func (p *podPlacement) mounts(ctx *simulator.Context, store types.ManagedObjectReference) func(types.ManagedObjectReference) bool {
	return func(ref types.ManagedObjectReference) bool {
		host, ok := ctx.Map.Get(ref).(*simulator.HostSystem)
		if !ok || hostTrouble(ctx, ref) != nil || !slices.Contains(host.Datastore, store) {
			return false
		}
		on := p.clone
		on.host = &ref
		return on.reachParents(ctx, p.devices) == nil
	}
}

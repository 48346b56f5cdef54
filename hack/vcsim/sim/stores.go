package sim

import (
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// stores is the datastores whose room is bounded. The stock simulator counts the sizes of all disks, and goes below zero.
type stores struct {
	mu      sync.Mutex
	bounded map[types.ManagedObjectReference]bool
}

func (s *stores) bound(store types.ManagedObjectReference, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bounded == nil {
		s.bounded = make(map[types.ManagedObjectReference]bool)
	}
	s.bounded[store] = on
}

func (s *stores) isBounded(store types.ManagedObjectReference) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bounded[store]
}

// hasRoom reports whether some bytes more fit a datastore. One that is bounded and has no room at all takes nothing, however small.
func (s *stores) hasRoom(ctx *simulator.Context, ref types.ManagedObjectReference, need int64) bool {
	if !s.isBounded(ref) {
		return true
	}
	free := summaryOf(ctx, ref).FreeSpace
	return free > 0 && free >= need
}

// summaryOf is the summary of a datastore, empty if it is gone.
func summaryOf(ctx *simulator.Context, ref types.ManagedObjectReference) (summary types.DatastoreSummary) {
	if store, ok := ctx.Map.Get(ref).(*simulator.Datastore); ok {
		ctx.WithLock(store, func() { summary = store.Summary })
	}
	return summary
}

// inService reports whether virtual machines can be made on a datastore.
func inService(summary types.DatastoreSummary) bool {
	mode := types.DatastoreSummaryMaintenanceModeState(summary.MaintenanceMode)
	return summary.Accessible && (mode == "" || mode == types.DatastoreSummaryMaintenanceModeStateNormal)
}

// capacityOf is the size of all disks among devices, in bytes.
func capacityOf(devices []types.BaseVirtualDevice) int64 {
	total := int64(0)
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			total += disk.CapacityInKB << 10
		}
	}
	return total
}

// opSetDatastore gives a datastore so much room, or as much as anybody needs, and puts it into maintenance mode or takes it out.
func (s *Simulator) opSetDatastore(r control.Request) (any, error) {
	e, err := s.findObject(r.Object)
	if err != nil {
		return nil, err
	}
	store, ok := e.(*simulator.Datastore)
	if !ok {
		return nil, &lookupError{"datastore", r.Object, 0}
	}
	mode := types.DatastoreSummaryMaintenanceModeStateNormal
	if r.On {
		mode = types.DatastoreSummaryMaintenanceModeStateInMaintenance
	}
	ctx := s.background()
	changes := []types.PropertyChange{{Name: "summary.maintenanceMode", Val: string(mode)}}
	if r.FreeGiB != nil {
		changes = append(changes, types.PropertyChange{Name: "summary.freeSpace", Val: *r.FreeGiB << 30})
	}
	s.stores.bound(store.Self, r.FreeGiB != nil)
	ctx.Map.AtomicUpdate(ctx, store, changes)
	return control.Reply{MoRef: store.Self.Value}, nil
}

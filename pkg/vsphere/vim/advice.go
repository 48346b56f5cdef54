package vim

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// advice is what vCenter has said of the datastores that clones of one template may go to. It serves all clones that are sent
// within templateReadFor, of whatever groups: thousands of clones are not to cost as many calls. Those of a datastore cluster take
// turns among the datastores that it recommends, for it does not know of the clones that were not begun when it was asked. Those of
// a storage policy go to the datastore with the most free space.
type advice struct {
	at     time.Time // before it was asked for
	stores []types.ManagedObjectReference
	turn   int
}

// adviceKey says what an advice is about.
type adviceKey struct {
	pool, pod types.ManagedObjectReference
	policy    string
	template  vsphere.Ref
	origin    origin
}

// advices are what clones that are sent now go by. It is safe for concurrent use.
type advices struct {
	mu  sync.Mutex
	all map[adviceKey]*advice
}

// take returns the advice that holds, of those datastores that meet a condition, and gives the next one another turn. ok is false
// if there is no advice, or it is too old.
func (a *advices) take(
	key adviceKey, now time.Time, meets func(types.ManagedObjectReference) bool,
) (store types.ManagedObjectReference, found, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.all[key]
	if known == nil || now.Sub(known.at) >= templateReadFor {
		return store, false, false
	}
	fit := slices.DeleteFunc(slices.Clone(known.stores), func(s types.ManagedObjectReference) bool { return !meets(s) })
	if len(fit) == 0 {
		return store, false, true
	}
	store = fit[0]
	if key.policy == "" {
		store = fit[known.turn%len(fit)]
		known.turn++
	}
	return store, true, true
}

// put keeps an advice, and drops those that are too old. Turns go on: an advice that is asked for again for each clone would send them all
// to one datastore.
func (a *advices) put(key adviceKey, fresh *advice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[adviceKey]*advice{}
	}
	if old := a.all[key]; old != nil {
		fresh.turn = old.turn
	}
	maps.DeleteFunc(a.all, func(_ adviceKey, old *advice) bool { return fresh.at.Sub(old.at) >= templateReadFor })
	a.all[key] = fresh
}

// chooseStore returns the datastore that a clone goes to.
func (b *cloneBatch) chooseStore(ctx context.Context, name string, spec *vsphere.CloneSpec, at placement) (types.ManagedObjectReference, error) {
	if at.pod.Value == "" && len(at.stores) == 1 {
		return at.stores[0], nil
	}
	key := adviceKey{at.pool, at.pod, at.policy, spec.Source.Ref, originOf(*spec.VMSpec)}
	mounted := b.hosts.mountedBy(spec.Host)
	store, found, ok := b.advices.take(key, b.cfg.Clock.Now(), mounted)
	if !ok {
		fresh := &advice{}
		var err error
		if at.pod.Value != "" {
			fresh.stores, err = b.recommended(ctx, name, spec, at)
		} else {
			fresh.stores, err = b.mostFree(ctx, at.stores)
		}
		if err != nil {
			return store, err
		}
		if len(fresh.stores) == 0 { // not kept: the next clone may find room
			return store, errNoStore(spec.Place.Zone, at)
		}
		fresh.at = b.cfg.Clock.Now() // Storage DRS may take longer to answer than an advice holds
		b.advices.put(key, fresh)
		store, found, _ = b.advices.take(key, fresh.at, mounted)
	}
	if !found {
		return store, errNoStore(spec.Place.Zone, at)
	}
	return store, nil
}

// errNoStore tells tenants, too: it does not name what there is in vCenter.
func errNoStore(zone string, at placement) error {
	message := "No datastore that satisfies the storage policy of zone %s is in service, and mounted where VMs go. Put one into service, or add another."
	if at.pod.Value != "" {
		message = "vCenter recommends no datastore of the datastore cluster of zone %s: none that is mounted where VMs go is in service and has room. Make room, or add a datastore."
	}
	return &vsphere.Error{Class: vsphere.ClassExhausted, Reason: v1alpha1.ReasonResourceExhausted, Message: fmt.Sprintf(message, zone)}
}

// recommended asks Storage DRS which datastores of a datastore cluster a clone may go to, the best first. Nothing is applied: the
// clone is sent to one of them.
func (b *cloneBatch) recommended(
	ctx context.Context, name string, spec *vsphere.CloneSpec, at placement,
) ([]types.ManagedObjectReference, error) {
	source, folder := vmRef(spec.Source.Ref), folderRef(spec.Folder)
	res, err := methods.RecommendDatastores(ctx, b.client, &types.RecommendDatastores{
		This: *b.client.ServiceContent.StorageResourceManager,
		StorageSpec: types.StoragePlacementSpec{
			Type: string(types.StoragePlacementSpecPlacementTypeClone), Vm: &source, Folder: &folder,
			CloneName: vsphere.EscapeName(name), ResourcePool: &at.pool,
			CloneSpec: &types.VirtualMachineCloneSpec{
				Location: types.VirtualMachineRelocateSpec{Pool: &at.pool, DiskMoveType: string(moveOf(spec))},
				Snapshot: b.read.snapshot,
			},
			PodSelectionSpec: types.StorageDrsPodSelectionSpec{StoragePod: &at.pod},
			// What another VM would have to be moved for is not there yet.
			DisallowPrerequisiteMoves: types.NewBool(true),
		},
	})
	if err != nil {
		return nil, err
	}
	var stores []types.ManagedObjectReference
	for _, recommendation := range res.Returnval.Recommendations {
		for _, base := range recommendation.Action {
			if action, ok := base.(*types.StoragePlacementAction); ok && !slices.Contains(stores, action.Destination) {
				stores = append(stores, action.Destination)
			}
		}
	}
	return stores, nil
}

const (
	propFreeSpace        = "summary.freeSpace" // of a datastore
	propAccessible       = "summary.accessible"
	propStoreMaintenance = "summary.maintenanceMode"
)

// mostFree returns those of some datastores that are in service, the one with the most free space first.
func (c *connection) mostFree(ctx context.Context, stores []types.ManagedObjectReference) ([]types.ManagedObjectReference, error) {
	readings, err := c.readEach(ctx, stores, propFreeSpace, propAccessible, propStoreMaintenance)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(slices.Clone(stores), func(store types.ManagedObjectReference) bool {
		props := readings[store].props
		mode := types.DatastoreSummaryMaintenanceModeState(props.text(propStoreMaintenance))
		return !props.flag(propAccessible) || mode != "" && mode != types.DatastoreSummaryMaintenanceModeStateNormal
	})
	slices.SortStableFunc(out, func(a, b types.ManagedObjectReference) int {
		return cmp.Compare(readings[b].props.number(propFreeSpace), readings[a].props.number(propFreeSpace))
	})
	return out, nil
}

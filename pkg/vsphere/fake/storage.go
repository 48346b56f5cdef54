package fake

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// StorageCluster is a cluster that has more datastores than the one that all clusters have.
const StorageCluster = "c3"

// mainStore is the datastore of the templates, which all clusters have.
const mainStore = "datastore1"

// store is a datastore of the storage cluster.
type store struct {
	free        int64 // GiB
	maintenance bool
}

// storage is what there is but for the main datastore. A zone in another cluster than the storage cluster has none of it, and
// the storage cluster mounts only some.
type storage struct {
	stores   map[string]*store
	mounted  []string
	pods     map[string][]string // datastores, by datastore cluster
	policies map[string][]string // that satisfy a policy
}

func newStorage() storage {
	return storage{
		stores:   map[string]*store{"ssd-1": {free: 1000}, "ssd-2": {free: 1000}, "far-1": {free: 1000}},
		mounted:  []string{"ssd-1", "ssd-2"},
		pods:     map[string][]string{"ssd": {"ssd-1", "ssd-2"}, "far": {"far-1"}},
		policies: map[string][]string{"fast": {"ssd-1", "ssd-2"}, "remote": {"far-1"}},
	}
}

// templateGiB is how much room a full clone takes.
const templateGiB = 10

// candidates returns the datastores that the VMs of a zone may be made on.
func (s storage) candidates(zone vsphere.ZoneSpec) ([]string, *vsphere.Error) {
	if zone.DatastoreCluster == "" && zone.StoragePolicy == "" {
		return []string{mainStore}, nil
	}
	named, ok := s.policies[zone.StoragePolicy]
	missing, unfit := v1alpha1.ReasonStoragePolicyNotFound, v1alpha1.ReasonStoragePolicyUnsatisfied
	if zone.DatastoreCluster != "" {
		named, ok = s.pods[zone.DatastoreCluster]
		missing, unfit = v1alpha1.ReasonDatastoreClusterNotFound, v1alpha1.ReasonDatastoreClusterUnusable
	}
	if !ok {
		return nil, newError(vsphere.ClassInvalid, missing, "there is no %q", cmp.Or(zone.DatastoreCluster, zone.StoragePolicy))
	}
	fit := slices.DeleteFunc(slices.Clone(named), func(name string) bool {
		return zone.Cluster != StorageCluster || !slices.Contains(s.mounted, name)
	})
	if len(fit) == 0 {
		return nil, newError(vsphere.ClassInvalid, unfit, "%s has no datastore of %q", zone.Cluster, cmp.Or(zone.DatastoreCluster, zone.StoragePolicy))
	}
	return fit, nil
}

// choose returns the datastore that a clone goes to: the one with the most free space of those that take it. Whether a datastore
// has room is known of datastore clusters alone before a clone is submitted.
func (s storage) choose(zone vsphere.ZoneSpec, linked bool) (string, *vsphere.Error) {
	names, err := s.candidates(zone)
	if err != nil || names[0] == mainStore {
		return mainStore, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return s.stores[name].maintenance || zone.DatastoreCluster != "" && !linked && s.stores[name].free < templateGiB
	})
	if len(names) == 0 {
		return "", newError(vsphere.ClassExhausted, v1alpha1.ReasonResourceExhausted, "no datastore of zone %s takes a VM", zone.Name)
	}
	return slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(s.stores[a].free, s.stores[b].free) }), nil
}

// SetDatastore says how much room, in GiB, is on a datastore of the storage cluster, and whether it is in maintenance.
func (v *VCenter) SetDatastore(name string, freeGiB int64, maintenance bool) {
	v.mu.Lock()
	defer v.unlock()
	*v.storage.stores[name] = store{freeGiB, maintenance}
}

// StoreOf returns the datastore that a VM is on.
func (v *VCenter) StoreOf(vm vsphere.Ref) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.machine(vm).file.Datastore
}

// PolicyOf returns the storage policy that a VM was made with, empty if there was none.
func (v *VCenter) PolicyOf(vm vsphere.Ref) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.machine(vm).policy
}

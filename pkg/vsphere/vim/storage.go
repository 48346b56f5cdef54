package vim

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// storage is what the VMs of a zone are made on: a datastore, or one of several.
type storage struct {
	stores []types.ManagedObjectReference
	// pod is the datastore cluster that they belong to, zero if none is named: vCenter is asked which of them a clone goes to.
	pod types.ManagedObjectReference
	// policy is the identifier of the storage policy that they satisfy, empty if none is named.
	policy string
}

// profile returns the storage policy in the form of a request, nil if there is none.
func (s storage) profile() []types.BaseVirtualMachineProfileSpec {
	if s.policy == "" {
		return nil
	}
	return []types.BaseVirtualMachineProfileSpec{&types.VirtualMachineDefinedProfileSpec{ProfileId: s.policy}}
}

// diskLocators returns what a clone has to say of each of its disks, nothing without a storage policy: that of the VM is its
// directory's alone. A locator does not inherit how disks are copied.
func (s storage) diskLocators(
	disks []int32, store types.ManagedObjectReference, move types.VirtualMachineRelocateDiskMoveOptions,
) []types.VirtualMachineRelocateSpecDiskLocator {
	if s.policy == "" {
		return nil
	}
	var locators []types.VirtualMachineRelocateSpecDiskLocator
	for _, key := range disks {
		locators = append(locators, types.VirtualMachineRelocateSpecDiskLocator{
			DiskId: key, Datastore: store, DiskMoveType: string(move), Profile: s.profile(),
		})
	}
	return locators
}

// chooseStorage finds what the VMs of a zone are made on.
func (c *connection) chooseStorage(ctx context.Context, anc *ancestry, zone zoneSpec, compute choice) (storage, error) {
	switch {
	case zone.DatastoreCluster != "":
		return c.choosePod(ctx, anc, zone, compute)
	case zone.StoragePolicy != "":
		return c.choosePolicy(ctx, anc, zone, compute)
	default:
		store, err := c.chooseDatastore(ctx, anc, zone, compute)
		return storage{stores: []types.ManagedObjectReference{store}}, err
	}
}

// datastoresOf returns the datastores that a cluster mounts.
func datastoresOf(compute choice) []types.ManagedObjectReference {
	refs, _ := compute.props[propDatastores].(types.ArrayOfManagedObjectReference)
	return refs.ManagedObjectReference
}

const propPodEnabled = "podStorageDrsEntry.storageDrsConfig.podConfig.enabled"

// choosePod finds the named datastore cluster. One that can be seen to take no clone is refused: Storage DRS is off, or the
// cluster mounts none of its datastores.
func (c *connection) choosePod(ctx context.Context, anc *ancestry, zone zoneSpec, compute choice) (storage, error) {
	folder := folderRef(c.site.datacenter.props.ref("datastoreFolder"))
	pods, base, err := anc.below(ctx, folder, "StoragePod", propChildren, propPodEnabled)
	if err != nil {
		return storage{}, err
	}
	pod, err := choose(zone.setting("datastore-cluster"), zone.DatastoreCluster, pods, base, c.site.datacenter.path)
	if err != nil {
		return storage{}, err
	}
	if enabled, told := pod.props[propPodEnabled].(bool); told && !enabled {
		return storage{}, errPodUnusable("Storage DRS is off in the datastore cluster %s: turn it on, or name one of its datastores in place of it.",
			vsphere.Path(pod.path...))
	}
	members, _ := pod.props[propChildren].(types.ArrayOfManagedObjectReference)
	stores := slices.DeleteFunc(slices.Clone(datastoresOf(compute)), func(store types.ManagedObjectReference) bool {
		return !slices.Contains(members.ManagedObjectReference, store)
	})
	if len(stores) == 0 {
		return storage{}, errPodUnusable("No host of %s mounts a datastore of the datastore cluster %s: mount one, or name another datastore cluster.",
			vsphere.Path(compute.path...), vsphere.Path(pod.path...))
	}
	return storage{stores: stores, pod: pod.ref}, nil
}

func errPodUnusable(format string, args ...any) error {
	return &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonDatastoreClusterUnusable, Message: fmt.Sprintf(format, args...),
	}
}

package vim

import (
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// site is the datacenter, and the folders of ours in it. A connection cannot do without it.
type site struct {
	datacenter     choice
	datacenterPath string // inventory path
	vmFolder       types.ManagedObjectReference
	hostFolder     types.ManagedObjectReference // of hosts and clusters
	vmFolderPath   []string                     // the names of its inventory path
	root           []string                     // the names that lead from the VM folder to the root folder
}

// layout is what the inventory has to know of the site.
func (s *site) layout() inventory.Layout {
	return inventory.Layout{
		VMFolder: vsphere.Ref(s.vmFolder.Value), VMFolderPath: s.vmFolderPath, Root: s.root,
	}
}

// placement is where VMs are made.
type placement struct {
	spec vsphere.ZoneSpec // that it was found for
	storage
	stale    bool                         // vCenter has not told lately what its storage comes to
	compute  types.ManagedObjectReference // the cluster, or a standalone host
	host     types.ManagedObjectReference // the one that -host names, zero if none
	pool     types.ManagedObjectReference
	networks []types.ManagedObjectReference // that the cluster has
}

package vsphere

import "net/netip"

// ClassSpec says where VMs may be made, and from what: a VmGroupClass, or, without a name, the flags of the controller.
// Nobody writes to one that was handed over.
type ClassSpec struct {
	Name string
	// TemplateFolder is the folder that templates are looked for in: a path from the datacenter's VM folder, or, with a slash
	// in front, a whole inventory path, which has to lead below it. Empty is the whole datacenter.
	TemplateFolder string
	Zones          []ZoneSpec
	Networks       []NetworkSpec
	// CustomizationSpecs are the names of those that the class offers.
	CustomizationSpecs []string
	// Tags are attached to all VMs of the class, each as category/name.
	Tags         []string
	PerNamespace NamespaceLimits
}

// NamespaceLimits are how much all groups of a class in one namespace may have together. Nil is no limit, and 0 allows nothing.
type NamespaceLimits struct {
	VMs       *int64
	CPU       *int64 // vCPUs
	MemoryMiB *int64
}

// NetworkSpec names a network in vCenter.
type NetworkSpec struct {
	Name string
	Path string // a name, or an inventory path
	Subnet
}

// Subnet is what a guest with a static address needs to know of a network.
type Subnet struct {
	CIDR        netip.Prefix // zero: there are no static addresses
	Gateway     netip.Addr   // zero: none
	Nameservers []netip.Addr
}

// ZoneSpec names a place where VMs may be made. Each of its fields but Name and StoragePolicy is a name or an inventory path, and
// may be empty where there is only one to choose; the resource pool of a cluster is its root pool unless another is named.
type ZoneSpec struct {
	Name                             string
	Cluster, ResourcePool, Datastore string
	// DatastoreCluster takes the place of Datastore: clones go to those of its datastores that vCenter recommends.
	DatastoreCluster string
	// StoragePolicy takes the place of Datastore: it is the name of a policy that VMs and their disks are made with. A clone goes
	// to the datastore with the most free space of those that satisfy it.
	StoragePolicy string
	// Host is the one host that all VMs are made on. If it is empty, vCenter chooses, or, where a cluster leaves that to its
	// clients, the caller, from the hosts of the zone.
	Host string
}

// Offer is what a class comes to in vCenter.
type Offer struct {
	// TemplatesErr says what is wrong with the template folder, nil if nothing is known to be.
	TemplatesErr *Error
	Zones        []Zone    // in the order of the spec
	Networks     []Network // the same
	// CustomizationErrs say what is wrong with customization specifications that the class offers. One that is missing has one.
	CustomizationErrs []*Error
	// TagErrs say what is wrong with the tags of the class: which are not there, and why VMs lack them.
	TagErrs []*Error
}

// Network is a network that the NICs of VMs may be connected to.
type Network struct {
	Name string
	Err  *Error // says why none can be connected to it, nil if nothing is known to be wrong
	Subnet
}

// Zone is a place where VMs may be made.
type Zone struct {
	Name string
	// Err says why no VM can be made there, nil if nothing is known to be wrong: it names what is to be corrected, or the
	// privilege that is missing. Whoever needs no VM made need not mind.
	Err *Error
	// HostNeeded is true where a clone has to name its host, because nothing in vCenter chooses one or because one was
	// configured. Hosts are those to choose from then, fit or not.
	HostNeeded bool
	Hosts      []Host
	// Networks are the names of the class's networks that its cluster has.
	Networks []string
}

// Place is a zone of a class. Its zero value is the place that the flags of the controller name.
type Place struct{ Class, Zone string }

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// DefaultControllerName is the name of a controller that was given none.
	DefaultControllerName = "vmgroup"
	// DefaultClassAnnotation is on the VmGroupClass, with the value "true", that groups have which name none. If several
	// classes carry it, the one that was created last counts, as with StorageClasses.
	DefaultClassAnnotation = "vsphere.vmware.com/is-default-class"
	// ClassFinalizer keeps a VmGroupClass as long as groups use it.
	ClassFinalizer = "vsphere.vmware.com/vmgroupclass"
)

// VmGroupClass is what an administrator offers to VmGroups: the vCenter, by the controller that serves it, the places where
// VMs go, and the templates.
//
// +genclient
// +genclient:nonNamespaced
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=vmgroupclasses,singular=vmgroupclass,shortName=vgc,scope=Cluster
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Controller",type=string,JSONPath=`.spec.controllerName`,description="The controller that serves the class"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether all that the class names is there"
// +kubebuilder:printcolumn:name="Default",type=string,JSONPath=`.metadata.annotations.vsphere\.vmware\.com/is-default-class`,description="Whether groups have it that name no class"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong with the class"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the creation of the class"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have 63 characters or fewer"
type VmGroupClass struct {
	metav1.TypeMeta `json:",inline"`

	// Standard object metadata. The name has at most 63 characters.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the class offers. A change holds for VMs that are made from then on, and moves none that exists.
	//
	// +required
	Spec VmGroupClassSpec `json:"spec"`

	// What the class comes to in vCenter. Only the controller writes it.
	//
	// +optional
	Status VmGroupClassStatus `json:"status,omitzero"`
}

// VmGroupClassSpec is what a class offers.
type VmGroupClassSpec struct {
	// Name of the controller that serves the class, as its flag -controller-name has it, and with it the vCenter and the
	// account. It cannot be changed. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-+[a-z0-9]+)*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="controllerName cannot be changed"
	ControllerName string `json:"controllerName"`

	// The namespaces whose groups may use the class, by their labels. Omitted: none. Empty: all.
	//
	// +optional
	AllowedNamespaces *metav1.LabelSelector `json:"allowedNamespaces,omitempty"`

	// Folder that spec.template of a group is looked for in, and nowhere else: a path from the datacenter's VM folder, or, with
	// a slash in front, a whole inventory path, which has to lead below it. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	TemplateFolder string `json:"templateFolder"`

	// Places where VMs go, from 1 to 16. A new VM goes to the zone that has the fewest of the group's VMs. A zone that takes no
	// VMs is left out until it does. Required.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Zones []ZoneSpec `json:"zones"`

	// Networks that NICs may be connected to, under the names that tenants see. At most 64.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Networks []ClassNetwork `json:"networks,omitempty"`

	// Names of the customization specifications in vCenter that groups may name in spec.guest.customizationSpec. What such a
	// specification holds, such as the right to join a domain, all those groups have. At most 64. Omitted: none.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	CustomizationSpecs []string `json:"customizationSpecs,omitempty"`

	// Tags that the VMs of the class have in vCenter, each as <category>/<tag>. The controller attaches them once a VM is made, and again
	// when somebody takes one away; it takes none away itself. A VM does not wait for them. At most 16.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:items:Pattern=`^[^/]+/[^/]+$`
	Tags []string `json:"tags,omitempty"`

	// How groups may copy the disks of templates: Full, Linked, or both. Omitted: both.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	CloneModes []CloneMode `json:"cloneModes,omitempty"`

	// The most that each VM, and all VMs of a namespace together, may have. A group that asks for more makes no VMs, and changes none;
	// VMs that exist stay. Omitted: no limit.
	//
	// +optional
	Limits *ClassLimits `json:"limits,omitempty"`
}

// ClassLimits bounds the size of VMs, and of all VMs of a namespace together.
//
// +kubebuilder:validation:MinProperties=1
type ClassLimits struct {
	// Most virtual CPUs of a VM.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	CPU *int32 `json:"cpu,omitempty"`

	// Most memory of a VM in GiB.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	Memory *int32 `json:"memory,omitempty"`

	// Largest first disk that spec.disk of a group may ask for, in GiB. Disks that a template brings are the administrator's.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	Disk *int32 `json:"disk,omitempty"`

	// The most that all groups of the class in one namespace may have together. Omitted: no limit.
	//
	// +optional
	PerNamespace *NamespaceLimits `json:"perNamespace,omitempty"`
}

// NamespaceLimits bounds what all groups of a class in one namespace have together. VMs that are off count, and so do those that a
// rollout makes before others go. With 0, none may be made. A limit that is lowered takes nothing away.
//
// +kubebuilder:validation:MinProperties=1
type NamespaceLimits struct {
	// Most VMs.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	VMs *int32 `json:"vms,omitempty"`

	// Most virtual CPUs of all VMs together.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	CPU *int32 `json:"cpu,omitempty"`

	// Most memory of all VMs together in GiB.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Memory *int32 `json:"memory,omitempty"`
}

// ClassNetwork is a network that NICs may be connected to.
//
// +kubebuilder:validation:XValidation:rule="!has(self.gateway) || (has(self.cidr) && cidr(self.cidr).containsIP(self.gateway))",message="gateway must lie in cidr"
type ClassNetwork struct {
	// Name under which spec.networks of a group asks for it. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-+[a-z0-9]+)*$`
	Name string `json:"name"`

	// The port group, distributed port group or NSX segment: its name, or its inventory path. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`

	// The addresses of the network, such as 10.1.0.0/24 or 2001:db8:1::/64. Static addresses of groups have to lie in it, and guests
	// that get one are told the length of its prefix. Omitted: no group may ask for static addresses there.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="must be a CIDR, such as 10.1.0.0/24"
	CIDR string `json:"cidr,omitempty"`

	// Default gateway of guests with a static address. It lies in cidr.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=39
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="must be an IP address"
	Gateway string `json:"gateway,omitempty"`

	// Name servers of guests with a static address, at most 3.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=39
	// +kubebuilder:validation:items:XValidation:rule="isIP(self)",message="must be an IP address"
	Nameservers []string `json:"nameservers,omitempty"`
}

// ZoneSpec is a place where VMs go. Each field but the name and the storage policy is a name or an inventory path in vCenter.
//
// +kubebuilder:validation:XValidation:rule="[has(self.datastore), has(self.datastoreCluster), has(self.storagePolicy)].filter(x, x).size() <= 1",message="set at most one of datastore, datastoreCluster and storagePolicy"
type ZoneSpec struct {
	// Name of the zone. It is in the status of VMs. A zone that is renamed is another one. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-+[a-z0-9]+)*$`
	Name string `json:"name"`

	// The cluster, or the standalone host. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Cluster string `json:"cluster"`

	// The resource pool: a name, or a path, whole, from the datacenter, or from the cluster. Omitted: the cluster's root pool.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	ResourcePool string `json:"resourcePool,omitempty"`

	// The datastore. It may be omitted where the cluster has only one.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Datastore string `json:"datastore,omitempty"`

	// The datastore cluster, in place of a datastore. Storage DRS says which of its datastores VMs are made on.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DatastoreCluster string `json:"datastoreCluster,omitempty"`

	// The name of a VM storage policy, in place of a datastore. VMs and their disks are made with it, on the datastore with the
	// most free space of those that satisfy it.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	StoragePolicy string `json:"storagePolicy,omitempty"`
}

// VmGroupClassStatus is what a class comes to in vCenter.
type VmGroupClassStatus struct {
	// Generation of the spec that this status describes.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// The condition Ready of the class. It is True if all that the class names is there, and False if anything is not; its message
	// says what.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// VmGroupClassList is a list of VmGroupClasses.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type VmGroupClassList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata.
	//
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// The VmGroupClasses.
	Items []VmGroupClass `json:"items"`
}

// IsDefault reports whether groups have the class that name none.
func (c *VmGroupClass) IsDefault() bool { return c.Annotations[DefaultClassAnnotation] == "true" }

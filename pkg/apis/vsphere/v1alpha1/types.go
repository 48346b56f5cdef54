package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Finalizer keeps a VmGroup until its VMs and its folder are gone. The controller sets it before the first write to vCenter.
	Finalizer = "vsphere.vmware.com/vmgroup"

	// OnDeleteAnnotation says what a deletion of the VmGroup does to its VMs. Without it the controller destroys them. An
	// unknown value, or any other annotation or label of this prefix, holds the deletion: see ReasonInvalidAnnotation.
	OnDeleteAnnotation = "vsphere.vmware.com/on-delete"
	// OnDeleteOrphan is the value of OnDeleteAnnotation that leaves the VMs and the folder as they are.
	OnDeleteOrphan = "orphan"
	// OnDeleteDelete is the value of OnDeleteAnnotation that destroys the VMs. It is the default.
	OnDeleteDelete = "delete"
	// GroupLabel is the label in status.selector, and that of the ControllerRevisions of a group (see spec.update.partition).
	// No Pod carries it; on a VmGroup it means nothing.
	GroupLabel = "vsphere.vmware.com/vmgroup"
	// OpIDAnnotation is on Events. It holds the opID of the sync that recorded the Event. The controller's log has the opID
	// too, and vCenter's log has it as the operationID of the sync's requests.
	OpIDAnnotation = "vsphere.vmware.com/op-id"

	// MaxListedVMs is the maximum number of VMs in the status, so that a large group stays a small object.
	MaxListedVMs = 100
	// MaxListedIPs is the maximum number of IP addresses of a VM in the status.
	MaxListedIPs = 8
)

// VmGroup is a group of identical virtual machines in vCenter. The controller clones them from one template, at one
// size, into a folder of the group's name, and keeps as many as spec.replicas says.
//
// +genclient
// +genclient:method=GetScale,verb=get,subresource=scale,result=k8s.io/api/autoscaling/v1.Scale
// +genclient:method=UpdateScale,verb=update,subresource=scale,input=k8s.io/api/autoscaling/v1.Scale,result=k8s.io/api/autoscaling/v1.Scale
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=vmgroups,singular=vmgroup,shortName=vg,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Template",type=string,JSONPath=`.spec.template`,description="The template of the VMs"
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.spec.replicas`,description="Number of VMs that the group should have"
// +kubebuilder:printcolumn:name="Available",type=integer,JSONPath=`.status.availableReplicas`,description="Number of VMs in service"
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,description="READY, PENDING or ERROR"
// +kubebuilder:printcolumn:name="Ready",type=integer,priority=1,JSONPath=`.status.readyReplicas`,description="Number of VMs that are ready"
// +kubebuilder:printcolumn:name="Up-To-Date",type=integer,priority=1,JSONPath=`.status.updatedReplicas`,description="Number of VMs that are as the spec has them"
// +kubebuilder:printcolumn:name="CPU",type=integer,priority=1,JSONPath=`.spec.cpu`,description="Virtual CPUs of each VM"
// +kubebuilder:printcolumn:name="Memory",type=integer,priority=1,JSONPath=`.spec.memory`,description="Memory of each VM in GiB"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`,description="The state of the group, in one sentence"
// +kubebuilder:printcolumn:name="Age",type=date,priority=1,JSONPath=`.metadata.creationTimestamp`,description="Time since the creation of the group"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have 63 characters or fewer: it names the group's folder in vCenter and begins the name of each VM"
type VmGroup struct {
	metav1.TypeMeta `json:",inline"`

	// Standard object metadata. The name also names the group's folder in vCenter and begins the name of each VM; it
	// has at most 63 characters.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Desired state of the group.
	//
	// +required
	Spec VmGroupSpec `json:"spec"`

	// State of the group when the controller last looked. Only the controller writes it.
	//
	// +optional
	Status VmGroupStatus `json:"status,omitzero"`
}

// VmGroupSpec is the desired state of a VmGroup.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.className) || (has(self.className) && self.className == oldSelf.className)",message="className cannot be changed or removed once it is set: VMs do not move between classes"
// +kubebuilder:validation:XValidation:rule="!has(self.disk) || !has(self.clone) || !has(self.clone.mode) || self.clone.mode != 'Linked'",message="disk cannot be set with clone.mode Linked: a disk that has a parent cannot grow"
// +kubebuilder:validation:XValidation:rule="!has(self.networks) || self.networks.all(n, !has(n.addresses)) || (has(self.guest) && (has(self.guest.cloudInit) || has(self.guest.customizationSpec)))",message="networks[].addresses need guest.cloudInit or guest.customizationSpec: something in the guest has to set them"
type VmGroupSpec struct {
	// Number of virtual CPUs of each VM, from 1 to 768. Required.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=768
	CPU int32 `json:"cpu"`

	// Memory of each VM in GiB, from 1 to 24576. Required.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=24576
	Memory int32 `json:"memory"`

	// Size of the first disk of each VM in GiB, from 1 to 63488; at least the template's. Omitted: as in the template. A disk
	// grows and never shrinks. The controller does not grow the file system in the guest.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=63488
	Disk *int32 `json:"disk,omitempty"`

	// VmGroupClass that says where the VMs go. It cannot be changed once it is set. Omitted: the default class, or, if there is
	// none, what the flags of the controller say.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+([-.]+[a-z0-9]+)*$`
	ClassName string `json:"className,omitempty"`

	// Template to clone the VMs from: its name, or its inventory path below the template folder of the class, or of the
	// controller (for example "linux/kopf-vm-template"). While VMs are due, a template that is missing or ambiguous puts the group
	// into phase ERROR until the template appears or you correct this field. A group that lacks no VM stays READY, and
	// its message warns of the template. At most 1024 characters. No default.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Template string `json:"template,omitempty"`

	// How the template's disks are copied. Omitted: as a whole.
	//
	// +optional
	Clone *CloneOptions `json:"clone,omitempty"`

	// Networks of the VMs' NICs, in order: names that the class offers. The first NIC of the template is connected to the first, and
	// so on; NICs are added or removed until there are as many. Only new VMs have them. Omitted: the template's NICs, as they
	// are. From 1 to 10.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	Networks []NetworkSpec `json:"networks,omitempty"`

	// What each guest is told of itself before it starts for the first time: its hostname, its addresses, its user data. Only new
	// VMs have it. Omitted: nothing.
	//
	// +optional
	Guest *GuestSpec `json:"guest,omitempty"`

	// Number of VMs to keep, from 0 to 10000. Defaults to 1.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Replicas *int32 `json:"replicas,omitempty"`

	// Stops every change to the group's VMs while true. The controller still updates the status. Defaults to false.
	//
	// +optional
	Paused bool `json:"paused,omitempty"`

	// When a VM is ready. Omitted: as soon as it is powered on.
	//
	// +optional
	Readiness *ReadinessSpec `json:"readiness,omitempty"`

	// How long a VM has to be ready, without a break, before it counts as available, in seconds. From 0 to 86400.
	// Defaults to 0: a VM is available as soon as it is ready.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`

	// Whether the VMs are on, and how the controller switches them off. Omitted: on, and hard.
	//
	// +optional
	Power *PowerSpec `json:"power,omitempty"`

	// Whether the VMs are to run on different hosts. Preferred: the controller keeps them in a cluster module in vCenter, and DRS places
	// them by it, as far as there are enough hosts; a VM never waits for that. Omitted, or None: wherever DRS puts them.
	//
	// +optional
	AntiAffinity *AntiAffinity `json:"antiAffinity,omitempty"`

	// When a VM that is powered on is not healthy, and what happens to it. Omitted: the controller leaves it alone.
	//
	// +optional
	Health *HealthSpec `json:"health,omitempty"`

	// How a change of the spec reaches VMs that exist. Omitted: not at all; only new VMs are made from the new spec.
	//
	// +optional
	Update *UpdateSpec `json:"update,omitempty"`

	// Which VMs go when there are too many. Omitted: the youngest, after those that do not work.
	//
	// +optional
	ScaleDown *ScaleDownSpec `json:"scaleDown,omitempty"`

	// Exceptions for single VMs, each by its instance (status.vms[].instance). Never by name: a name is used again. An
	// entry for a VM that does not exist does nothing. At most 1000.
	//
	// +optional
	// +listType=map
	// +listMapKey=instance
	// +kubebuilder:validation:MaxItems=1000
	Members []MemberSpec `json:"members,omitempty"`

	// What a deletion of the VmGroup does to its VMs: Delete destroys them, Orphan leaves them and their folder as they
	// are. The annotation vsphere.vmware.com/on-delete: orphan does the same as Orphan. Defaults to Delete.
	//
	// +optional
	// +kubebuilder:validation:Enum=Delete;Orphan
	DeletionPolicy *DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// VmGroupList is a list of VmGroups.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type VmGroupList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata.
	//
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// The VmGroups.
	Items []VmGroup `json:"items"`
}

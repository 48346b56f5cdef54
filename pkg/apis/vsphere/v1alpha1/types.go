package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Finalizer keeps a VmGroup until its VMs and its folder are gone. It is set before the first write to vCenter.
	Finalizer = "vsphere.vmware.com/vmgroup"

	// OnDeleteAnnotation says what a deletion of the VmGroup does to its VMs. Without it they are destroyed. With a value that
	// is not known the deletion is held, and so it is with any other annotation or label of this prefix: see
	// ReasonInvalidAnnotation.
	OnDeleteAnnotation = "vsphere.vmware.com/on-delete"
	// OnDeleteOrphan is the value of OnDeleteAnnotation that leaves the VMs and the folder as they are.
	OnDeleteOrphan = "orphan"
	// OnDeleteDelete is the value of OnDeleteAnnotation that destroys the VMs, as without the annotation.
	OnDeleteDelete = "delete"
	// GroupLabel is the label in status.selector. No object carries it; on a VmGroup it means nothing.
	GroupLabel = "vsphere.vmware.com/vmgroup"
	// OpIDAnnotation is on Events: the opID of the sync that recorded it, as it is in the controller's log, and in vCenter's
	// as the operationID of what that sync submitted.
	OpIDAnnotation = "vsphere.vmware.com/op-id"

	// MaxListedVMs is how many VMs the status lists at most, so that a large group stays a small object.
	MaxListedVMs = 100
)

// VmGroup is a group of identical virtual machines in vCenter: all cloned from one template, all of one size, in a
// folder of the group's name, and always as many as spec.replicas says.
//
// +genclient
// +genclient:method=GetScale,verb=get,subresource=scale,result=k8s.io/api/autoscaling/v1.Scale
// +genclient:method=UpdateScale,verb=update,subresource=scale,input=k8s.io/api/autoscaling/v1.Scale,result=k8s.io/api/autoscaling/v1.Scale
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=vmgroups,singular=vmgroup,shortName=vg,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Template",type=string,JSONPath=`.spec.template`,description="The template the VMs are cloned from"
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.spec.replicas`,description="How many VMs are wanted"
// +kubebuilder:printcolumn:name="Available",type=integer,JSONPath=`.status.availableReplicas`,description="How many VMs are in service"
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`,description="READY, PENDING or ERROR"
// +kubebuilder:printcolumn:name="Ready",type=integer,priority=1,JSONPath=`.status.readyReplicas`,description="How many VMs are complete and powered on"
// +kubebuilder:printcolumn:name="CPU",type=integer,priority=1,JSONPath=`.spec.cpu`,description="Virtual CPUs of each VM"
// +kubebuilder:printcolumn:name="Memory",type=integer,priority=1,JSONPath=`.spec.memory`,description="Memory of each VM in GiB"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`,description="What is going on, in one sentence"
// +kubebuilder:printcolumn:name="Age",type=date,priority=1,JSONPath=`.metadata.creationTimestamp`,description="When the group was created"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have 63 characters or fewer: it names the group's folder in vCenter and begins the name of each VM"
type VmGroup struct {
	metav1.TypeMeta `json:",inline"`

	// Standard object metadata. The name also names the group's folder in vCenter and begins the name of each VM; it
	// has at most 63 characters.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the group should be.
	//
	// +required
	Spec VmGroupSpec `json:"spec"`

	// What the group was when the controller last looked. Written by the controller only.
	//
	// +optional
	Status VmGroupStatus `json:"status,omitzero"`
}

// VmGroupSpec is what the user asks for.
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

	// Template to clone the VMs from: its name, or its inventory path below the template folder of the controller
	// (for example "linux/kopf-vm-template"). While VMs are due, a template that is missing or ambiguous puts the group
	// into phase ERROR until the template appears or this field is corrected; a group that lacks no VM stays READY, and
	// its message tells it. At most 1024 characters. No default.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Template string `json:"template,omitempty"`

	// Number of VMs to keep, from 0 to 10000. Defaults to 1.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Replicas *int32 `json:"replicas,omitempty"`

	// Stops every change to the group's VMs while true; the status is still kept up to date. Defaults to false.
	//
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// Phase sums up the conditions in one word for people. It is derived from them and holds nothing of its own.
//
// +kubebuilder:validation:Enum=READY;PENDING;ERROR
type Phase string

const (
	// PhaseReady means that the condition Ready is True.
	PhaseReady Phase = "READY"
	// PhasePending means that the group is on its way, or that its state is not known right now.
	PhasePending Phase = "PENDING"
	// PhaseError means that the condition Stalled is True: somebody must act.
	PhaseError Phase = "ERROR"
)

// VmGroupStatus is what the controller saw. A field that is absent is not known yet; once the controller has written a
// status, a count of 0 means that there are none.
type VmGroupStatus struct {
	// Generation of the spec that this status answers.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Number of VMs that belong to the group, including those that are not ready or still being cloned.
	//
	// +optional
	Replicas int32 `json:"replicas"`

	// Number of the group's VMs that are complete and powered on.
	//
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`

	// Number of the group's VMs that are in service. A VM is in service as soon as it is ready.
	//
	// +optional
	AvailableReplicas int32 `json:"availableReplicas"`

	// The conditions in one word: READY if Ready is True, ERROR if Stalled is True, otherwise PENDING.
	//
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// What is going on, in one sentence for people. Not meant to be parsed.
	//
	// +optional
	Message string `json:"message,omitempty"`

	// Label selector in its text form, published for the scale subresource because autoscalers refuse an empty one.
	//
	// +optional
	Selector string `json:"selector,omitempty"`

	// The group's folder in vCenter. Absent until the folder has been made.
	//
	// +optional
	Folder *FolderStatus `json:"folder,omitempty"`

	// The group's VMs, at most 100 of them: first those that are not available, then by name.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VMs []VMStatus `json:"vms,omitempty"`

	// The state of the group in the conditions Ready, Reconciling, Stalled and VCenterReachable.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// FolderStatus says where in vCenter the group lives.
type FolderStatus struct {
	// Inventory path of the folder, for example "/dc1/vm/vmgroups/default/web". For people: the folder is found by
	// moRef, so that it may be renamed.
	//
	// +optional
	Path string `json:"path,omitempty"`

	// Managed object reference of the folder, for example "group-v42".
	//
	// +optional
	MoRef string `json:"moRef,omitempty"`

	// Instance UUID of the vCenter (about.instanceUuid) that issued every moRef in this status. A moRef means nothing to
	// any other vCenter: if another one answers at the same address, the group is left as it is.
	//
	// +optional
	VCenter string `json:"vCenter,omitempty"`
}

// VMState says in one word what the controller makes of a VM. New states may be added.
type VMState string

const (
	// VMAvailable is a VM that is complete, powered on and in service.
	VMAvailable VMState = "Available"
	// VMPending is a VM that is being cloned, or not yet readable. It counts as a replica and is never destroyed.
	VMPending VMState = "Pending"
	// VMPoweredOff is a VM that is complete but not powered on.
	VMPoweredOff VMState = "PoweredOff"
	// VMFailed is a VM that a failed operation keeps out of service; the message says which.
	VMFailed VMState = "Failed"
	// VMDeleting is a VM that is surplus and is being destroyed.
	VMDeleting VMState = "Deleting"
	// VMUnreachable is a VM whose host is disconnected, or that may no longer be read. It keeps its place.
	VMUnreachable VMState = "Unreachable"
	// VMMoved is a VM that was moved out of the group's folder. It keeps its place. Outside the root folder it is neither
	// switched nor removed.
	VMMoved VMState = "Moved"
	// VMConvertedToTemplate is a VM that was made a template. It is neither counted nor destroyed until it is converted back.
	VMConvertedToTemplate VMState = "ConvertedToTemplate"
	// VMCopy is a clone that somebody made of one of the group's VMs. It is neither counted nor destroyed.
	VMCopy VMState = "Copy"
)

// VMStatus is one VM as the controller last saw it.
type VMStatus struct {
	// Name of the VM in vCenter.
	//
	// +optional
	Name string `json:"name,omitempty"`

	// Managed object reference of the VM, for example "vm-42". Absent while the VM is being cloned.
	//
	// +optional
	MoRef string `json:"moRef,omitempty"`

	// Power state as vCenter reports it: poweredOn, poweredOff or suspended.
	//
	// +optional
	PowerState string `json:"powerState,omitempty"`

	// Primary IP address that VMware Tools report from inside the guest. Empty while they report none.
	//
	// +optional
	IP string `json:"ip,omitempty"`

	// Name of the ESXi host the VM is on.
	//
	// +optional
	Host string `json:"host,omitempty"`

	// What the controller makes of the VM: Available, Pending, PoweredOff, Failed, Deleting, Unreachable, Moved, ConvertedToTemplate
	// or Copy. More may be added.
	//
	// +optional
	State VMState `json:"state,omitempty"`

	// Why the VM is not available, in one sentence. Empty if it is.
	//
	// +optional
	Message string `json:"message,omitempty"`
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

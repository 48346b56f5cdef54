package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
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
	// GroupLabel is the label in status.selector. No object carries it; on a VmGroup it means nothing.
	GroupLabel = "vsphere.vmware.com/vmgroup"
	// OpIDAnnotation is on Events. It holds the opID of the sync that recorded the Event. The controller's log has the opID
	// too, and vCenter's log has it as the operationID of the sync's requests.
	OpIDAnnotation = "vsphere.vmware.com/op-id"

	// MaxListedVMs is the maximum number of VMs in the status, so that a large group stays a small object.
	MaxListedVMs = 100
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
	// into phase ERROR until the template appears or you correct this field. A group that lacks no VM stays READY, and
	// its message warns of the template. At most 1024 characters. No default.
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

	// How the controller switches VMs off. Omitted: hard.
	//
	// +optional
	Power *PowerSpec `json:"power,omitempty"`

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

// ReadinessType names a sign by which a VM is known to be ready.
//
// +kubebuilder:validation:Enum=PoweredOn;ToolsRunning;IPAddress;GuestInfo
type ReadinessType string

const (
	// ReadyPoweredOn: the VM is powered on.
	ReadyPoweredOn ReadinessType = "PoweredOn"
	// ReadyToolsRunning: VMware Tools run in the guest.
	ReadyToolsRunning ReadinessType = "ToolsRunning"
	// ReadyIPAddress: VMware Tools report an IP address that is neither loopback nor link-local.
	ReadyIPAddress ReadinessType = "IPAddress"
	// ReadyGuestInfo: the guest has run vmware-rpctool "info-set guestinfo.vmgroup.ready true".
	ReadyGuestInfo ReadinessType = "GuestInfo"
)

// ReadinessSpec says when a VM is ready. Whatever the type is, a VM that is powered off or that vCenter cannot reach is not.
type ReadinessSpec struct {
	// The sign by which a VM is known to be ready. PoweredOn: it is powered on. ToolsRunning: VMware Tools run in the
	// guest. IPAddress: VMware Tools report an address that is neither loopback nor link-local. GuestInfo: the guest has
	// run vmware-rpctool "info-set guestinfo.vmgroup.ready true". Required.
	//
	// +required
	Type ReadinessType `json:"type"`
}

// PowerSpec says how VMs are switched off.
//
// +kubebuilder:validation:MinProperties=1
type PowerSpec struct {
	// How long a guest may take to shut down before its VM is switched off hard, in seconds, from 0 to 86400. The guest is
	// asked through VMware Tools; where they do not run, the VM is switched off at once. It holds for every power-off by the
	// controller. Defaults to 0: hard, at once.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	GracePeriodSeconds *int32 `json:"gracePeriodSeconds,omitempty"`
}

// UpdateStrategy names a way in which a change of the spec reaches VMs that exist.
//
// +kubebuilder:validation:Enum=OnDelete;Replace
type UpdateStrategy string

const (
	// UpdateOnDelete: a VM keeps what it was made from until somebody destroys it.
	UpdateOnDelete UpdateStrategy = "OnDelete"
	// UpdateReplace: new VMs take the place of old ones, as in a Deployment.
	UpdateReplace UpdateStrategy = "Replace"
)

// UpdateSpec says how a change of the spec reaches VMs that exist.
//
// +kubebuilder:validation:XValidation:rule="self.strategy != 'Replace' || !(has(self.maxSurge) && has(self.maxUnavailable) && (type(self.maxSurge) == int ? self.maxSurge == 0 : self.maxSurge == '0%') && (type(self.maxUnavailable) == int ? self.maxUnavailable == 0 : self.maxUnavailable == '0%'))",message="maxSurge and maxUnavailable cannot both be 0"
// +kubebuilder:validation:XValidation:rule="self.strategy != 'OnDelete' || (!has(self.maxSurge) && !has(self.maxUnavailable) && !has(self.progressDeadlineSeconds))",message="strategy OnDelete takes no maxSurge, maxUnavailable or progressDeadlineSeconds"
type UpdateSpec struct {
	// The way in which a change reaches VMs that exist. OnDelete: a VM keeps what it was made from until somebody destroys
	// it. Replace: new VMs take the place of old ones. Required.
	//
	// +required
	Strategy UpdateStrategy `json:"strategy"`

	// How many VMs there may be beyond replicas while VMs are replaced: a number, or a percentage of replicas, rounded up.
	// Defaults to 1.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",message="must be 0 or more, or a percentage from 0% to 100%"
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`

	// How many of replicas may be unavailable because VMs are replaced: a number, or a percentage of replicas, rounded
	// down. If it and maxSurge come to 0, it is 1. Defaults to 0.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",message="must be 0 or more, or a percentage from 0% to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// How long the controller goes on replacing VMs while no new one becomes available, in seconds, from 60 to 604800. The
	// group is Stalled after that, and no further VM is replaced, until a new VM becomes available or the spec changes. The
	// clock stands while the group is paused, while vCenter does not answer and while it is out of resources. Defaults to
	// 1800.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`

	// Any text. A change of it is a change of what VMs are made from: it replaces all VMs although nothing else has
	// changed, for example after the template was rebuilt under its name. At most 64 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Trigger string `json:"trigger,omitempty"`
}

// ScaleDownPolicy says which VMs go when there are too many.
//
// +kubebuilder:validation:Enum=Youngest;HighestSlot;Explicit
type ScaleDownPolicy string

const (
	// ScaleDownYoungest: VMs that do not work go first, then old ones, then the youngest.
	ScaleDownYoungest ScaleDownPolicy = "Youngest"
	// ScaleDownHighestSlot: the VMs with the highest slots go first, whatever their state is.
	ScaleDownHighestSlot ScaleDownPolicy = "HighestSlot"
	// ScaleDownExplicit: only VMs go that spec.members marks with First or Now.
	ScaleDownExplicit ScaleDownPolicy = "Explicit"
)

// ScaleDownSpec says which VMs go when there are too many. Autoscalers and kubectl scale obey it too.
type ScaleDownSpec struct {
	// Which VMs go. Youngest: those that do not work, then old ones, then the youngest. HighestSlot: those with the
	// highest slots. Explicit: only those that spec.members marks with First or Now; while there are too few of these, the
	// group is Stalled and keeps too many. Required.
	//
	// +required
	Policy ScaleDownPolicy `json:"policy"`
}

// MemberDeletion says when a single VM is destroyed.
//
// +kubebuilder:validation:Enum=First;Now;Never
type MemberDeletion string

const (
	// DeletionFirst: the VM goes before others when there are too many.
	DeletionFirst MemberDeletion = "First"
	// DeletionNow: the VM is replaced.
	DeletionNow MemberDeletion = "Now"
	// DeletionNever: only the deletion of the group destroys the VM.
	DeletionNever MemberDeletion = "Never"
)

// MemberSpec is an exception for one VM.
type MemberSpec struct {
	// Instance of the VM, as in status.vms[].instance. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`
	Instance string `json:"instance"`

	// When the VM is destroyed. First: before others, when there are too many. Now: it is replaced by a new VM, within
	// update.maxUnavailable. Never: not when there are too many, and not by an update; the deletion of the group destroys
	// it all the same. Required.
	//
	// +required
	Deletion MemberDeletion `json:"deletion"`
}

// DeletionPolicy says what a deletion of a VmGroup does to its VMs.
type DeletionPolicy string

const (
	// DeletionPolicyDelete destroys the VMs.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyOrphan leaves the VMs and the folder as they are.
	DeletionPolicyOrphan DeletionPolicy = "Orphan"
)

// Phase sums up the conditions in one word for people. It holds no information of its own.
//
// +kubebuilder:validation:Enum=READY;PENDING;ERROR
type Phase string

const (
	// PhaseReady means that the condition Ready is True.
	PhaseReady Phase = "READY"
	// PhasePending means that the group moves towards its spec, or that its state is unknown right now.
	PhasePending Phase = "PENDING"
	// PhaseError means that the condition Stalled is True: somebody must act.
	PhaseError Phase = "ERROR"
)

// VmGroupStatus is the observed state of a VmGroup. A value that is not known yet is absent. Once the controller has
// written a status, a count of 0 means that there are none.
type VmGroupStatus struct {
	// Generation of the spec that this status describes.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Number of VMs that belong to the group, including those that are not ready or still being cloned.
	//
	// +optional
	Replicas int32 `json:"replicas"`

	// Number of the group's VMs that are ready, by the rule in spec.readiness.
	//
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`

	// Number of the group's VMs that are in service: ready for spec.minReadySeconds.
	//
	// +optional
	AvailableReplicas int32 `json:"availableReplicas"`

	// Number of the group's VMs that are made from the current revision and have the size in the spec.
	//
	// +optional
	UpdatedReplicas *int32 `json:"updatedReplicas,omitempty"`

	// Number of the group's VMs that are being powered off or destroyed. They still count in replicas.
	//
	// +optional
	TerminatingReplicas *int32 `json:"terminatingReplicas,omitempty"`

	// Name of what new VMs are made from, apart from their size: the same as long as nothing in the spec changes that only
	// a new VM can have.
	//
	// +optional
	Revision string `json:"revision,omitempty"`

	// The conditions in one word: READY if Ready is True, ERROR if Stalled is True, otherwise PENDING.
	//
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// State of the group, in one sentence for people. Do not parse it.
	//
	// +optional
	Message string `json:"message,omitempty"`

	// Label selector of the scale subresource, in its text form. It exists because autoscalers refuse an empty one.
	//
	// +optional
	Selector string `json:"selector,omitempty"`

	// The group's folder in vCenter. Absent until the folder exists.
	//
	// +optional
	Folder *FolderStatus `json:"folder,omitempty"`

	// The group's VMs, at most 100 of them. VMs that are not available come first; the order is then by name.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	VMs []VMStatus `json:"vms,omitempty"`

	// The conditions Ready, Reconciling, Stalled, UpToDate and VCenterReachable of the group.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// FolderStatus says where in vCenter the group's VMs are.
type FolderStatus struct {
	// Inventory path of the folder, for example "/dc1/vm/vmgroups/default/web". For people: the controller
	// finds the folder by moRef, so you may rename it.
	//
	// +optional
	Path string `json:"path,omitempty"`

	// Managed object reference of the folder, for example "group-v42".
	//
	// +optional
	MoRef string `json:"moRef,omitempty"`

	// Instance UUID of the vCenter (about.instanceUuid) that issued every moRef in this status. A moRef means nothing to
	// any other vCenter: if another one answers at the same address, the controller
	// leaves the group as it is.
	//
	// +optional
	VCenter string `json:"vCenter,omitempty"`
}

// VMState is the state of a VM, as the controller sees it, in one word. Later versions may add states.
type VMState string

const (
	// VMAvailable is a VM that is complete, powered on and in service.
	VMAvailable VMState = "Available"
	// VMPending is a VM whose clone runs, or that is not yet readable. It counts as a replica, and the controller never
	// destroys it.
	VMPending VMState = "Pending"
	// VMPoweredOff is a VM that is complete but not powered on.
	VMPoweredOff VMState = "PoweredOff"
	// VMNotReady is a VM that is powered on, and not ready by the rule in spec.readiness, or not for spec.minReadySeconds.
	VMNotReady VMState = "NotReady"
	// VMFailed is a VM that a failed operation keeps out of service; the message says which.
	VMFailed VMState = "Failed"
	// VMDeleting is a surplus VM that the controller destroys.
	VMDeleting VMState = "Deleting"
	// VMUnreachable is a VM whose host is disconnected, or that the account may no longer read. It keeps its place.
	VMUnreachable VMState = "Unreachable"
	// VMMoved is a VM that somebody moved out of the group's folder. It keeps its place. Outside the root folder the
	// controller neither switches nor removes it.
	VMMoved VMState = "Moved"
	// VMConvertedToTemplate is a VM that somebody converted to a template. The controller neither counts nor destroys it until
	// somebody converts it back.
	VMConvertedToTemplate VMState = "ConvertedToTemplate"
	// VMCopy is a clone that somebody made of one of the group's VMs. The controller neither counts nor destroys it.
	VMCopy VMState = "Copy"
)

// VMStatus is one VM as the controller last saw it.
type VMStatus struct {
	// Name of the VM in vCenter.
	//
	// +optional
	Name string `json:"name,omitempty"`

	// Managed object reference of the VM, for example "vm-42". Absent while the clone runs.
	//
	// +optional
	MoRef string `json:"moRef,omitempty"`

	// Instance UUID of the VM, which names it in spec.members. No other VM ever has it.
	//
	// +optional
	Instance string `json:"instance,omitempty"`

	// Slot of the VM: the number at the end of its name. A slot is used again.
	//
	// +optional
	Slot *int32 `json:"slot,omitempty"`

	// True if the VM is ready, by the rule in spec.readiness.
	//
	// +optional
	Ready bool `json:"ready,omitempty"`

	// Revision that the VM is made from, see status.revision.
	//
	// +optional
	Revision string `json:"revision,omitempty"`

	// Power state as vCenter reports it: poweredOn, poweredOff or suspended.
	//
	// +optional
	PowerState string `json:"powerState,omitempty"`

	// Primary IP address that VMware Tools report from inside the guest. Empty while VMware Tools report none.
	//
	// +optional
	IP string `json:"ip,omitempty"`

	// Name of the ESXi host that runs the VM.
	//
	// +optional
	Host string `json:"host,omitempty"`

	// State of the VM, as the controller sees it: Available, Pending, PoweredOff, NotReady, Failed, Deleting, Unreachable, Moved,
	// ConvertedToTemplate or Copy. Later versions may add states.
	//
	// +optional
	State VMState `json:"state,omitempty"`

	// Reason why the VM is not available, in one sentence. Empty if the VM is available.
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

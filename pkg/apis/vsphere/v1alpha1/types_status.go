package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

	// Preferred while the VMs are kept apart in vCenter, or were and have not been released yet.
	//
	// +optional
	AntiAffinity AntiAffinity `json:"antiAffinity,omitempty"`

	// Controller that keeps the group, by its flag -controller-name. Once it is here, no other one does.
	//
	// +optional
	ControllerName string `json:"controllerName,omitempty"`

	// VmGroupClass of the group. Absent if the flags of the controller say where the VMs go. Once a controller keeps the group, it
	// stays the same.
	//
	// +optional
	Class string `json:"class,omitempty"`

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
	// VMCompleted is a VM that was found off after it had been ready, and that is made anew: see spec.power.onPowerOff.
	VMCompleted VMState = "Completed"
	// VMConfiguring is a VM whose guest is to be told its hostname, addresses and user data before it is powered on.
	VMConfiguring VMState = "Configuring"
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

// VMPendingChange says what it takes until a VM is as the spec has it.
//
// +kubebuilder:validation:Enum=PowerCycle;Replacement
type VMPendingChange string

const (
	// PendingPowerCycle: the VM has to be switched off to be changed.
	PendingPowerCycle VMPendingChange = "PowerCycle"
	// PendingReplacement: only a new VM can be as the spec has it.
	PendingReplacement VMPendingChange = "Replacement"
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

	// Zone of the class that the VM was made in. Absent if the group has no class.
	//
	// +optional
	Zone string `json:"zone,omitempty"`

	// True if the VM is ready, by the rule in spec.readiness.
	//
	// +optional
	Ready bool `json:"ready,omitempty"`

	// Revision that the VM is made from, see status.revision.
	//
	// +optional
	Revision string `json:"revision,omitempty"`

	// What it takes until the VM is as the spec has it: PowerCycle or Replacement. Absent if the VM is, or becomes so without
	// a break.
	//
	// +optional
	Pending VMPendingChange `json:"pending,omitempty"`

	// Power state as vCenter reports it: poweredOn, poweredOff or suspended.
	//
	// +optional
	PowerState string `json:"powerState,omitempty"`

	// Primary IP address that VMware Tools report from inside the guest. Empty while VMware Tools report none.
	//
	// +optional
	IP string `json:"ip,omitempty"`

	// IP addresses of the VM's network cards, as VMware Tools report them from inside the guest. At most 8.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	IPs []string `json:"ips,omitempty"`

	// Hostname that VMware Tools report from inside the guest.
	//
	// +optional
	Hostname string `json:"hostname,omitempty"`

	// Name of the ESXi host that runs the VM.
	//
	// +optional
	Host string `json:"host,omitempty"`

	// State of the VM, as the controller sees it: Available, Pending, Configuring, PoweredOff, Completed, NotReady, Failed, Deleting,
	// Unreachable, Moved, ConvertedToTemplate or Copy. Later versions may add states.
	//
	// +optional
	State VMState `json:"state,omitempty"`

	// Reason why the VM is not available, in one sentence. Empty if the VM is available.
	//
	// +optional
	Message string `json:"message,omitempty"`
}

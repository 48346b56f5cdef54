package v1alpha1

import "k8s.io/apimachinery/pkg/util/intstr"

// ReadinessType names a sign by which a VM is known to be ready.
//
// +kubebuilder:validation:Enum=PoweredOn;ToolsRunning;IPAddress;GuestInfo
type ReadinessType string

const (
	// ReadyPoweredOn: the VM is powered on.
	ReadyPoweredOn ReadinessType = "PoweredOn"
	// ReadyToolsRunning: VMware Tools run in the guest.
	ReadyToolsRunning ReadinessType = "ToolsRunning"
	// ReadyIPAddress: VMware Tools report an IP address that is neither loopback nor link-local and, where the class says a cidr of
	// each of the VM's networks, lies in one of these.
	ReadyIPAddress ReadinessType = "IPAddress"
	// ReadyGuestInfo: the guest has run vmware-rpctool "info-set guestinfo.vmgroup.ready true".
	ReadyGuestInfo ReadinessType = "GuestInfo"
)

// ReadinessSpec says when a VM is ready. Whatever the type is, a VM that is powered off or that vCenter cannot reach is not.
type ReadinessSpec struct {
	// The sign by which a VM is known to be ready. PoweredOn: it is powered on. ToolsRunning: VMware Tools run in the
	// guest. IPAddress: VMware Tools report an address that is neither loopback nor link-local and, where the class says a
	// cidr of each of the VM's networks, lies in one of these. GuestInfo: the guest has run vmware-rpctool "info-set
	// guestinfo.vmgroup.ready true". Required.
	//
	// +required
	Type ReadinessType `json:"type"`
}

// PowerState is whether VMs are to be on or off.
//
// +kubebuilder:validation:Enum=PoweredOn;PoweredOff
type PowerState string

const (
	// StatePoweredOn: VMs are on.
	StatePoweredOn PowerState = "PoweredOn"
	// StatePoweredOff: VMs are kept, and off.
	StatePoweredOff PowerState = "PoweredOff"
)

// OnPowerOff is what happens to a VM that is found off.
//
// +kubebuilder:validation:Enum=PowerOn;Replace
type OnPowerOff string

const (
	// OnPowerOffPowerOn: it is powered on.
	OnPowerOffPowerOn OnPowerOff = "PowerOn"
	// OnPowerOffReplace: it is destroyed, and made anew, if it has been ready before.
	OnPowerOffReplace OnPowerOff = "Replace"
)

// AntiAffinity says whether VMs are kept apart.
//
// +kubebuilder:validation:Enum=None;Preferred
type AntiAffinity string

const (
	// AntiAffinityNone: they are not.
	AntiAffinityNone AntiAffinity = "None"
	// AntiAffinityPreferred: they are, as far as there are enough hosts.
	AntiAffinityPreferred AntiAffinity = "Preferred"
)

// PowerSpec says whether VMs are on, and how they are switched off.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.onPowerOff) || self.onPowerOff != 'Replace' || !has(self.state) || self.state == 'PoweredOn'",message="onPowerOff Replace needs state PoweredOn"
type PowerSpec struct {
	// Whether the VMs are on. PoweredOff: guests shut down, and their VMs are kept; the group is READY when all are off, and
	// new VMs are made and left off. Defaults to PoweredOn.
	//
	// +optional
	State *PowerState `json:"state,omitempty"`

	// What happens to a VM that somebody else, or its guest, has switched off. PowerOn: it is powered on. Replace: it is destroyed
	// and made anew, if it has been ready before; for guests that do one job, such as CI runners. It is powered on all the same
	// if its host was away meanwhile, or if more than spec.health.maxUnhealthy (40 %) are off at once. Each further time within
	// minutes waits longer, from 10 seconds to 10 minutes. Defaults to PowerOn.
	//
	// +optional
	OnPowerOff *OnPowerOff `json:"onPowerOff,omitempty"`

	// How long a guest may take to shut down before its VM is switched off hard, in seconds, from 0 to 86400. The guest is
	// asked through VMware Tools; where they do not run, the VM is switched off at once. It holds for every power-off by the
	// controller. Defaults to 0: hard, at once.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	GracePeriodSeconds *int32 `json:"gracePeriodSeconds,omitempty"`
}

// HealthAction is what happens to a VM that is not healthy.
//
// +kubebuilder:validation:Enum=Reset;Replace
type HealthAction string

const (
	// HealthReset: the VM is reset, as by its reset button.
	HealthReset HealthAction = "Reset"
	// HealthReplace: the VM is destroyed, and made anew.
	HealthReplace HealthAction = "Replace"
)

// HealthSpec says when a VM that is powered on is not healthy, and what happens to it. One VM at a time is helped: the next waits
// until that one is ready, or its time is over again. The clocks run only while the controller's view of vCenter is current and
// the VM's host is connected. They begin anew after that, and after a restart of the controller.
//
// +kubebuilder:validation:XValidation:rule="has(self.startupTimeoutSeconds) || has(self.unreadyTimeoutSeconds)",message="set startupTimeoutSeconds, unreadyTimeoutSeconds, or both"
type HealthSpec struct {
	// What happens to a VM that is not healthy: Reset or Replace. Required.
	//
	// +required
	Action HealthAction `json:"action"`

	// How long a VM that has never been ready may take for it, in seconds, from 60 to 86400. Omitted: for ever.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	StartupTimeoutSeconds *int32 `json:"startupTimeoutSeconds,omitempty"`

	// How long a VM that was ready may not be, in seconds, from 60 to 86400. Omitted: for ever.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	UnreadyTimeoutSeconds *int32 `json:"unreadyTimeoutSeconds,omitempty"`

	// While more VMs than this are not healthy, the controller helps none: something else is wrong. A number, or a percentage of
	// replicas, rounded up. Defaults to 40%.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",message="must be 0 or more, or a percentage from 0% to 100%"
	MaxUnhealthy *intstr.IntOrString `json:"maxUnhealthy,omitempty"`
}

// UpdateStrategy names a way in which a change of the spec reaches VMs that exist.
//
// +kubebuilder:validation:Enum=OnDelete;Replace;InPlaceIfPossible;InPlaceOnly
type UpdateStrategy string

const (
	// UpdateOnDelete: a VM keeps what it was made from until somebody destroys it.
	UpdateOnDelete UpdateStrategy = "OnDelete"
	// UpdateReplace: new VMs take the place of old ones, as in a Deployment.
	UpdateReplace UpdateStrategy = "Replace"
	// UpdateInPlaceIfPossible: a VM gets another size, and a new VM takes its place for everything else.
	UpdateInPlaceIfPossible UpdateStrategy = "InPlaceIfPossible"
	// UpdateInPlaceOnly: a VM gets another size, and keeps what it was made from. No VM is replaced.
	UpdateInPlaceOnly UpdateStrategy = "InPlaceOnly"
)

// UpdateSpec says how a change of the spec reaches VMs that exist.
//
// +kubebuilder:validation:XValidation:rule="!(self.strategy in ['Replace', 'InPlaceIfPossible']) || !(has(self.maxSurge) && has(self.maxUnavailable) && (type(self.maxSurge) == int ? self.maxSurge == 0 : self.maxSurge == '0%') && (type(self.maxUnavailable) == int ? self.maxUnavailable == 0 : self.maxUnavailable == '0%'))",message="maxSurge and maxUnavailable cannot both be 0"
// +kubebuilder:validation:XValidation:rule="self.strategy in ['Replace', 'InPlaceIfPossible'] || !has(self.maxSurge)",message="maxSurge needs strategy Replace or InPlaceIfPossible"
// +kubebuilder:validation:XValidation:rule="self.strategy != 'OnDelete' || (!has(self.maxUnavailable) && !has(self.partition) && !has(self.progressDeadlineSeconds))",message="strategy OnDelete takes no maxUnavailable, partition or progressDeadlineSeconds"
type UpdateSpec struct {
	// The way in which a change reaches VMs that exist. OnDelete: a VM keeps what it was made from until somebody destroys
	// it. Replace: new VMs take the place of old ones. InPlaceIfPossible: VMs get another cpu or memory as they are, while they
	// are on if their hot-add settings allow it; new VMs take their place for everything else. InPlaceOnly: the same, and no VM
	// is ever replaced. Required.
	//
	// +required
	Strategy UpdateStrategy `json:"strategy"`

	// How many VMs there may be beyond replicas while VMs are replaced: a number, or a percentage of replicas, rounded up.
	// Defaults to 1, with the strategy InPlaceIfPossible to 0.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",message="must be 0 or more, or a percentage from 0% to 100%"
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`

	// How many of replicas may be unavailable because VMs are replaced or changed: a number, or a percentage of replicas,
	// rounded down. If it and maxSurge come to 0, it is 1. With the strategy InPlaceOnly, 0 means that no VM is switched off
	// for a change: what needs that waits until somebody else does. Defaults to 0, with the strategies InPlaceIfPossible and
	// InPlaceOnly to 1.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",message="must be 0 or more, or a percentage from 0% to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// How many VMs keep the revision and the size that they were made with, while the others are replaced: a number, or a
	// percentage of replicas, rounded up. They are the old VMs in the lowest slots. One of them that is lost is made again as
	// it was. For that, the controller keeps what VMs are made from in ControllerRevisions, from when this field is set: set
	// it, be it to 0, before you change the template. Defaults to 0.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^(0|[1-9][0-9]?|100)%$')",message="must be 0 or more, or a percentage from 0% to 100%"
	Partition *intstr.IntOrString `json:"partition,omitempty"`

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

// NetworkSpec is the network of a NIC.
type NetworkSpec struct {
	// Name of a network that the class offers. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-+[a-z0-9]+)*$`
	Name string `json:"name"`

	// Static addresses of the VMs in this network: addresses, or ranges of them such as 10.1.0.11-10.1.0.20. The VM of slot 0 has the
	// first, and so on; a slot that is made again has the same. They have to lie in the cidr of the class's network, and there have to
	// be as many as replicas, and maxSurge more. Omitted: what DHCP or the guest says. At most 100 entries, without overlap.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=79
	// +kubebuilder:validation:XValidation:rule="self.all(a, a.split('-').size() <= 2 && a.split('-').all(x, isIP(x)))",message="each entry is an IP address, or two with a hyphen between them"
	Addresses []string `json:"addresses,omitempty"`
}

package v1alpha1

// CloneMode is how the disks of a template are copied.
//
// +kubebuilder:validation:Enum=Full;Linked
type CloneMode string

const (
	// CloneFull: each VM has a whole copy.
	CloneFull CloneMode = "Full"
	// CloneLinked: each VM has a disk of what differs from a snapshot of the template.
	CloneLinked CloneMode = "Linked"
)

// CloneOptions says how the disks of the template are copied.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.snapshot) || (has(self.mode) && self.mode == 'Linked')",message="snapshot needs mode Linked"
type CloneOptions struct {
	// Full: each VM has a whole copy. Linked: each VM has only what differs from a snapshot of the template; it is made in seconds,
	// needs the template's files for as long as it lives, and its disk cannot grow. A template without a snapshot cannot be cloned
	// so: the controller never makes a full copy instead. Defaults to Full.
	//
	// +optional
	Mode *CloneMode `json:"mode,omitempty"`

	// Name of the template's snapshot to clone from, with mode Linked. Omitted: its current one. At most 80 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=80
	Snapshot string `json:"snapshot,omitempty"`
}

// GuestSpec is what a guest is told of itself.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!(has(self.cloudInit) && has(self.customizationSpec))",message="cloudInit and customizationSpec exclude each other"
// +kubebuilder:validation:XValidation:rule="!has(self.hostnamePrefix) || has(self.cloudInit) || has(self.customizationSpec)",message="hostnamePrefix needs cloudInit or customizationSpec"
type GuestSpec struct {
	// Begins the hostnames: a guest's is the prefix, a hyphen and the number of the VM's slot. At most 57 lower-case letters, digits
	// and hyphens. Omitted: the hostname is the VM's name, and ends after 63 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=57
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-+[a-z0-9]+)*$`
	HostnamePrefix string `json:"hostnamePrefix,omitempty"`

	// The guest has cloud-init. The controller hands it its data before the VM is powered on for the first time.
	//
	// +optional
	CloudInit *CloudInitSpec `json:"cloudInit,omitempty"`

	// Name of a customization specification in vCenter, for Windows or Linux, that the class offers. The controller puts in the hostname,
	// and the static addresses; VMware Tools carry it out when the guest starts for the first time. It excludes cloudInit.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	CustomizationSpec string `json:"customizationSpec,omitempty"`
}

// CloudInitSpec is what cloud-init reads besides the hostname and the addresses. It may be empty.
type CloudInitSpec struct {
	// Secret with the user data, in the namespace of the group. The controller reads it when it makes a VM. New contents reach only
	// VMs that are made later; another name or key is another revision.
	//
	// +optional
	UserDataSecretRef *SecretKeyReference `json:"userDataSecretRef,omitempty"`

	// Public keys that may log in to the guest by SSH, as its default user. At most 50.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=8192
	SSHAuthorizedKeys []string `json:"sshAuthorizedKeys,omitempty"`
}

// DefaultUserDataKey is the key of a Secret that user data are read from if none is named.
const DefaultUserDataKey = "user-data"

// SecretKeyReference names a key of a Secret in the namespace of the group.
type SecretKeyReference struct {
	// Name of the Secret. Required.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+([-.]+[a-z0-9]+)*$`
	Name string `json:"name"`

	// Key in the data of the Secret. Defaults to user-data.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key,omitempty"`
}

package v1alpha1

// The condition types of a VmGroup. The first three follow kstatus, so that kubectl wait, Flux and Helm understand them:
// Reconciling and Stalled are absent or False at rest, and never both True.
const (
	// ConditionReady is True if the current generation was read and that many VMs are complete and powered on. It is
	// Unknown while vCenter does not answer.
	ConditionReady = "Ready"
	// ConditionReconciling is True only while the group moves towards its spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True only if the group cannot go on until somebody acts.
	ConditionStalled = "Stalled"
	// ConditionVCenterReachable is True if the view of vCenter is current.
	ConditionVCenterReachable = "VCenterReachable"
)

// Reasons of a group that is at rest or on its way.
const (
	// ReasonAllReplicasAvailable: as many VMs are in service as the spec wants.
	ReasonAllReplicasAvailable = "AllReplicasAvailable"
	// ReasonScalingUp: VMs are being cloned or powered on.
	ReasonScalingUp = "ScalingUp"
	// ReasonScalingDown: surplus VMs are being powered off or destroyed.
	ReasonScalingDown = "ScalingDown"
	// ReasonDeleting: the VmGroup is being deleted, and with it its VMs and its folder.
	ReasonDeleting = "Deleting"
	// ReasonPaused: spec.paused holds back the changes that are due.
	ReasonPaused = "Paused"
	// ReasonReadOnly: the controller runs with -read-only and holds back the changes that are due.
	ReasonReadOnly = "ReadOnly"
	// ReasonCrashLoopBackOff: a VM is switched off again soon after it was powered on. It is powered on again after a pause
	// that grows.
	ReasonCrashLoopBackOff = "CrashLoopBackOff"
	// ReasonReplicasUnavailable: there are enough VMs, but not all of them are in service.
	ReasonReplicasUnavailable = "ReplicasUnavailable"
	// ReasonRetrying: an operation failed and will be tried again.
	ReasonRetrying = "Retrying"
	// ReasonOutcomeUnknown: the answer to an operation was lost; the inventory is read before anything is repeated.
	ReasonOutcomeUnknown = "OutcomeUnknown"
	// ReasonResourceExhausted: vCenter has no room for another VM; clones go one at a time until one succeeds.
	ReasonResourceExhausted = "ResourceExhausted"
	// ReasonVMUnreachable: a surplus VM cannot be reached. It stays chosen and is waited for.
	ReasonVMUnreachable = "VMUnreachable"
	// ReasonCloneStalled: a clone passed its deadline and is being looked at again.
	ReasonCloneStalled = "CloneStalled"
	// ReasonMassDisappearance: many VMs, of whatever groups, have left the view at once. Nothing is cloned, and no group
	// goes, until each of them is proven gone or is back.
	ReasonMassDisappearance = "MassDisappearance"
	// ReasonVMsUnreadable: VMs that the status counts cannot be read, and the status is too short to list all of them.
	ReasonVMsUnreadable = "VMsUnreadable"
	// ReasonNameInUse: somebody else's VM has the name of one of the group's; the next free name is taken.
	ReasonNameInUse = "NameInUse"
	// ReasonOrphaned: VMs stay although their group goes.
	ReasonOrphaned = "Orphaned"
	// ReasonFolderNotEmpty: the group's folder holds something that is not the group's, and so it stays.
	ReasonFolderNotEmpty = "FolderNotEmpty"
)

// Reasons of a group that waits for somebody to act.
const (
	// ReasonInvalidAnnotation: the VmGroup is being deleted, and one of its annotations or labels below vsphere.vmware.com/
	// is not known. Nothing is destroyed until it is corrected or removed. A VmGroup that lives says so in its message.
	ReasonInvalidAnnotation = "InvalidAnnotation"
	// The templates' reasons: VMs are to be cloned and spec.template cannot be cloned from. A group that lacks no VM stays
	// READY, and its message says that the next clone would fail.

	// ReasonTemplateEmpty: spec.template names nothing.
	ReasonTemplateEmpty = "TemplateEmpty"
	// ReasonTemplateNotFound: no template of that name or path is where templates are looked for.
	ReasonTemplateNotFound = "TemplateNotFound"
	// ReasonTemplateAmbiguous: several templates have that name; a path tells them apart.
	ReasonTemplateAmbiguous = "TemplateAmbiguous"
	// ReasonTemplateUnusable: what was found cannot be cloned from: it is no template, it is a VM of a VmGroup that was made
	// one, or it lies below the root folder.
	ReasonTemplateUnusable = "TemplateUnusable"
	// ReasonNoPermission: vCenter denies the controller a privilege; the message says which, and on what.
	ReasonNoPermission = "NoPermission"
	// ReasonInvalidConfiguration: vCenter refuses the operation as such, for example the number of CPUs.
	ReasonInvalidConfiguration = "InvalidConfiguration"
	// ReasonInstanceMismatch: a VM under the name of one of the group's slots carries the stamp of another VM. Nothing
	// more is cloned until somebody has looked.
	ReasonInstanceMismatch = "InstanceMismatch"
	// ReasonRootFolderLost: the root folder is gone although a VmGroup's status records one below it.
	ReasonRootFolderLost = "RootFolderLost"
	// ReasonVMOutsideRoot: a VM that is to be removed, or that is switched off, lies outside the root folder, where nothing
	// is touched. Move it back.
	ReasonVMOutsideRoot = "VMOutsideRoot"
	// ReasonForeignDisk: a VM to be destroyed has a disk that is not its own, and that would be deleted with it. Detach the
	// disk first.
	ReasonForeignDisk = "ForeignDisk"
	// ReasonNameTaken: something that is no folder has the name of a folder that is to be made. Rename it.
	ReasonNameTaken = "NameTaken"
	// ReasonNotOurs: the folder of a group that goes was moved out of its namespace's folder just now, and is left.
	ReasonNotOurs = "NotOurs"
	// The places' reasons: VMs are due, and there is no place for them. VMs that stand are kept, and can be removed.

	// ReasonClusterNotFound: there is no cluster and no host in the datacenter, or none as -cluster says.
	ReasonClusterNotFound = "ClusterNotFound"
	// ReasonClusterAmbiguous: several clusters fit; the message lists them.
	ReasonClusterAmbiguous = "ClusterAmbiguous"
	// ReasonResourcePoolNotFound: the cluster has no resource pool as -resource-pool says.
	ReasonResourcePoolNotFound = "ResourcePoolNotFound"
	// ReasonResourcePoolAmbiguous: several resource pools fit; the message lists them.
	ReasonResourcePoolAmbiguous = "ResourcePoolAmbiguous"
	// ReasonDatastoreNotFound: the cluster has no datastore, or none as -datastore says.
	ReasonDatastoreNotFound = "DatastoreNotFound"
	// ReasonDatastoreAmbiguous: several datastores fit; the message lists them.
	ReasonDatastoreAmbiguous = "DatastoreAmbiguous"
	// ReasonHostNotFound: the cluster has no host as -host says.
	ReasonHostNotFound = "HostNotFound"
	// ReasonHostAmbiguous: several hosts fit; the message lists them.
	ReasonHostAmbiguous = "HostAmbiguous"

	// ReasonVCenterChanged: another vCenter answers at the address. The group is left as it is.
	ReasonVCenterChanged = "VCenterChanged"
)

// Reasons of the condition VCenterReachable, and of an unknown Ready.
const (
	// ReasonVCenterConnected: the session stands and the inventory is in step.
	ReasonVCenterConnected = "VCenterConnected"
	// ReasonVCenterSyncing: the session stands, but the inventory has not been read in full yet.
	ReasonVCenterSyncing = "VCenterSyncing"
	// ReasonVCenterUnreachable: vCenter does not answer.
	ReasonVCenterUnreachable = "VCenterUnreachable"
	// ReasonCredentialsRejected: vCenter refused the user name or the password.
	ReasonCredentialsRejected = "CredentialsRejected"
	// ReasonCredentialsUnreadable: the files with the user name and the password cannot be read.
	ReasonCredentialsUnreadable = "CredentialsUnreadable"
	// ReasonCertificateRejected: vCenter's certificate cannot be verified, also because the file with the authorities cannot
	// be read.
	ReasonCertificateRejected = "CertificateRejected"
	// ReasonDatacenterNotFound: there is no datacenter, or none as -datacenter says.
	ReasonDatacenterNotFound = "DatacenterNotFound"
	// ReasonDatacenterAmbiguous: several datacenters fit; the message lists them.
	ReasonDatacenterAmbiguous = "DatacenterAmbiguous"
)

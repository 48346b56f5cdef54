package v1alpha1

// The condition types of a VmGroup. The first three follow kstatus, so that kubectl wait, Flux and Helm understand them:
// Reconciling and Stalled are absent or False at rest, and never both True.
const (
	// ConditionReady is True if the controller has read the current generation and as many VMs are complete and powered on. It is
	// Unknown while vCenter does not answer.
	ConditionReady = "Ready"
	// ConditionReconciling is True only while the group moves towards its spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True only if the group cannot go on until somebody acts.
	ConditionStalled = "Stalled"
	// ConditionUpToDate is True if all VMs are made from the current revision and have the size in the spec. It is Unknown
	// while that cannot be told.
	ConditionUpToDate = "UpToDate"
	// ConditionVCenterReachable is True if the view of vCenter is current.
	ConditionVCenterReachable = "VCenterReachable"
)

// Reasons of a group that is at rest or on its way.
const (
	// ReasonAllReplicasAvailable: as many VMs are in service as the spec wants.
	ReasonAllReplicasAvailable = "AllReplicasAvailable"
	// ReasonAllReplicasPoweredOff: spec.power.state is PoweredOff, there are as many VMs as the spec wants, and all are off.
	ReasonAllReplicasPoweredOff = "AllReplicasPoweredOff"
	// ReasonPoweringOff: the controller switches VMs off, as spec.power.state asks.
	ReasonPoweringOff = "PoweringOff"
	// ReasonScalingUp: the controller clones VMs or powers them on.
	ReasonScalingUp = "ScalingUp"
	// ReasonScalingDown: the controller powers surplus VMs off or destroys them.
	ReasonScalingDown = "ScalingDown"
	// ReasonUpdating: the controller replaces VMs by new ones, as spec.update or spec.members asks.
	ReasonUpdating = "Updating"
	// ReasonNotReady: VMs are not ready yet by the rule in spec.readiness, or not for spec.minReadySeconds.
	ReasonNotReady = "NotReady"
	// ReasonDeleting: the controller deletes the VmGroup with its VMs and its folder.
	ReasonDeleting = "Deleting"
	// ReasonPaused: spec.paused holds back the changes that are due.
	ReasonPaused = "Paused"
	// ReasonReadOnly: the controller runs with -read-only and holds back the changes that are due.
	ReasonReadOnly = "ReadOnly"
	// ReasonCrashLoopBackOff: a VM is off again soon after the controller powered it on, or made it. The controller powers it
	// on, or makes it anew, after a pause that grows.
	ReasonCrashLoopBackOff = "CrashLoopBackOff"
	// ReasonTooManyUnhealthy: more VMs than spec.health.maxUnhealthy are not healthy. The controller helps none of them.
	ReasonTooManyUnhealthy = "TooManyUnhealthy"
	// ReasonReplicasUnavailable: there are enough VMs, but not all of them are in service.
	ReasonReplicasUnavailable = "ReplicasUnavailable"
	// ReasonRetrying: an operation failed, and the controller will try it again.
	ReasonRetrying = "Retrying"
	// ReasonOutcomeUnknown: the answer to an operation was lost; the controller reads the inventory before it repeats anything.
	ReasonOutcomeUnknown = "OutcomeUnknown"
	// ReasonResourceExhausted: vCenter has no room for another VM; the controller tries one clone at a time until one succeeds.
	ReasonResourceExhausted = "ResourceExhausted"
	// ReasonVMUnreachable: the host of a surplus VM does not answer. The VM stays chosen, and the controller waits for it.
	ReasonVMUnreachable = "VMUnreachable"
	// ReasonCloneStalled: a clone passed its deadline, and the controller looks at it again.
	ReasonCloneStalled = "CloneStalled"
	// ReasonMassDisappearance: many VMs, of whatever groups, have left the view at once. The controller clones nothing
	// and lets no group go until each of them is proven gone or is back.
	ReasonMassDisappearance = "MassDisappearance"
	// ReasonVMsUnreadable: the controller cannot read VMs that the status counts, and the status is too short to list all.
	ReasonVMsUnreadable = "VMsUnreadable"
	// ReasonNameInUse: somebody else's VM has the name of one of the group's VMs; the controller takes the next
	// free name.
	ReasonNameInUse = "NameInUse"
	// ReasonOrphaned: VMs stay although their group goes.
	ReasonOrphaned = "Orphaned"
	// ReasonFolderNotEmpty: the folder of a deleted group holds something foreign, so it stays.
	ReasonFolderNotEmpty = "FolderNotEmpty"
	// ReasonNotKeptApart: the VMs of the group are not kept apart, though spec.antiAffinity asks for it.
	ReasonNotKeptApart = "NotKeptApart"
)

// Reasons of a group that waits for somebody to act.
const (
	// ReasonInvalidAnnotation: the VmGroup is in deletion, and one of its annotations or labels below vsphere.vmware.com/ is
	// unknown. The controller destroys nothing until somebody corrects or removes it. Before a deletion, the message of
	// the VmGroup says so.
	ReasonInvalidAnnotation = "InvalidAnnotation"
	// The templates' reasons: VMs are due, and the controller cannot clone spec.template. A group that lacks no VM stays
	// READY, and its message says that the next clone would fail.

	// ReasonTemplateEmpty: spec.template names nothing.
	ReasonTemplateEmpty = "TemplateEmpty"
	// ReasonTemplateNotFound: the template folder has no template of that name or path.
	ReasonTemplateNotFound = "TemplateNotFound"
	// ReasonTemplateAmbiguous: several templates have that name; a path tells them apart.
	ReasonTemplateAmbiguous = "TemplateAmbiguous"
	// ReasonTemplateUnusable: the controller must not clone the VM of that name: it is no template, it is a VM of a VmGroup
	// that somebody converted to a template, or it lies below the root folder.
	ReasonTemplateUnusable = "TemplateUnusable"
	// The classes' reasons.

	// ReasonClassNotFound: there is no VmGroupClass of the name in spec.className.
	ReasonClassNotFound = "ClassNotFound"
	// ReasonClassRequired: spec.className names no VmGroupClass, and none of those that there are is the default.
	ReasonClassRequired = "ClassRequired"
	// ReasonClassNotAllowed: the VmGroupClass does not admit the namespace of the group.
	ReasonClassNotAllowed = "ClassNotAllowed"
	// ReasonClassChanged: spec.className names another class than the one that the group's VMs were made in.
	ReasonClassChanged = "ClassChanged"
	// ReasonLimitExceeded: the spec asks for larger VMs than the VmGroupClass allows.
	ReasonLimitExceeded = "LimitExceeded"
	// ReasonNetworkNotOffered: the VmGroupClass offers no network of a name in spec.networks.
	ReasonNetworkNotOffered = "NetworkNotOffered"
	// ReasonNetworkNotFound: a network of the VmGroupClass is not there, or no zone has all networks in spec.networks.
	ReasonNetworkNotFound = "NetworkNotFound"
	// ReasonNetworkAmbiguous: several networks have the name; the message lists their paths.
	ReasonNetworkAmbiguous = "NetworkAmbiguous"
	// ReasonAddressesInvalid: static addresses in spec.networks overlap, or a range of them ends before it begins.
	ReasonAddressesInvalid = "AddressesInvalid"
	// ReasonAddressNotInNetwork: a static address does not lie in the network of the VmGroupClass, or no VM may have it.
	ReasonAddressNotInNetwork = "AddressNotInNetwork"
	// ReasonAddressesExhausted: spec.networks has fewer static addresses than the group has VMs, spec.update.maxSurge included.
	ReasonAddressesExhausted = "AddressesExhausted"
	// ReasonCloneModeNotOffered: the VmGroupClass does not offer the clone mode in spec.clone.
	ReasonCloneModeNotOffered = "CloneModeNotOffered"
	// ReasonSnapshotNotFound: VMs are due, spec.clone asks for linked clones, and the template has no snapshot, or none of that
	// name, or several.
	ReasonSnapshotNotFound = "SnapshotNotFound"
	// ReasonCustomizationSpecNotOffered: the VmGroupClass does not offer the customization specification in spec.guest.
	ReasonCustomizationSpecNotOffered = "CustomizationSpecNotOffered"
	// ReasonCustomizationSpecNotFound: vCenter has no customization specification of that name.
	ReasonCustomizationSpecNotFound = "CustomizationSpecNotFound"
	// ReasonCustomizationFailed: a guest could not be customized, or the specification does not fit it.
	ReasonCustomizationFailed = "CustomizationFailed"
	// ReasonUserDataNotFound: VMs are due, and the Secret with their user data is not there, or lacks the key.
	ReasonUserDataNotFound = "UserDataNotFound"
	// ReasonUserDataForbidden: VMs are due, and the controller may not read the Secret with their user data.
	ReasonUserDataForbidden = "UserDataForbidden"
	// ReasonUserDataTooLarge: the user data are more than a guest can be handed.
	ReasonUserDataTooLarge = "UserDataTooLarge"
	// ReasonDiskTooSmall: VMs are due, and spec.disk is less than the first disk of the template. A disk does not shrink.
	ReasonDiskTooSmall = "DiskTooSmall"
	// ReasonProgressDeadlineExceeded: no new VM became available within spec.update.progressDeadlineSeconds. The controller
	// replaces no further VM until one does, or until the spec changes.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	// ReasonReplacementRequired: only new VMs can be as the spec has them, and spec.update.strategy is InPlaceOnly.
	ReasonReplacementRequired = "ReplacementRequired"
	// ReasonVictimsNotNamed: there are too many VMs, spec.scaleDown.policy is Explicit, and spec.members names too few of
	// them.
	ReasonVictimsNotNamed = "VictimsNotNamed"
	// ReasonRevisionUnavailable: a VM is missing that spec.update.partition keeps at an earlier revision, and nobody can make
	// it again: its template is gone, or what it was made from is not known. The controller leaves its slot empty until the
	// template is back, or until the partition is lowered.
	ReasonRevisionUnavailable = "RevisionUnavailable"
	// ReasonRevisionNotRecorded: the API server does not let the controller write the ControllerRevision that
	// spec.update.partition needs. The controller clones nothing until it does.
	ReasonRevisionNotRecorded = "RevisionNotRecorded"
	// ReasonNoPermission: vCenter denies the controller a privilege; the message names it and the object.
	ReasonNoPermission = "NoPermission"
	// ReasonInvalidConfiguration: vCenter refuses the operation as such, for example the number of CPUs.
	ReasonInvalidConfiguration = "InvalidConfiguration"
	// ReasonInstanceMismatch: a VM under the name of one of the group's slots carries the stamp of another VM. The
	// controller clones no more until somebody has looked.
	ReasonInstanceMismatch = "InstanceMismatch"
	// ReasonRootFolderLost: the root folder is gone although a VmGroup's status records one below it.
	ReasonRootFolderLost = "RootFolderLost"
	// ReasonVMOutsideRoot: a VM that is due to go, or that is off, lies outside the root folder, where the controller touches
	// nothing. Move it back.
	ReasonVMOutsideRoot = "VMOutsideRoot"
	// ReasonForeignDisk: a VM that is due to go has a disk that is not its own. vCenter would delete the disk with the VM.
	// Detach the disk first.
	ReasonForeignDisk = "ForeignDisk"
	// ReasonNameTaken: the controller has to make a folder, and an object that is no folder has its name. Rename the object.
	ReasonNameTaken = "NameTaken"
	// ReasonNotOurs: somebody has just moved the folder of a group in deletion out of its namespace's folder. It stays.
	ReasonNotOurs = "NotOurs"
	// The places' reasons: VMs are due, and there is no place for them. The controller keeps existing VMs, and can
	// remove them.

	// ReasonClusterNotFound: the datacenter has no cluster and no host, or none that matches -cluster.
	ReasonClusterNotFound = "ClusterNotFound"
	// ReasonClusterAmbiguous: several clusters fit; the message lists them.
	ReasonClusterAmbiguous = "ClusterAmbiguous"
	// ReasonResourcePoolNotFound: the cluster has no resource pool that matches -resource-pool.
	ReasonResourcePoolNotFound = "ResourcePoolNotFound"
	// ReasonResourcePoolAmbiguous: several resource pools fit; the message lists them.
	ReasonResourcePoolAmbiguous = "ResourcePoolAmbiguous"
	// ReasonDatastoreNotFound: the cluster has no datastore, or none that matches -datastore.
	ReasonDatastoreNotFound = "DatastoreNotFound"
	// ReasonDatastoreAmbiguous: several datastores fit; the message lists them.
	ReasonDatastoreAmbiguous = "DatastoreAmbiguous"
	// ReasonDatastoreClusterNotFound: no datastore cluster matches that of a zone.
	ReasonDatastoreClusterNotFound = "DatastoreClusterNotFound"
	// ReasonDatastoreClusterAmbiguous: several datastore clusters fit; the message lists them.
	ReasonDatastoreClusterAmbiguous = "DatastoreClusterAmbiguous"
	// ReasonDatastoreClusterUnusable: Storage DRS is off in the datastore cluster of a zone, or the zone's cluster mounts none of
	// its datastores.
	ReasonDatastoreClusterUnusable = "DatastoreClusterUnusable"
	// ReasonStoragePolicyNotFound: vCenter has no storage policy of the name that a zone has.
	ReasonStoragePolicyNotFound = "StoragePolicyNotFound"
	// ReasonStoragePolicyUnsatisfied: no datastore of the zone's cluster satisfies its storage policy.
	ReasonStoragePolicyUnsatisfied = "StoragePolicyUnsatisfied"
	// ReasonHostNotFound: the cluster has no host that matches -host.
	ReasonHostNotFound = "HostNotFound"
	// ReasonHostAmbiguous: several hosts fit; the message lists them.
	ReasonHostAmbiguous = "HostAmbiguous"

	// ReasonVCenterChanged: another vCenter answers at the address. The controller leaves the group as it is.
	ReasonVCenterChanged = "VCenterChanged"
)

// Reasons of the condition Ready of a VmGroupClass. It may also have the places' reasons, and InvalidConfiguration.
const (
	// ReasonClassResolved: all that the class names is there.
	ReasonClassResolved = "ClassResolved"
	// ReasonTemplateFolderNotFound: the folder in spec.templateFolder is not there.
	ReasonTemplateFolderNotFound = "TemplateFolderNotFound"
	// ReasonTagNotFound: vCenter has no tag of that name in that category.
	ReasonTagNotFound = "TagNotFound"
)

// Reasons of the condition VCenterReachable, and of an unknown Ready.
const (
	// ReasonVCenterConnected: the session stands and the inventory is synced.
	ReasonVCenterConnected = "VCenterConnected"
	// ReasonVCenterSyncing: the session stands, but the controller has not read the whole inventory yet.
	ReasonVCenterSyncing = "VCenterSyncing"
	// ReasonVCenterUnreachable: vCenter does not answer.
	ReasonVCenterUnreachable = "VCenterUnreachable"
	// ReasonCredentialsRejected: vCenter refused the user name or the password.
	ReasonCredentialsRejected = "CredentialsRejected"
	// ReasonCredentialsUnreadable: the controller cannot read the files with the user name and the password.
	ReasonCredentialsUnreadable = "CredentialsUnreadable"
	// ReasonCertificateRejected: the controller cannot verify vCenter's certificate, or cannot read the file with the CAs.
	ReasonCertificateRejected = "CertificateRejected"
	// ReasonDatacenterNotFound: there is no datacenter, or none that matches -datacenter.
	ReasonDatacenterNotFound = "DatacenterNotFound"
	// ReasonDatacenterAmbiguous: several datacenters fit; the message lists them.
	ReasonDatacenterAmbiguous = "DatacenterAmbiguous"
)

// Reasons of the condition UpToDate.
const (
	// ReasonAllReplicasUpdated: all VMs are as the spec has them.
	ReasonAllReplicasUpdated = "AllReplicasUpdated"
	// ReasonOutOfDate: VMs are made from an earlier spec, or have another size. What happens to them is in spec.update.
	ReasonOutOfDate = "OutOfDate"
	// ReasonPartitioned: the VMs that are out of date are those that spec.update.partition keeps.
	ReasonPartitioned = "Partitioned"
	// ReasonProtected: the VMs that are out of date are those that spec.members protects.
	ReasonProtected = "Protected"
	// ReasonPowerCycleRequired: VMs of another size have to be switched off to be changed, and spec.update lets nobody but
	// their owners do that.
	ReasonPowerCycleRequired = "PowerCycleRequired"
	// ReasonTemplateRebuilt: VMs were cloned from a template in whose place there is another one by now. Nobody replaces them
	// for that: a new text in spec.update.trigger does.
	ReasonTemplateRebuilt = "TemplateRebuilt"
	// ReasonRevisionUnknown: a newer controller has made VMs. Whether they are as the spec has them cannot be told.
	ReasonRevisionUnknown = "RevisionUnknown"
)

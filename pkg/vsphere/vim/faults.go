package vim

import (
	"reflect"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Short names of the reasons that the table below and the calls give.
const (
	reasonBusy                 = vsphere.ReasonBusy
	reasonNameTaken            = vsphere.ReasonNameTaken
	reasonGone                 = vsphere.ReasonGone
	reasonNotOurs              = v1alpha1.ReasonNotOurs
	reasonPoweredOn            = vsphere.ReasonPoweredOn
	reasonRetrying             = v1alpha1.ReasonRetrying
	reasonOutcomeUnknown       = v1alpha1.ReasonOutcomeUnknown
	reasonResourceExhausted    = v1alpha1.ReasonResourceExhausted
	reasonVMUnreachable        = v1alpha1.ReasonVMUnreachable
	reasonFolderNotEmpty       = v1alpha1.ReasonFolderNotEmpty
	reasonTemplateEmpty        = v1alpha1.ReasonTemplateEmpty
	reasonTemplateNotFound     = v1alpha1.ReasonTemplateNotFound
	reasonTemplateAmbiguous    = v1alpha1.ReasonTemplateAmbiguous
	reasonTemplateUnusable     = v1alpha1.ReasonTemplateUnusable
	reasonNoPermission         = v1alpha1.ReasonNoPermission
	reasonInvalidConfiguration = v1alpha1.ReasonInvalidConfiguration
	reasonForeignDisk          = v1alpha1.ReasonForeignDisk
	reasonVMOutsideRoot        = v1alpha1.ReasonVMOutsideRoot
	reasonVCenterSyncing       = v1alpha1.ReasonVCenterSyncing
	reasonVCenterUnreachable   = v1alpha1.ReasonVCenterUnreachable
	reasonCertificateRejected  = v1alpha1.ReasonCertificateRejected
	reasonCredentialsRejected  = v1alpha1.ReasonCredentialsRejected
	reasonCredentialsUnread    = v1alpha1.ReasonCredentialsUnreadable

	reasonDatacenterNotFound    = v1alpha1.ReasonDatacenterNotFound
	reasonDatacenterAmbiguous   = v1alpha1.ReasonDatacenterAmbiguous
	reasonClusterNotFound       = v1alpha1.ReasonClusterNotFound
	reasonClusterAmbiguous      = v1alpha1.ReasonClusterAmbiguous
	reasonResourcePoolNotFound  = v1alpha1.ReasonResourcePoolNotFound
	reasonResourcePoolAmbiguous = v1alpha1.ReasonResourcePoolAmbiguous
	reasonDatastoreNotFound     = v1alpha1.ReasonDatastoreNotFound
	reasonDatastoreAmbiguous    = v1alpha1.ReasonDatastoreAmbiguous
	reasonHostNotFound          = v1alpha1.ReasonHostNotFound
	reasonHostAmbiguous         = v1alpha1.ReasonHostAmbiguous
)

// choiceReasons are the reasons why nothing can be chosen, by the flag that says what to choose.
var choiceReasons = map[string]struct{ notFound, ambiguous string }{
	"datacenter":    {reasonDatacenterNotFound, reasonDatacenterAmbiguous},
	"cluster":       {reasonClusterNotFound, reasonClusterAmbiguous},
	"resource-pool": {reasonResourcePoolNotFound, reasonResourcePoolAmbiguous},
	"datastore":     {reasonDatastoreNotFound, reasonDatastoreAmbiguous},
	"host":          {reasonHostNotFound, reasonHostAmbiguous},
}

// verdict is what a fault means to us.
type verdict struct {
	class  vsphere.Class
	reason string
}

var (
	busy      = verdict{vsphere.ClassTransient, reasonBusy}
	retrying  = verdict{vsphere.ClassTransient, reasonRetrying}
	conflict  = verdict{vsphere.ClassConflict, reasonNameTaken}
	gone      = verdict{vsphere.ClassConflict, reasonGone}
	denied    = verdict{vsphere.ClassInvalid, reasonNoPermission}
	invalid   = verdict{vsphere.ClassInvalid, reasonInvalidConfiguration}
	exhausted = verdict{vsphere.ClassExhausted, reasonResourceExhausted}
	session   = verdict{vsphere.ClassUnavailable, reasonVCenterUnreachable}
	rejected  = verdict{vsphere.ClassUnavailable, reasonCredentialsRejected}
	unknown   = verdict{vsphere.ClassUnknown, reasonOutcomeUnknown}
)

// verdicts is the table of faults. A fault that is not in it is judged as the nearest of the types that it extends; so a
// family needs one row, and a row below it only where a member differs. A fault with no row at all is Transient, and is
// counted, so that a row can be added.
var verdicts = map[string]verdict{
	// Busy: the object is, and will not be for long.
	"TaskInProgress":            busy,
	"ResourceInUse":             busy,
	"ConcurrentAccess":          busy,
	"InvalidState":              busy,
	"MethodDisabled":            busy,
	"VAppOperationInProgress":   busy,
	"SnapshotFault":             busy,
	"CustomizationPending":      busy,
	"ToolsUnavailable":          busy,
	"GuestOperationsFault":      busy,
	"DisallowedChangeByService": busy,

	// Retrying: something is out of order that others repair, a host, a network, a datastore.
	"HostCommunication":                      retrying,
	"HostConnectFault":                       retrying,
	"HostConfigFault":                        retrying,
	"HostPowerOpFailed":                      retrying,
	"HostHasComponentFailure":                retrying,
	"NetworkDisruptedAndConfigRolledBack":    retrying,
	"MigrationFault":                         retrying,
	"FileFault":                              retrying,
	"InvalidDatastore":                       retrying,
	"DatabaseError":                          retrying,
	"ConflictingDatastoreFound":              retrying,
	"FailToLockFaultToleranceVMs":            retrying,
	"CannotAccessVmComponent":                retrying,
	"CannotAccessLocalSource":                retrying,
	"CannotMoveFaultToleranceVm":             retrying,
	"CannotPlaceWithoutPrerequisiteMoves":    retrying,
	"ResourceNotAvailable":                   retrying,
	"GenericDrsFault":                        retrying,
	"DasConfigFault":                         retrying,
	"DvsFault":                               retrying,
	"FcoeFault":                              retrying,
	"IscsiFault":                             retrying,
	"HttpFault":                              retrying,
	"RemoveFailed":                           retrying,
	"ReplicationFault":                       retrying,
	"VsanFault":                              retrying,
	"VmFaultToleranceIssue":                  retrying,
	"RebootRequired":                         retrying,
	"LicenseServerUnavailable":               retrying,
	"LogBundlingFailed":                      retrying,
	"ExtendedFault":                          retrying,
	"UnexpectedFault":                        retrying,
	"SystemError":                            retrying,
	"InvalidEvent":                           retrying,
	"InaccessibleVFlashSource":               retrying,
	"UnrecognizedHost":                       retrying,
	"TooManyConsecutiveOverrides":            retrying,
	"VmMetadataManagerFault":                 retrying,
	"VmMonitorIncompatibleForFaultTolerance": retrying,
	"HostIncompatibleForRecordReplay":        retrying,
	"RecordReplayDisabled":                   retrying,
	"ProfileUpdateFailed":                    retrying,
	"InvalidProfileReferenceHost":            retrying,
	"HostSpecificationOperationFailed":       retrying,
	"AnswerFileUpdateFailed":                 retrying,
	"ShrinkDiskFault":                        retrying,
	"WipeDiskFault":                          retrying,
	"VmToolsUpgradeFault":                    retrying,
	"IORMNotSupportedHostOnDatastore":        retrying,
	"SwapDatastoreUnset":                     retrying,
	"SsdDiskNotAvailable":                    retrying,
	"StorageDrsDisabledOnVm":                 retrying,
	"StorageDrsHmsMoveInProgress":            retrying,
	"StorageDrsHmsUnreachable":               retrying,
	"StorageDrsUnableToMoveFiles":            retrying,
	"DrsDisabledOnVm":                        retrying,
	"DisallowedOperationOnFailoverHost":      retrying,
	"OperationDisallowedOnHost":              retrying,
	"EVCConfigFault":                         retrying,

	// Conflict: the world is not as it was read.
	"DuplicateName":               conflict,
	"AlreadyExists":               conflict,
	"FileAlreadyExists":           conflict,
	"VmAlreadyExistsInDatacenter": conflict,
	"ManagedObjectNotFound":       gone,
	"NotFound":                    gone,
	"KeyNotFound":                 gone,

	// Invalid: somebody has to change the spec, a flag, a role or vCenter.
	"NoPermission":                      denied,
	"SecurityError":                     denied,
	"RestrictedByAdministrator":         denied,
	"AuthMinimumAdminPermission":        denied,
	"NotEnoughLicenses":                 denied,
	"LicenseAssignmentFailed":           denied,
	"ThirdPartyLicenseAssignmentFailed": denied,
	"LicenseEntityNotFound":             denied,
	"InvalidLicense":                    denied,
	"InvalidArgument":                   invalid,
	"InvalidName":                       invalid,
	"InvalidFolder":                     invalid,
	"InvalidRequest":                    invalid,
	"InvalidProperty":                   invalid,
	"InvalidPrivilege":                  invalid,
	"InvalidLocale":                     invalid,
	"InvalidScheduledTask":              invalid,
	"InvalidAffinitySettingFault":       invalid,
	"MethodAlreadyDisabledFault":        invalid,
	"NotSupported":                      invalid,
	"NotImplemented":                    invalid,
	"UnsupportedVimApiVersion":          invalid,
	"VmConfigFault":                     invalid,
	"VmValidateMaxDevice":               invalid,
	"VAppConfigFault":                   invalid,
	"CustomizationFault":                invalid,
	"OvfFault":                          invalid,
	"OutOfBounds":                       invalid,
	"FileNameTooLong":                   invalid,
	"EncryptionKeyRequired":             invalid,
	"QuestionPending":                   invalid,
	"NoDiskFound":                       invalid,
	"NoSubjectName":                     invalid,
	"UserNotFound":                      invalid,
	"CloneFromSnapshotNotSupported":     invalid,
	"MismatchedNetworkPolicies":         invalid,
	"DiskMoveTypeNotSupported":          invalid,
	"DatacenterMismatch":                invalid,

	// Exhausted: vCenter has run out of something.
	"NoDiskSpace":                   exhausted,
	"InsufficientResourcesFault":    exhausted,
	"InsufficientStorageIops":       exhausted,
	"NoCompatibleHost":              exhausted,
	"NoCompatibleDatastore":         exhausted,
	"NoConnectedDatastore":          exhausted,
	"NoCompatibleHardAffinityHost":  exhausted,
	"NoCompatibleSoftAffinityHost":  exhausted,
	"NoHost":                        exhausted,
	"NoActiveHostInCluster":         exhausted,
	"InvalidHostState":              exhausted, // maintenance mode: another host may do
	"LimitExceeded":                 exhausted,
	"TooManyHosts":                  exhausted,
	"TooManyConcurrentNativeClones": exhausted,
	"TooManyNativeClonesOnFile":     exhausted,
	"TooManyNativeCloneLevels":      exhausted,
	"NamespaceFull":                 exhausted,
	"NamespaceLimitReached":         exhausted,
	"VmLimitLicense":                exhausted,
	"VramLimitLicense":              exhausted,
	"HostInventoryFull":             exhausted,

	// Unavailable: the session is gone, or never was.
	"NotAuthenticated": session,
	"InvalidToken":     session,
	"SSPIChallenge":    session,
	"InvalidLogin":     rejected,

	// Unknown outcome: the request may have had its effect.
	"RequestCanceled":         unknown,
	"Timedout":                unknown,
	"InvalidCollectorVersion": session,
}

// judge looks a fault up. known is false for one that the table does not list.
func judge(f types.BaseMethodFault) (v verdict, known bool) {
	for t := reflect.TypeOf(f); t != nil; t = extended(t) {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if v, ok := verdicts[t.Name()]; ok {
			return v, true
		}
	}
	return retrying, false
}

// extended returns the type that a fault's type extends, or nil.
func extended(t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct || t.NumField() == 0 || !t.Field(0).Anonymous {
		return nil
	}
	return t.Field(0).Type
}

package vim

import (
	"reflect"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// choiceReasons are the reasons why nothing can be chosen, by the flag that says what to choose.
var choiceReasons = map[string]struct{ notFound, ambiguous string }{
	"datacenter":        {v1alpha1.ReasonDatacenterNotFound, v1alpha1.ReasonDatacenterAmbiguous},
	"cluster":           {v1alpha1.ReasonClusterNotFound, v1alpha1.ReasonClusterAmbiguous},
	"resource-pool":     {v1alpha1.ReasonResourcePoolNotFound, v1alpha1.ReasonResourcePoolAmbiguous},
	"datastore":         {v1alpha1.ReasonDatastoreNotFound, v1alpha1.ReasonDatastoreAmbiguous},
	"datastore-cluster": {v1alpha1.ReasonDatastoreClusterNotFound, v1alpha1.ReasonDatastoreClusterAmbiguous},
	"host":              {v1alpha1.ReasonHostNotFound, v1alpha1.ReasonHostAmbiguous},
	"network":           {v1alpha1.ReasonNetworkNotFound, v1alpha1.ReasonNetworkAmbiguous},
}

// verdict is what a fault means to us.
type verdict struct {
	class  vsphere.Class
	reason string
}

var (
	busy     = verdict{vsphere.ClassTransient, vsphere.ReasonBusy}
	retrying = verdict{vsphere.ClassTransient, v1alpha1.ReasonRetrying}
	conflict = verdict{vsphere.ClassConflict, vsphere.ReasonNameTaken}
	gone     = verdict{vsphere.ClassConflict, vsphere.ReasonGone}
	denied   = verdict{vsphere.ClassInvalid, v1alpha1.ReasonNoPermission}
	invalid  = verdict{vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration}
	// A specification that does not fit the guest, or the template.
	uncustomizable = verdict{vsphere.ClassInvalid, v1alpha1.ReasonCustomizationFailed}

	exhausted = verdict{vsphere.ClassExhausted, v1alpha1.ReasonResourceExhausted}
	session   = verdict{vsphere.ClassUnavailable, v1alpha1.ReasonVCenterUnreachable}
	rejected  = verdict{vsphere.ClassUnavailable, v1alpha1.ReasonCredentialsRejected}
	unknown   = verdict{vsphere.ClassUnknown, v1alpha1.ReasonOutcomeUnknown}
	// What these ask for is another operation, soon, and no human: see their reasons.
	changed         = verdict{vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile}
	toolsMissing    = verdict{vsphere.ClassConflict, vsphere.ReasonToolsUnavailable}
	notHotPluggable = verdict{vsphere.ClassConflict, vsphere.ReasonNotHotPluggable}
)

// verdictsOf are the faults that mean something else where operations of one kind are answered with them. vCenter refuses to
// change a VM that is on by either of three.
var verdictsOf = map[vsphere.OperationKind]map[string]verdict{
	vsphere.OperationReconfigure: {"InvalidPowerState": notHotPluggable},
}

// verdicts is the table of faults. A fault that is not in it is judged as the nearest of the types that it extends; so a
// family needs one row, and a row below it only where a member differs. A fault with no row at all is Transient, and is
// counted, so that a row can be added.
var verdicts = map[string]verdict{
	// Busy: the object is, and will not be for long.
	"TaskInProgress":            busy,
	"ResourceInUse":             busy,
	"InvalidState":              busy,
	"MethodDisabled":            busy,
	"VAppOperationInProgress":   busy,
	"SnapshotFault":             busy,
	"CustomizationPending":      busy,
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
	"ConcurrentAccess":            changed,
	"ToolsUnavailable":            toolsMissing,
	"CpuHotPlugNotSupported":      notHotPluggable,
	"MemoryHotPlugNotSupported":   notHotPluggable,

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
	"CustomizationFault":                uncustomizable,
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

// judgeOf looks a fault up that an operation of a kind was answered with.
func judgeOf(kind vsphere.OperationKind, f types.BaseMethodFault) (v verdict, known bool) {
	if v, known = verdictsOf[kind][faultName(f)]; known {
		return v, true
	}
	return judge(f)
}

// extended returns the type that a fault's type extends, or nil.
func extended(t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct || t.NumField() == 0 || !t.Field(0).Anonymous {
		return nil
	}
	return t.Field(0).Type
}

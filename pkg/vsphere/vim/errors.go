package vim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// faultName returns the type of a fault, as vCenter names it.
func faultName(f types.BaseMethodFault) string {
	t := reflect.TypeOf(f)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// faultReporter makes errors that cross the port, and reports the faults that they carry.
type faultReporter struct {
	onFault        func(class vsphere.Class, fault string)
	onUnclassified func(fault string)
}

// fail turns the error of a call into one that crosses the port. what says what was tried, as the beginning of a
// sentence: "Clone VM web-1".
//
//  1. the guard refused: Unavailable, nothing was sent
//  2. vCenter answered with a fault: as the table says
//  3. the answer to a request that changes something was lost: unknown outcome
//  4. vCenter's certificate is not trusted: Unavailable
//  5. it was the last of several answers in a row that were lost, so that the connection ends: Unavailable
//  6. another lost answer: Transient, for the connection stands, and nobody would be woken when it is over
//  7. the caller's deadline passed before vCenter was asked, or while it was: Transient
//  8. the caller is gone: Unavailable
func (r faultReporter) fail(what string, err error) *vsphere.Error { return r.failOf("", what, err) }

// failOf is fail for a call that submits an operation of a kind, or for any other call if that is empty.
func (r faultReporter) failOf(kind vsphere.OperationKind, what string, err error) *vsphere.Error {
	if e, ok := errors.AsType[*guardError](err); ok {
		return guardFailure(what, e)
	}
	if e, ok := errors.AsType[*vsphere.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[faulter](err); ok {
		return r.failFault(kind, what, e.Fault(), err)
	}
	call, ok := errors.AsType[*callError](err)
	if ok && call.mutating && call.sent {
		return &vsphere.Error{
			Class: vsphere.ClassUnknown, Reason: v1alpha1.ReasonOutcomeUnknown, Err: err,
			Message: fmt.Sprintf("%s: the answer to %s was lost; the inventory is looked at before anything is repeated.", what, call.method),
		}
	}
	if isCertificateError(err) {
		return &vsphere.Error{
			Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonCertificateRejected, Err: err,
			Message: fmt.Sprintf("%s: vCenter's certificate is not trusted: %s. Set -vcenter-ca-file or -vcenter-thumbprint.", what, transportText(err)),
		}
	}
	if lost := lostCall(err); lost != nil && !lost.ends {
		return lostAnswerFailure(what, lost)
	}
	class := vsphere.ClassUnavailable
	if !ok && errors.Is(err, context.DeadlineExceeded) {
		class = vsphere.ClassTransient
	}
	return silent(class, what, err)
}

// failReading is fail for a call that changes nothing. Its outcome is never unknown, whatever vCenter has answered.
func (r faultReporter) failReading(what string, err error) *vsphere.Error {
	failure := r.fail(what, err)
	if failure.Class != vsphere.ClassUnknown {
		return failure
	}
	return &vsphere.Error{
		Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Fault: failure.Fault, Err: err,
		Message: what + ": vCenter has not finished in time, and is asked again.",
	}
}

// silent tells of a vCenter that does not answer.
func silent(class vsphere.Class, what string, err error) *vsphere.Error {
	return &vsphere.Error{
		Class: class, Reason: v1alpha1.ReasonVCenterUnreachable, Err: err,
		Message: fmt.Sprintf("%s: vCenter does not answer: %s.", what, transportText(err)),
	}
}

// lostAnswerFailure tells of a call that changed nothing, or was not sent, while the connection stands.
func lostAnswerFailure(what string, call *callError) *vsphere.Error {
	text := "the answer to %s was lost (%s); it is asked for again."
	if call.mutating {
		text = "%s could not be sent (%s); it is tried again."
	}
	return &vsphere.Error{
		Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Err: call,
		Message: what + ": " + fmt.Sprintf(text, call.method, transportText(call)),
	}
}

// guardFailure keeps the guard's own words and reason, if it has any.
func guardFailure(what string, e *guardError) *vsphere.Error {
	out := &vsphere.Error{
		Class: vsphere.ClassUnavailable, Reason: vsphere.ReasonWriteForbidden, Err: e,
		Message: fmt.Sprintf("%s: not sent: %s.", what, strings.TrimRight(e.Error(), ". ")),
	}
	if own, ok := errors.AsType[*vsphere.Error](e.err); ok && own.Reason != "" {
		out.Reason = own.Reason
	}
	return out
}

// unnamedFault stands for a fault that does not say what it is.
const unnamedFault = "unnamed"

// failFault turns a fault, of a call or of a task, into an error that crosses the port. kind is that of failOf.
func (r faultReporter) failFault(kind vsphere.OperationKind, what string, f types.BaseMethodFault, err error) *vsphere.Error {
	if f == nil {
		r.onFault(vsphere.ClassTransient, unnamedFault)
		r.onUnclassified(unnamedFault)
		return &vsphere.Error{
			Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Err: err,
			Message: what + ": vCenter answered with a fault that has no name.",
		}
	}
	name := faultName(f)
	verdict, known := judgeOf(kind, f)
	r.onFault(verdict.class, name)
	if !known {
		r.onUnclassified(name)
	}
	return &vsphere.Error{
		Class: verdict.class, Reason: verdict.reason, Fault: name, Err: err,
		Message: what + ": " + faultText(f) + ".",
	}
}

// faultWords are what faults without fields of interest mean.
var faultWords = map[string]string{
	"ToolsUnavailable":          "VMware Tools do not run in the guest, so that nobody can ask it",
	"CpuHotPlugNotSupported":    "vCenter does not change the CPUs of the VM while it is on",
	"MemoryHotPlugNotSupported": "vCenter does not change the memory of the VM while it is on",
	"ConcurrentAccess":          "somebody else has changed the VM meanwhile",
	"InvalidLogin":              "vCenter refused the user name or the password",
	"NotAuthenticated":          "the session has ended",
}

// faultText says what a fault means, in words. vCenter's own text often ends in a bare colon, so the fields are used.
func faultText(f types.BaseMethodFault) string {
	switch f := f.(type) {
	case *types.NoPermission:
		return noPermissionText(f)
	case *types.DuplicateName:
		return fmt.Sprintf("the name %q is taken by %s", vsphere.UnescapeName(f.Name), f.Object.Value)
	case *types.ManagedObjectNotFound:
		return fmt.Sprintf("%s %s is gone", f.Obj.Type, f.Obj.Value)
	case *types.InvalidPowerState:
		return fmt.Sprintf("the VM is %s and would have to be %s", f.ExistingState, f.RequestedState)
	case *types.InvalidArgument:
		if strings.HasSuffix(f.InvalidProperty, "location.host") {
			return "vCenter refuses the clone for its host, or because it names none (InvalidArgument spec.location.host); whoever runs the controller can set -host, or turn DRS on"
		}
		return fmt.Sprintf("vCenter refuses the value of %q (InvalidArgument)", f.InvalidProperty)
	case *types.InvalidName:
		return fmt.Sprintf("vCenter refuses the name %q (InvalidName)", vsphere.UnescapeName(f.Name))
	case *types.NoDiskSpace:
		return fmt.Sprintf("datastore %q has no space left (NoDiskSpace)", vsphere.UnescapeName(f.Datastore))
	case types.BaseInsufficientResourcesFault:
		return fmt.Sprintf("vCenter has not enough resources (%s)", faultName(f.(types.BaseMethodFault)))
	}
	if words := faultWords[faultName(f)]; words != "" {
		return words
	}
	return causeText(f)
}

// causeText falls back on the type's name, and on the words that vCenter sent with the cause, if it sent any.
func causeText(f types.BaseMethodFault) string {
	text := "vCenter reports " + faultName(f)
	mf := f.GetMethodFault()
	if mf == nil {
		return text
	}
	if mf.FaultCause != nil {
		if words := strings.TrimRight(mf.FaultCause.LocalizedMessage, ".: "); words != "" {
			return text + ": " + words
		}
	}
	for _, m := range mf.FaultMessage {
		if words := strings.TrimRight(m.Message, ".: "); words != "" {
			return text + ": " + words
		}
	}
	return text
}

func noPermissionText(f *types.NoPermission) string {
	privilege, object := f.PrivilegeId, ""
	if f.Object != nil {
		object = " on " + f.Object.Type + " " + f.Object.Value
	}
	if len(f.MissingPrivileges) > 0 {
		m := f.MissingPrivileges[0]
		object = " on " + m.Entity.Type + " " + m.Entity.Value
		privilege = strings.Join(m.PrivilegeIds, ", ")
	}
	if privilege == "" {
		return "the controller's account lacks a privilege" + object + "; grant it in vCenter"
	}
	return fmt.Sprintf("the controller's account lacks the privilege %s%s; grant it in vCenter", privilege, object)
}

func syncing(message string) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonVCenterSyncing, Message: message}
}

// outsideRoot refuses what is to be done to a VM, unless it lies below the root folder.
func outsideRoot(what string, vm vsphere.VM) *vsphere.Error {
	if vm.UnderRoot {
		return nil
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonVMOutsideRoot,
		Message: fmt.Sprintf("%s: it lies in %s, outside the root folder, and is left alone. Move it back below the root folder.",
			what, cmp.Or(vm.ParentPath, "a place that cannot be read")),
	}
}

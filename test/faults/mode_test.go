package faults

import (
	"slices"
	"strings"
)

// Mode is what happens to a call.
type Mode string

// Modes. All others are semantic faults: the name of a SOAP fault, of one with which the task ends ("task:" and the name),
// or an HTTP status.
const (
	Refused     Mode = "refused"      // an error, before anything was sent
	AnswerLost  Mode = "answer-lost"  // carried out, and the connection breaks before the answer
	CrashBefore Mode = "crash-before" // the process dies before it was sent
	CrashAfter  Mode = "crash-after"  // the process dies after it was carried out
	Hangs       Mode = "hangs"        // sent, and never answered until the deadline
)

const taskFault = "task:"

// basic are the modes that every call can meet.
var basic = []Mode{Refused, AnswerLost, CrashBefore, CrashAfter, Hangs}

var (
	// anySOAP can be the answer to any call. A vCenter that says so is not lying.
	anySOAP = []Mode{"NotAuthenticated", "NoPermission", "SystemError", "503"}
	// changeSOAP can be the answer to a call that changes something.
	changeSOAP = []Mode{"TaskInProgress", "ResourceInUse", "ConcurrentAccess", "InvalidState", "MethodDisabled"}
	// ends are faults with which a task of that kind can end, without having done anything.
	ends = map[string][]Mode{
		"CloneVM_Task": {
			"task:NoDiskSpace", "task:GenericVmConfigFault", "task:InsufficientResourcesFault", "task:NoPermission",
			"task:RequestCanceled", "task:HostConnectFault", "task:InvalidArgument",
		},
		"PowerOnVM_Task":  {"task:InsufficientResourcesFault", "task:GenericVmConfigFault", "task:HostNotConnected", "task:TaskInProgress"},
		"PowerOffVM_Task": {"task:TaskInProgress", "task:GenericVmConfigFault", "task:HostNotConnected"},
		"ReconfigVM_Task": {"task:TaskInProgress", "task:NoPermission", "task:GenericVmConfigFault"},
		"Destroy_Task":    {"task:TaskInProgress", "task:ResourceInUse", "task:NoPermission", "task:GenericVmConfigFault"},
	}
	// refusals are faults with which vCenter refuses one method alone.
	refusals = map[string][]Mode{"ShutdownGuest": {"ToolsUnavailable"}}
	// anyVCenterREST can be the answer to any call of vCenter's REST endpoint.
	anyVCenterREST = []Mode{"NotAuthenticated", "NoPermission", "SystemError", "503"}
	anyREST        = []Mode{"500", "503", "429"}
	changeREST     = []Mode{"409", "403"}
)

// Modes returns every mode that makes sense for a call.
func (c Call) Modes() []Mode {
	switch {
	case c.Side == Kubernetes && c.Mutating():
		return slices.Concat(basic, anyREST, changeREST)
	case c.Side == Kubernetes:
		return slices.Concat(basic, anyREST)
	case c.Verb == "session-Login":
		return slices.Concat(basic, []Mode{"InvalidLogin", "503"})
	case c.Verb == "session-Logout":
		return basic
	case strings.Contains(c.Verb, "."):
		return slices.Concat(basic, anyVCenterREST)
	case c.Verb == "Login":
		return slices.Concat(basic, []Mode{"InvalidLogin", "503"})
	case c.Verb == "Logout":
		return basic
	case c.Mutating():
		return slices.Concat(basic, anySOAP, changeSOAP, refusals[c.Verb], ends[c.Verb])
	default:
		return slices.Concat(basic, anySOAP)
	}
}

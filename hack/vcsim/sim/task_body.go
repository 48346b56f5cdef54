package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// taskID is the last part of the description ID of a method's task: "powerOn" for "PowerOnVM_Task".
func taskID(method string) string {
	switch method {
	case "PowerOnVM_Task":
		return "powerOn"
	case "PowerOffVM_Task":
		return "powerOff"
	}
	id := strings.Replace(strings.TrimSuffix(method, "_Task"), "VM", "Vm", 1)
	return strings.ToLower(id[:1]) + id[1:]
}

// taskBody is the answer of a method that returns a task.
func taskBody(method string, ref types.ManagedObjectReference) soap.HasFault {
	switch method {
	case "CloneVM_Task":
		return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{Returnval: ref}}
	case "PowerOnVM_Task":
		return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{Returnval: ref}}
	case "PowerOffVM_Task":
		return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{Returnval: ref}}
	case "ResetVM_Task":
		return &methods.ResetVM_TaskBody{Res: &types.ResetVM_TaskResponse{Returnval: ref}}
	case "ReconfigVM_Task":
		return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: ref}}
	case "Rename_Task":
		return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: ref}}
	case "Destroy_Task":
		return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: ref}}
	case "UnregisterAndDestroy_Task":
		return &methods.UnregisterAndDestroy_TaskBody{Res: &types.UnregisterAndDestroy_TaskResponse{Returnval: ref}}
	case "MoveIntoFolder_Task":
		return &methods.MoveIntoFolder_TaskBody{Res: &types.MoveIntoFolder_TaskResponse{Returnval: ref}}
	}
	return faultBody(&types.SystemError{Reason: fmt.Sprintf("no task-level fault for %s", method)})
}

// sleep waits for d, and returns false if it was cut short. A task may be told to wait no longer; cancelled is nil for
// what is no task.
func (s *Simulator) sleep(d time.Duration, cancelled <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	var hurried <-chan struct{}
	if cancelled != nil { // a task
		hurried = s.tasks.hurried()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-hurried:
		return true
	case <-cancelled:
		return false
	case <-s.closed:
		return false
	}
}

package vim

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// logEnd tells of the end of a task in the words of the sync that submitted it.
func (op pendingTask) logEnd(task vsphere.Ref, end taskEnd) {
	if end.fault == nil {
		op.logger.V(2).Info("Task succeeded", "task", task, "kind", op.kind, "vm", op.name)
		return
	}
	fault := unnamedFault
	if end.fault.Fault != nil {
		fault = faultName(end.fault.Fault)
	}
	op.logger.V(2).Info("Task failed", "task", task, "kind", op.kind, "vm", op.name, "fault", fault)
}

// taskFailure turns the fault of a task into an error, or into nothing if the VM has the wanted power state, or is gone
// and was to be.
func (v *VCenter) taskFailure(op pendingTask, fault types.LocalizedMethodFault) *vsphere.Error {
	if alreadyDone(op, fault.Fault) {
		return nil
	}
	err := v.failFault(op.what, fault.Fault, nil)
	if words := strings.TrimRight(fault.LocalizedMessage, ".: "); words != "" && !strings.Contains(err.Message, words) {
		err.Message = strings.TrimSuffix(err.Message, ".") + ": " + words + "."
	}
	return err
}

// alreadyDone tells whether a fault says that what was asked for is so already.
func alreadyDone(op pendingTask, fault types.BaseMethodFault) bool {
	switch f := fault.(type) {
	case *types.InvalidPowerState:
		return op.info().Power != "" && f.RequestedState != "" && f.ExistingState == f.RequestedState
	case *types.ManagedObjectNotFound:
		return op.kind.Removes() && f.Obj == vmRef(op.vm)
	default:
		return false
	}
}

package vim

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// taskFailure turns the fault of a task into an error, or into nothing if the VM has the wanted power state, or is gone
// and was to be.
func (r faultReporter) taskFailure(op pendingTask, fault types.LocalizedMethodFault) *vsphere.Error {
	if alreadyDone(op, fault.Fault) {
		return nil
	}
	err := r.failFault(op.kind, op.what, fault.Fault, nil)
	if words := strings.TrimRight(fault.LocalizedMessage, ".: "); words != "" && !strings.Contains(err.Message, words) {
		err.Message = strings.TrimSuffix(err.Message, ".") + ": " + words + "."
	}
	return err
}

// alreadyDone tells whether a fault says that what was asked for is so already.
func alreadyDone(op pendingTask, fault types.BaseMethodFault) bool {
	switch f := fault.(type) {
	case *types.InvalidPowerState:
		return op.info().Power != "" && string(f.ExistingState) == string(op.info().Power)
	case *types.ManagedObjectNotFound:
		return op.kind.Removes() && f.Obj == vmRef(op.vm)
	default:
		return false
	}
}

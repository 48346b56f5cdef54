package fake

import (
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func newError(class vsphere.Class, reason, format string, args ...any) *vsphere.Error {
	return &vsphere.Error{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func faultError(class vsphere.Class, fault, format string, args ...any) *vsphere.Error {
	err := newError(class, fault, format, args...)
	err.Fault = fault
	return err
}

func errLost(method Method) *vsphere.Error {
	return newError(vsphere.ClassUnknown, v1alpha1.ReasonOutcomeUnknown, "the answer to %s was lost", method)
}

// severity orders errors by how much they ask of a human.
func severity(err error) int {
	switch vsphere.ClassOf(err) {
	case "":
		return 0
	case vsphere.ClassConflict:
		return 1
	case vsphere.ClassTransient:
		return 2
	case vsphere.ClassUnknown:
		return 3
	case vsphere.ClassExhausted:
		return 4
	case vsphere.ClassUnavailable:
		return 5
	default:
		return 6
	}
}

package invariants

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// event is one thing that happened, anywhere. What is one of control.Entry, groupSeen, write, refusal, unbounded,
// processes and rotated.
type event struct {
	at   time.Time // by the wall clock, which the simulator's process shares
	what any
}

// groupSeen is a VmGroup as the API server has shown it, to a watch of ours or to the controller.
type groupSeen struct {
	vg   *v1alpha1.VmGroup
	gone bool
}

// write is a write that the controller is about to send to the API server.
type write struct {
	verb, path string
	key        types.NamespacedName // of the VmGroup, if it is one
	uid        string               // of the VmGroup, if the write names it
	status     *v1alpha1.VmGroupStatus
	finalizers *[]string // as they are to be; nil: left alone
	version    uint64    // resourceVersion that the object must still have, 0 if any will do
}

// refusal says that the API server has refused a write.
type refusal struct {
	write
	code int
}

// unbounded is a call to vCenter that has no deadline.
type unbounded struct{ path string }

// processes says how many more controllers there may be from now on, or how many fewer.
type processes int

// rotated says that the controller has been given another credential.
type rotated struct{}

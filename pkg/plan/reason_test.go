package plan

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A reason of a quiet class is between the controller and vCenter, and in no document: people are shown one of the plan's
// own in its place.
func TestReasonsOfQuietErrors(t *testing.T) {
	for class, shown := range map[vsphere.Class]bool{
		vsphere.ClassTransient: false,
		vsphere.ClassConflict:  false,
		vsphere.ClassExhausted: false,
		vsphere.ClassUnknown:   false,
		vsphere.ClassInvalid:   true,
	} {
		p := ofError(&vsphere.Error{Class: class, Reason: "Given", Message: "m"})
		if (p.Reason == "Given") != shown {
			t.Errorf("%s: the reason is %s", class, p.Reason)
		}
	}
}

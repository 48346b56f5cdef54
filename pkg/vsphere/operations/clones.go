package operations

import "github.com/vmgroup/vmgroup-controller/pkg/vsphere"

// EachClone starts clones one after the other. An error that concerns the name of one does not keep the others back, and
// neither does a lost answer; what else is wrong with one is wrong with all, and ends it. It returns the first error, but that
// vCenter is unavailable comes before it.
func EachClone(clones []vsphere.Clone, start func(vsphere.Clone) error) error {
	var first error
	for _, clone := range clones {
		err := start(clone)
		if first == nil || vsphere.ClassOf(err) == vsphere.ClassUnavailable {
			first = err
		}
		if err != nil && !vsphere.ConcernsName(err) && vsphere.ClassOf(err) != vsphere.ClassUnknown {
			break
		}
	}
	return first
}

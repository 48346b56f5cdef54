package vim

import (
	"cmp"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

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

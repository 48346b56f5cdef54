package cli

import (
	"fmt"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// maxNamed is how many VMs a line names.
const maxNamed = 5

// forecast says in one line what becomes of the VMs of a group, and nothing if all stay as they are.
func forecast(vg *v1alpha1.VmGroup, f plan.Forecast) string {
	if f.Deleting {
		return count(f.Removed, "VM") + " to destroy, for the VmGroup is being deleted"
	}
	var parts []string
	add := func(n int, format string, args ...any) {
		if n > 0 {
			parts = append(parts, count(n, "VM")+" "+fmt.Sprintf(format, args...))
		}
	}
	add(f.Made, "to make")
	add(f.Replaced, "to replace, at most %d at a time (%s)", f.AtOnce, bounds(f))
	add(f.Hot, "to change in place, hot")
	add(f.Cold, "to change in place, off for it")
	add(f.Waiting, "to change in place when somebody switches them off")
	add(f.Removed, "to remove")
	add(f.Unnamed, "too many, which nothing may remove")
	add(f.Kept, "%s", keptBy(vg, f))
	if n := len(f.Protected); n > maxNamed {
		parts = append(parts, fmt.Sprintf("%s out of date and protected", count(n, "VM")))
	} else if n > 0 {
		parts = append(parts, strings.Join(f.Protected, ", ")+" out of date and protected")
	}
	return oneLine(strings.Join(parts, "; "))
}

// bounds says what holds while VMs are replaced.
func bounds(f plan.Forecast) string {
	text := fmt.Sprintf("%d stay available", f.Floor)
	if f.Surge > 0 {
		text = fmt.Sprintf("up to %d more for a while, ", f.Surge) + text
	}
	return text
}

// keptBy says what keeps VMs that are out of date.
func keptBy(vg *v1alpha1.VmGroup, f plan.Forecast) string {
	why := "spec.update keeps them"
	switch {
	case vg.Spec.Update == nil:
		why = "no spec.update.strategy"
	case vg.Spec.Update.Strategy == v1alpha1.UpdateOnDelete:
		why = "strategy OnDelete"
	case vg.Spec.Update.Strategy == v1alpha1.UpdateInPlaceOnly:
		why = "strategy InPlaceOnly"
	}
	if f.Replaced == 0 {
		return "out of date, and none is replaced: " + why
	}
	return "left out of date: " + why
}

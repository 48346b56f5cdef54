package cli

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

func TestForecastText(t *testing.T) {
	nothing := func(*v1alpha1.VmGroup) {}
	for name, tc := range map[string]struct {
		change   func(*v1alpha1.VmGroup)
		forecast plan.Forecast
		want     string
	}{
		"nothing":   {nothing, plan.Forecast{}, ""},
		"a rollout": {nothing, plan.Forecast{Replaced: 3, Surge: 1, Floor: 3, AtOnce: 1}, "3 VMs to replace, at most 1 at a time (up to 1 more for a while, 3 stay available)"},
		"all sorts": {nothing, plan.Forecast{Made: 1, Replaced: 3, Floor: 1, AtOnce: 2, Protected: []string{"web-1"}},
			"1 VM to make; 3 VMs to replace, at most 2 at a time (1 stay available); web-1 out of date and protected"},
		"in place":       {nothing, plan.Forecast{Hot: 2, Cold: 1, Waiting: 3}, "2 VMs to change in place, hot; 1 VM to change in place, off for it; 3 VMs to change in place when somebody switches them off"},
		"fewer":          {nothing, plan.Forecast{Removed: 1, Unnamed: 2}, "1 VM to remove; 2 VMs too many, which nothing may remove"},
		"no strategy":    {noUpdate, plan.Forecast{Kept: 3}, "3 VMs out of date, and none is replaced: no spec.update.strategy"},
		"OnDelete":       {onDelete, plan.Forecast{Kept: 1}, "1 VM out of date, and none is replaced: strategy OnDelete"},
		"on demand":      {onDelete, plan.Forecast{Kept: 1, Replaced: 1, Surge: 1, AtOnce: 1}, "1 VM to replace, at most 1 at a time (up to 1 more for a while, 0 stay available); 1 VM left out of date: strategy OnDelete"},
		"kept in part":   {nothing, plan.Forecast{Kept: 2}, "2 VMs out of date, and none is replaced: spec.update keeps them"},
		"many protected": {nothing, plan.Forecast{Protected: make([]string, 6)}, "6 VMs out of date and protected"},
		"deleted":        {nothing, plan.Forecast{Removed: 2, Deleting: true}, "2 VMs to destroy, for the VmGroup is being deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := forecast(rolling(tc.change), tc.forecast); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// TestStatusListsNoMoreThan says how many VMs are not available and not in the status either.
func TestStatusListsNoMoreThan(t *testing.T) {
	for _, tc := range []struct {
		replicas, available int32
		off, copies         int // of those that are listed
		want                string
	}{
		{130, 0, 100, 0, "and 30 that are not in the status, which lists at most 100\n"},
		{130, 10, 100, 0, "and 20 that are not in the status, which lists at most 100\n"},
		{130, 30, 100, 0, ""},
		{130, 125, 5, 0, ""},
		{130, 10, 95, 5, "and 25 that are not in the status, which lists at most 100\n"},
		{0, 0, 0, 2, ""},
	} {
		vg := &v1alpha1.VmGroup{}
		vg.Status.Replicas, vg.Status.AvailableReplicas = tc.replicas, tc.available
		for i := range tc.off + tc.copies {
			state := v1alpha1.VMPoweredOff
			if i >= tc.off {
				state = v1alpha1.VMCopy
			}
			vg.Status.VMs = append(vg.Status.VMs, v1alpha1.VMStatus{Name: fmt.Sprint("vm-", i), State: state})
		}
		for i := len(vg.Status.VMs); i < min(int(tc.replicas), v1alpha1.MaxListedVMs); i++ {
			vg.Status.VMs = append(vg.Status.VMs, v1alpha1.VMStatus{Name: fmt.Sprint("vm-", i), State: v1alpha1.VMAvailable})
		}
		var out strings.Builder
		if err := printStatus(&out, vg, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, rest, _ := strings.Cut(out.String(), "and "); tc.want == "" && strings.Contains(out.String(), "not in the status") ||
			!strings.HasSuffix(out.String(), tc.want) {
			t.Errorf("%+v: got %q", tc, rest)
		}
	}
}

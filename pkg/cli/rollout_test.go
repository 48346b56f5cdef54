package cli

import (
	"io"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/fake"
)

func TestRolloutOf(t *testing.T) {
	const stalledWhy = "no new VM became available"
	ready := condition(v1alpha1.ConditionReady, metav1.ConditionTrue, "", "")
	stalled := condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded, stalledWhy)
	halted := "the rollout of VmGroup web is halted (ProgressDeadlineExceeded): " + stalledWhy
	for name, tc := range map[string]struct {
		changes   []func(*v1alpha1.VmGroup)
		end, fail string // the beginning of what is said; both empty: it goes on
	}{
		"1: deleted":                          {[]func(*v1alpha1.VmGroup){deleted, ready}, "", "VmGroup web is being deleted"},
		"2: no strategy":                      {[]func(*v1alpha1.VmGroup){noUpdate, ready}, "", "VmGroup web has no spec.update"},
		"2: OnDelete":                         {[]func(*v1alpha1.VmGroup){onDelete, unread}, "", "VmGroup web has spec.update.strategy OnDelete"},
		"3: ready with another spec":          {[]func(*v1alpha1.VmGroup){unread, ready}, "", ""},
		"3: halted with another spec":         {[]func(*v1alpha1.VmGroup){unread, stalled}, "", ""},
		"4: halted":                           {[]func(*v1alpha1.VmGroup){stalled}, "", halted},
		"5: ready":                            {[]func(*v1alpha1.VmGroup){ready}, "VmGroup web is rolled out: 1/3 updated, 2 old, 3 available", ""},
		"6: it goes on":                       {nil, "", ""},
		"6: not ready, and not for long":      {[]func(*v1alpha1.VmGroup){condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUpdating, "")}, "", ""},
		"6: vCenter is away, known for ready": {[]func(*v1alpha1.VmGroup){condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonVCenterUnreachable, "")}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, failure := rolloutOf(rolling(tc.changes...)), ""
			if got.err != nil {
				failure = got.err.Error()
			}
			if got.done != (tc.end != "") || !strings.HasPrefix(got.end, tc.end) || (failure == "") != (tc.fail == "") || !strings.HasPrefix(failure, tc.fail) {
				t.Errorf("got %+v, want %q or %q", got, tc.end, tc.fail)
			}
		})
	}
}

// TestAGroupThatGoesBeforeTheWatch has the watch of a rollout begin when the group is gone: no event tells so.
func TestAGroupThatGoesBeforeTheWatch(t *testing.T) {
	inv := &invocation{process: process{out: io.Discard, err: io.Discard}}
	_, err := inv.awaitRollout(t.Context(), &cluster{watches: fake.NewClientset()}, rolling())
	if err == nil || err.Error() != "VmGroup web was deleted" {
		t.Errorf("got %v", err)
	}
}

// TestRolloutLine counts old VMs only where the status tells how many there are.
func TestRolloutLine(t *testing.T) {
	unknown := condition(v1alpha1.ConditionUpToDate, metav1.ConditionUnknown, v1alpha1.ReasonRevisionUnknown, "")
	for name, tc := range map[string]struct {
		changes []func(*v1alpha1.VmGroup)
		want    string
	}{
		"a clone is none of both":    {nil, "[######--------------] 1/3 updated, 2 old, 3 available: 3 of 3 VMs available; 2 to be replaced"},
		"nobody can tell":            {[]func(*v1alpha1.VmGroup){unknown}, "[######--------------] 1/3 updated, 3 available: "},
		"an earlier controller":      {[]func(*v1alpha1.VmGroup){noCounter}, "[--------------------] 0/3 updated, 3 available: "},
		"more clones than are shown": {[]func(*v1alpha1.VmGroup){full}, "[######--------------] 1/3 updated, 3 available: "},
		"the spec is not read yet":   {[]func(*v1alpha1.VmGroup){unread}, "[######--------------] 1/3 updated, 2 old, 3 available: the controller has not read this spec yet: "},
	} {
		t.Run(name, func(t *testing.T) {
			if got := rolloutLine(rolling(tc.changes...)); !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

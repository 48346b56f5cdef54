package plan

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestCloneGate(t *testing.T) {
	failure := func(class vsphere.Class, age time.Duration) *vsphere.Failure {
		f := ago(age, cloneFailed(0, class))
		return &f
	}
	tests := map[string]struct {
		failure  *vsphere.Failure
		underWay int
		want     int
		delay    time.Duration
	}{
		"1: no failure":                                 {nil, 4, 3, 0},
		"2: failed just now":                            {failure(vsphere.ClassTransient, 0), 0, 0, time.Second},
		"2: half of it is waited out":                   {failure(vsphere.ClassExhausted, 30*time.Second), 0, 0, 30 * time.Second},
		"2: a value that is refused is not asked again": {failure(vsphere.ClassInvalid, time.Minute), 0, 0, 4 * time.Minute},
		"3: exhausted, waited out, none under way":      {failure(vsphere.ClassExhausted, time.Minute), 0, 1, 0},
		"3: exhausted, waited out, one under way":       {failure(vsphere.ClassExhausted, time.Minute), 1, 0, 0},
		"4: waited out":                                 {failure(vsphere.ClassTransient, time.Second), 1, 3, 0},
		"4: waited out long ago":                        {failure(vsphere.ClassInvalid, time.Hour), 0, 3, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if n, delay := cloneGate(tc.failure, 3, tc.underWay, testNow); n != tc.want || delay != tc.delay {
				t.Errorf("cloneGate() = %d, %v, want %d, %v", n, delay, tc.want, tc.delay)
			}
		})
	}
}

func TestCloneFailure(t *testing.T) {
	oldSpec := cloneFailed(0, vsphere.ClassInvalid)
	oldSpec.Revision = "old"
	latest, earlier := cloneFailed(1, vsphere.ClassExhausted), ago(time.Minute, cloneFailed(0, vsphere.ClassTransient))
	tests := map[string]struct {
		failures []vsphere.Failure
		want     vsphere.Class // empty: none
	}{
		"of this revision":                      {[]vsphere.Failure{latest}, vsphere.ClassExhausted},
		"of an earlier spec":                    {[]vsphere.Failure{oldSpec}, ""},
		"a conflict concerns one name":          {[]vsphere.Failure{cloneFailed(0, vsphere.ClassConflict)}, ""},
		"of another operation":                  {[]vsphere.Failure{failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid)}, ""},
		"the latest of several":                 {[]vsphere.Failure{earlier, latest}, vsphere.ClassExhausted},
		"the latest of several, in other order": {[]vsphere.Failure{latest, earlier}, vsphere.ClassExhausted},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got vsphere.Class
			if f := cloneFailure(tc.failures, Revision(group(0).Spec)); f != nil {
				got = f.Err.Class
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSooner(t *testing.T) {
	for _, tc := range []struct{ a, b, want time.Duration }{{0, 0, 0}, {0, 2, 2}, {2, 0, 2}, {1, 2, 1}, {2, 1, 1}} {
		if got := sooner(tc.a, tc.b); got != tc.want {
			t.Errorf("sooner(%d, %d) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

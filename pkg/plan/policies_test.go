package plan

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestClonesAllowed(t *testing.T) {
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
			if n, delay := clonesAllowed(tc.failure, 3, tc.underWay, testNow); n != tc.want || delay != tc.delay {
				t.Errorf("clonesAllowed() = %d, %v, want %d, %v", n, delay, tc.want, tc.delay)
			}
		})
	}
}

func TestCloneFailure(t *testing.T) {
	oldSpec := cloneFailed(0, vsphere.ClassInvalid)
	oldSpec.SpecHash = "old"
	latest, before := cloneFailed(1, vsphere.ClassExhausted), ago(time.Minute, cloneFailed(0, vsphere.ClassTransient))
	tests := map[string]struct {
		failures []vsphere.Failure
		want     vsphere.Class // empty: none
	}{
		"of this revision":                      {[]vsphere.Failure{latest}, vsphere.ClassExhausted},
		"of an earlier spec":                    {[]vsphere.Failure{oldSpec}, ""},
		"refused before the spec was edited":    {[]vsphere.Failure{ago(3*time.Second, cloneFailed(0, vsphere.ClassInvalid))}, ""},
		"refused after it":                      {[]vsphere.Failure{ago(time.Second, cloneFailed(0, vsphere.ClassInvalid))}, vsphere.ClassInvalid},
		"no edit makes room":                    {[]vsphere.Failure{ago(3*time.Second, cloneFailed(0, vsphere.ClassExhausted))}, vsphere.ClassExhausted},
		"a conflict concerns one name":          {[]vsphere.Failure{cloneFailed(0, vsphere.ClassConflict)}, ""},
		"a conflict over something else":        {[]vsphere.Failure{about("Gone", cloneFailed(0, vsphere.ClassConflict))}, vsphere.ClassConflict},
		"of another operation":                  {[]vsphere.Failure{failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid)}, ""},
		"the latest of several":                 {[]vsphere.Failure{before, latest}, vsphere.ClassExhausted},
		"the latest of several, in other order": {[]vsphere.Failure{latest, before}, vsphere.ClassExhausted},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got vsphere.Class
			in := input(group(0)).with(specSince(2 * time.Second))
			in.Snapshot.Failures = tc.failures
			if f := cloneFailure(in); f != nil {
				got = f.Err.Class
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPowerOnBackOff(t *testing.T) {
	row := func(count int, age time.Duration) *vsphere.PowerOn {
		return &vsphere.PowerOn{Count: count, At: testNow.Add(-age)}
	}
	for name, tc := range map[string]struct {
		row  *vsphere.PowerOn
		want time.Duration
	}{
		"the first time":      {nil, 0},
		"the second":          {row(1, 0), 10 * time.Second},
		"the second, later":   {row(1, 4*time.Second), 6 * time.Second},
		"the second, in time": {row(1, 10*time.Second), 0},
		"the third":           {row(2, 0), 20 * time.Second},
		"the sixth":           {row(5, 0), 160 * time.Second},
		"the eighth":          {row(7, 0), 10 * time.Minute},
		"the thousandth":      {row(1000, 0), 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := powerOnBackOff(tc.row, testNow); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
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

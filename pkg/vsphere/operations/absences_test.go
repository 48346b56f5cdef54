package operations_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// absent is a number of VMs, some of which do something.
type absent struct {
	*operations.Absences
	clock *clocktesting.FakePassiveClock
	known int
}

func (a *absent) each(first, last int, do func(vsphere.Ref)) {
	for i := first; i <= last; i++ {
		do(vsphere.Ref(fmt.Sprintf("vm-%d", i)))
	}
}

func (a *absent) left(first, last int) { a.each(first, last, a.Left) }

func (a *absent) back(first, last int) { a.each(first, last, a.Dismiss) }

func (a *absent) gone(first, last int) {
	a.each(first, last, a.Gone)
	a.known -= last - first + 1
}

func (a *absent) pass(d time.Duration) { a.clock.SetTime(a.clock.Now().Add(d)) }

func TestAbsences(t *testing.T) {
	type is = vsphere.Disappearance
	for _, tt := range []struct {
		name string
		all  int
		act  func(a *absent)
		want *is
	}{
		{"1: four of four", 4, func(a *absent) { a.left(1, 4) }, nil},
		{"2: five of five", 5, func(a *absent) { a.left(1, 5) }, &is{Missing: 5, Unproven: 5, Of: 5}},
		{"2: six of twenty are 30 %, and no more", 20, func(a *absent) { a.left(1, 6) }, nil},
		{"2: seven of twenty", 20, func(a *absent) { a.left(1, 7) }, &is{Missing: 7, Unproven: 7, Of: 20}},
		{"1: by our own hand", 20, func(a *absent) { a.left(1, 7); a.back(1, 7) }, nil},
		{"2: each is proven gone as it leaves", 20, func(a *absent) {
			for i := range 20 {
				a.left(i, i)
				a.gone(i, i)
				a.Assess(a.known)
			}
		}, nil},
		{"2: those proven gone just now count", 20, func(a *absent) { a.gone(1, 5); a.left(6, 7) }, &is{Missing: 7, Unproven: 2, Of: 20}},
		{"1: those proven gone a minute ago do not", 20, func(a *absent) {
			a.gone(1, 5)
			a.pass(time.Minute)
			a.left(6, 7)
		}, nil},
		{"1: those that left a minute ago do not, and are still unproven", 20, func(a *absent) {
			a.left(1, 5)
			a.pass(time.Minute)
			a.left(6, 7)
		}, nil},
		{"1: to leave again is to be absent since the first time", 20, func(a *absent) {
			a.left(1, 5)
			a.pass(30 * time.Second)
			a.left(1, 5)
			a.pass(30 * time.Second)
			a.left(6, 7)
		}, nil},
		{"3: it lasts", 20, func(a *absent) {
			a.left(1, 7)
			a.Assess(a.known)
			a.gone(1, 6)
			a.pass(time.Hour)
		}, &is{Missing: 7, Unproven: 1, Of: 20}},
		{"3: each is proven gone", 20, func(a *absent) { a.left(1, 7); a.Assess(a.known); a.gone(1, 7) }, nil},
		{"3: some are back, the others proven gone", 20, func(a *absent) {
			a.left(1, 7)
			a.Assess(a.known)
			a.back(1, 3)
			a.gone(4, 7)
		}, nil},
		{"3: after the end, what was part of it counts no more", 20, func(a *absent) {
			a.left(1, 7)
			a.Assess(a.known)
			a.gone(1, 7)
			a.Assess(a.known)
			a.left(8, 9)
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
			a := &absent{Absences: operations.NewAbsences(clock), clock: clock, known: tt.all}
			tt.act(a)
			before := a.Current() != nil
			if changed := a.Assess(a.known); changed != (before != (tt.want != nil)) {
				t.Errorf("told %t of a change", changed)
			}
			if diff := cmp.Diff(tt.want, a.Current()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

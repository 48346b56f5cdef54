package operations

import (
	"fmt"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// BenchmarkTracker asks after one group with 10,000 clones under way, and one with as many failed power-ons.
func BenchmarkTracker(b *testing.B) {
	const many = 10_000
	clock := testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	newTracker := func() *Tracker {
		return New(Config{MaxClones: 2 * many, MaxPower: many, MaxDestroys: many, CloneTimeout: time.Hour, Clock: clock, Notifier: deaf{}})
	}
	g := vsphere.GroupID{Namespace: "default", Name: "web", UID: "uid-1"}
	begin := func(tr *Tracker, r vsphere.Request) ID {
		id, err := tr.Begin(g, r)
		if err != nil {
			b.Fatal(err)
		}
		return id
	}
	clone := func(i int) vsphere.Request {
		return vsphere.Request{Kind: vsphere.OperationClone, Name: fmt.Sprintf("web-%d", i)}
	}
	on := func(i int) vsphere.Request {
		return vsphere.Request{Kind: vsphere.OperationPowerOn, VM: vsphere.Ref(fmt.Sprintf("vm-%d", i))}
	}
	cloning, failing := newTracker(), newTracker()
	for i := range many {
		cloning.Submitted(begin(cloning, clone(i)), vsphere.Ref(fmt.Sprintf("task-%d", i)))
		failing.Refused(begin(failing, on(i)), &vsphere.Error{Class: vsphere.ClassTransient, Reason: "R", Message: "m"})
	}
	for name, step := range map[string]func(i int){
		"begin and end one of 10,000 clones": func(i int) {
			cloning.Refused(begin(cloning, clone(many+i)), &vsphere.Error{Class: vsphere.ClassUnavailable})
		},
		"see one beside 10,000 clones":    func(i int) { cloning.Seen(g.UID, vsphere.Ref(fmt.Sprintf("vm-%d", i)), "seen") },
		"one gone beside 10,000 clones":   func(i int) { cloning.Gone(vsphere.Ref(fmt.Sprintf("vm-%d", many+i))) },
		"one gone beside 10,000 failures": func(i int) { failing.Gone(vsphere.Ref(fmt.Sprintf("vm-%d", many+i))) },
		"10,000 clones":                   func(int) { cloning.Of(g.UID) },
		"10,000 failures":                 func(int) { failing.Of(g.UID) },
		"10,000 failures, one has failed again": func(i int) {
			failing.Refused(begin(failing, on(i%many)), &vsphere.Error{Class: vsphere.ClassTransient})
			failing.Of(g.UID)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				step(i)
			}
		})
	}
}

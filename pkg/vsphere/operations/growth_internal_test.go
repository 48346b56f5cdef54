package operations

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

type deaf struct{}

func (deaf) Notify(vsphere.GroupID) {}

func (deaf) NotifyAll() {}

// TestNothingIsKeptForEver lets operations end in every way there is. A day and an hour after their groups are gone, the tracker
// holds nothing more of them.
func TestNothingIsKeptForEver(t *testing.T) {
	const many = 1000
	clock := testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	tr := New(Config{MaxClones: many, MaxPower: many, MaxDestroys: many, CloneTimeout: 30 * time.Minute, Clock: clock, Notifier: deaf{}})
	g := vsphere.GroupID{Namespace: "default", Name: "web", UID: "uid-1"}
	lost := &vsphere.Error{Class: vsphere.ClassUnknown}
	ways := map[string]func(id ID, task, vm vsphere.Ref, name string){
		"cancelled": func(id ID, task, _ vsphere.Ref, _ string) {
			tr.Submitted(id, task)
			tr.Ended(task, "", lost)
			tr.NotFound(id)
		},
		"cancelled long ago": func(id ID, task, _ vsphere.Ref, _ string) { tr.CloneTaskCancelled(task); tr.AlreadyDone(id) },
		"of nobody known":    func(id ID, task, _ vsphere.Ref, _ string) { tr.CloneTaskFound(task); tr.AlreadyDone(id) },
		"answer lost":        func(id ID, _, _ vsphere.Ref, _ string) { tr.Refused(id, lost); tr.NotFound(id) },
		"task lost":          func(id ID, task, _ vsphere.Ref, _ string) { tr.Submitted(id, task); tr.Lost(task); tr.Resolved(id) },
		"refused":            func(id ID, _, _ vsphere.Ref, _ string) { tr.Refused(id, &vsphere.Error{Class: vsphere.ClassExhausted}) },
		"its name is in use": func(id ID, _, _ vsphere.Ref, _ string) { tr.Refused(id, &vsphere.Error{Class: vsphere.ClassConflict}) },
		"made, and destroyed": func(id ID, task, vm vsphere.Ref, _ string) {
			tr.Submitted(id, task)
			tr.Ended(task, vm, nil)
			tr.Gone(vm)
		},
		"made, and seen": func(id ID, task, vm vsphere.Ref, name string) {
			tr.Submitted(id, task)
			tr.Ended(task, vm, nil)
			tr.Seen(g.UID, vm, name)
		},
	}
	for way, end := range ways {
		for i := range many {
			name := fmt.Sprintf("%s-%d", way, i)
			id, err := tr.Begin(g, vsphere.Request{Kind: vsphere.OperationClone, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			end(id, vsphere.Ref("task-"+name), vsphere.Ref("vm-"+name), name)
		}
	}
	onVMs := map[string]func(id ID, task, vm vsphere.Ref){
		"never off": func(id ID, _, _ vsphere.Ref) { tr.Accepted(id) },
		"off": func(id ID, _, vm vsphere.Ref) {
			tr.Accepted(id)
			tr.Observed(vsphere.VM{Ref: vm, Name: "a", Configured: true})
		},
		"never shown": func(id ID, task, _ vsphere.Ref) { tr.Submitted(id, task); tr.Ended(task, "", nil) },
		"answer lost": func(id ID, _, _ vsphere.Ref) { tr.Refused(id, lost); tr.Resolved(id) },
	}
	for _, kind := range []vsphere.OperationKind{vsphere.OperationShutdown, vsphere.OperationReconfigure} {
		for way, end := range onVMs {
			vm := vsphere.Ref(way + string(kind))
			id, err := tr.Begin(g, vsphere.Request{Kind: kind, VM: vm, Resize: &vsphere.Resize{CPU: 2}})
			if err != nil {
				t.Fatal(err)
			}
			end(id, "task-"+vm, vm)
		}
	}
	tr.Forget(g.UID)
	for range 26 {
		clock.SetTime(clock.Now().Add(time.Hour))
		tr.Overdue()
	}
	if n := tr.ClonesToCome(g.UID); n != 0 || len(tr.toCome.byKey)+len(tr.toCome.counts) != 0 {
		t.Errorf("%d clones to come, of %+v", n, tr.toCome)
	}
	for field, value := range reflect.ValueOf(tr).Elem().Fields() {
		if value.Kind() == reflect.Map && field.Name != "budgets" && value.Len() > 0 {
			t.Errorf("%s holds %d entries", field.Name, value.Len())
		}
	}
	for kind, b := range tr.budgets {
		if b.inUse != 0 || len(b.waiting)+len(b.granted)+len(b.missed)+len(b.begun)+len(b.since) != 0 {
			t.Errorf("the budget of %s: %+v", kind, b)
		}
	}
}

package operations

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestListsAndIndexesAreWhatTheOperationsSay compares them after anything that may happen.
func TestListsAndIndexesAreWhatTheOperationsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		tr := New(Config{MaxClones: 9, MaxPower: 9, MaxDestroys: 9, CloneTimeout: 30 * time.Minute, Clock: clock, Notifier: deaf{}})
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			clock.SetTime(clock.Now().Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour}).Draw(t, "later")))
			before := map[string]string{}
			_, failures := tr.Of("uid-1")
			powerOns := tr.PowerOns("uid-1")
			before["failures"], before["power-ons"] = fmt.Sprint(failures), fmt.Sprint(powerOns)
			something(t, tr)
			checkIndexes(t, tr)
			if before["failures"] != fmt.Sprint(failures) || before["power-ons"] != fmt.Sprint(powerOns) {
				t.Fatalf("what was handed out has changed: %v, %v, %v", before, failures, powerOns)
			}
		}
	})
}

func something(t *rapid.T, tr *Tracker) {
	vms, tasks := []vsphere.Ref{"vm-1", "vm-2"}, []vsphere.Ref{"task-1", "task-2", "task-3"}
	uid := rapid.SampledFrom([]string{"uid-1", "uid-2"}).Draw(t, "UID")
	g := vsphere.GroupID{UID: uid}
	name, vm := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), rapid.SampledFrom(vms).Draw(t, "VM")
	task := rapid.SampledFrom(tasks).Draw(t, "task")
	id := ID(rapid.Uint64Range(1, uint64(tr.last)+1).Draw(t, "ID"))
	err := &vsphere.Error{
		Class:  rapid.SampledFrom([]vsphere.Class{vsphere.ClassTransient, vsphere.ClassUnknown, vsphere.ClassConflict}).Draw(t, "class"),
		Reason: rapid.SampledFrom([]string{"R", vsphere.ReasonNameTaken}).Draw(t, "reason"),
	}
	r := vsphere.Request{Kind: vsphere.OperationClone, Name: name}
	if kind := rapid.SampledFrom([]vsphere.OperationKind{
		"Clone", "Clone", "PowerOn", "Reconfigure", "Shutdown", "Shutdown", "PowerOff", "PowerOff", "Destroy",
	}).Draw(t, "kind"); kind != vsphere.OperationClone {
		r = vsphere.Request{Kind: kind, VM: vm}
	}
	if r.Kind == vsphere.OperationReconfigure {
		r.Resize = &vsphere.Resize{CPU: 2}
	}
	switch rapid.IntRange(0, 18).Draw(t, "event") {
	case 0, 1:
		if rapid.Bool().Draw(t, "sent") {
			tr.Refused(id, err)
		} else {
			tr.Withdraw(id, err)
		}
	case 2:
		tr.Lost(task)
	case 3:
		tr.Resolved(id)
	case 4:
		if rapid.Bool().Draw(t, "cancelled") {
			tr.Cancelled(task)
		} else {
			tr.NotFound(id)
		}
	case 5, 6:
		tr.Ended(task, vm, nil)
	case 7:
		tr.Ended(task, "", err)
	case 8:
		tr.Seen(uid, vm, name)
	case 9:
		tr.Gone(vm)
	case 10:
		tr.AlreadyDone(id)
	case 11:
		tr.Forget(uid)
	case 12:
		tr.Overdue()
	case 13:
		tr.CloneTaskFound(task)
	case 14:
		tr.CloneTaskCancelled(task)
	case 15:
		tr.CloneTaskEnded(task)
	case 16:
		if rapid.IntRange(0, 9).Draw(t, "another vCenter") == 0 {
			tr.Reset()
		}
	case 17:
		tr.Observed(vsphere.VM{
			Ref: vm, Name: name, Configured: true, InstanceUUID: "i", Stamp: &vsphere.Stamp{UID: uid, Instance: "i"},
			CPU:   rapid.Int32Range(1, 2).Draw(t, "CPUs"),
			Power: rapid.SampledFrom([]vsphere.PowerState{vsphere.PoweredOn, vsphere.PoweredOff}).Draw(t, "power"),
		})
	default:
		id, err := tr.Begin(g, r)
		switch info, _ := r.Kind.Info(); {
		case err != nil:
		case !info.HasTask():
			tr.Accepted(id)
		case tr.byTask[task] == nil:
			tr.Submitted(id, task)
		}
	}
}

func checkIndexes(t *rapid.T, tr *Tracker) {
	type index struct {
		Busy, ByVM, ByGroup map[string][]ID
	}
	checkHeld(t, tr)
	add := func(m map[string][]ID, key string, id ID) { m[key] = append(m[key], id); slices.Sort(m[key]) }
	newIndex := func() index { return index{map[string][]ID{}, map[string][]ID{}, map[string][]ID{}} }
	want, got := newIndex(), newIndex()
	for id, o := range tr.ops {
		add(want.ByGroup, o.group.UID, id)
		if o.VM != "" {
			add(want.ByVM, string(o.VM), id)
		}
		yields := slices.ContainsFunc(tr.byVM[o.VM], func(by *operation) bool { return by.subject == o.subject && o.yieldsTo(by.Kind) })
		if !yields && (o.state != awaiting || o.VM == "" || !o.makes()) {
			add(want.Busy, fmt.Sprint(o.group.UID, o.subject.name, o.subject.vm), id)
		}
	}
	for key, o := range tr.busy {
		add(got.Busy, fmt.Sprint(key.uid, key.name, key.vm), o.id)
	}
	for vm, ops := range tr.byVM {
		for _, o := range ops {
			add(got.ByVM, string(vm), o.id)
		}
	}
	for uid, list := range tr.byGroup {
		for _, o := range list.All() {
			add(got.ByGroup, uid, o.id)
		}
		if !slices.IsSortedFunc(list.All(), compareOperations) {
			t.Fatalf("the operations of %s are not in order", uid)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("(-operations +indexes):\n%s", diff)
	}
	for uid, fs := range tr.failures {
		kinds := map[vsphere.OperationKind]int{}
		for key := range fs.byKey {
			kinds[key.kind]++
		}
		all := slices.SortedFunc(maps.Values(fs.byKey), compareFailures)
		if !slices.Equal(all, fs.all()) || !maps.Equal(kinds, fs.kinds) || len(all) == 0 {
			t.Fatalf("failures of %s: %v and %v, want %v and %v", uid, fs.all(), fs.kinds, all, kinds)
		}
	}
	for uid, ps := range tr.powerOns {
		byVM := func(a, b vsphere.PowerOn) int { return cmp.Compare(a.VM, b.VM) }
		all := slices.SortedFunc(maps.Values(ps.byVM), byVM)
		early := slices.ContainsFunc(all, func(p vsphere.PowerOn) bool { return provenAt(p).Before(ps.until) })
		if !slices.Equal(all, ps.list.All()) || len(all) == 0 || early {
			t.Fatalf("power-ons of %s: %v until %s, want %v", uid, ps.list.All(), ps.until, all)
		}
	}
}

// checkHeld compares what the states hold, see move, and how many clones to come count.
func checkHeld(t *rapid.T, tr *Tracker) {
	held, tasks := map[vsphere.Budget]int{}, map[vsphere.Ref]*operation{}
	for _, o := range tr.ops {
		if o.holds {
			held[o.info().Budget]++
		}
		if o.holds != (o.state != awaiting && !o.Overdue) {
			t.Fatalf("%s is %s, overdue: %t, and holds a place: %t", o, o.state, o.Overdue, o.holds)
		}
		if o.state == running {
			tasks[o.Task] = o
		}
		if o.Unknown != (o.state == unknown || o.state == awaiting && o.VM == "") {
			t.Fatalf("%s is %s, and unknown: %t", o, o.state, o.Unknown)
		}
	}
	if !maps.Equal(tasks, tr.byTask) {
		t.Fatalf("tasks are %v, want %v", tr.byTask, tasks)
	}
	for name, b := range tr.budgets {
		if b.inUse != held[name] {
			t.Fatalf("the budget %s has %d places in use, want %d", name, b.inUse, held[name])
		}
	}
	counts := map[string]int{}
	for key, c := range tr.toCome.byKey {
		if c.is != over {
			counts[key.uid]++
		}
	}
	if !maps.Equal(counts, tr.toCome.counts) {
		t.Fatalf("clones to come are counted as %v, want %v", tr.toCome.counts, counts)
	}
}

package operations_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// members are VMs by reference, each of the group "web" unless uid says otherwise. It counts how often it is asked.
type members struct {
	vms   map[vsphere.Ref]member
	off   map[vsphere.Ref]bool
	asked int
}

type member struct {
	uid, name string
	has       vsphere.Usage
}

func (ms *members) Usage(namespace string) []vsphere.GroupUsage {
	ms.asked++
	var out []vsphere.GroupUsage
	for _, m := range ms.vms {
		out = append(out, vsphere.GroupUsage{UID: m.uid, Name: m.uid, Namespace: namespace, Class: "gold", Usage: m.has})
	}
	return out
}

func (ms *members) Counts(uid, name string) bool {
	for _, m := range ms.vms {
		if m.uid == uid && m.name == name {
			return true
		}
	}
	return false
}

func (ms *members) Member(vm vsphere.Ref) (string, vsphere.Usage, bool) {
	m, ok := ms.vms[vm]
	return "gold", m.has, ok
}

func (ms *members) IsOff(vm vsphere.Ref) bool { return ms.off[vm] }

// limited is a fixture with limits of the class gold.
func limited(t *testing.T, limits vsphere.NamespaceLimits) (*fixture, *members) {
	f, ms := newFixture(t, 8), &members{vms: map[vsphere.Ref]member{}}
	f.Tracker = operations.New(operations.Config{
		MaxClones: 8, MaxPower: 8, MaxDestroys: 8, CloneTimeout: cloneTimeout, Clock: f.clock, Notifier: f, Members: ms, OverLimit: "Limit",
	})
	f.SetClasses([]vsphere.ClassSpec{{Name: "gold", PerNamespace: limits}, {Name: "silver"}})
	return f, ms
}

func goldClone(name string) vsphere.Request {
	return vsphere.Request{Kind: vsphere.OperationClone, Name: name, Clone: &vsphere.CloneSpec{
		VMSpec: &vsphere.VMSpec{CPU: 2, MemoryMiB: 1024}, Place: vsphere.Place{Class: "gold"},
	}}
}

func resizeOf(kind vsphere.OperationKind, vm vsphere.Ref, cpu int32) vsphere.Request {
	return vsphere.Request{Kind: kind, VM: vm, Resize: &vsphere.Resize{CPU: cpu, MemoryMiB: 1024}}
}

func (f *fixture) takes(uid string, r vsphere.Request) operations.ID {
	f.t.Helper()
	id, err := f.Begin(group(uid), r)
	if err != nil {
		f.t.Fatalf("%s: %v", uid, err)
	}
	return id
}

func (f *fixture) refused(uid string, class vsphere.Class, r vsphere.Request) {
	f.t.Helper()
	if _, err := f.Begin(group(uid), r); vsphere.ClassOf(err) != class {
		f.t.Fatalf("%s: got %v, want %s", uid, err, class)
	}
}

var size = vsphere.Usage{VMs: 1, CPU: 2, MemoryMiB: 1024}

// A clone counts from its place in the budget until its VM is there, once, and leaves room if it makes none. Who waits is notified
// once.
func TestACloneCountsOnce(t *testing.T) {
	f, ms := limited(t, vsphere.NamespaceLimits{VMs: new(int64(2))})
	id := f.takes("web", goldClone("web-0"))
	f.Submitted(id, "task-1")
	ms.vms["vm-1"] = member{"web", "web-0", size} // the VM is seen, and the task has not ended
	f.takes("web", goldClone("web-1"))
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.heard()
	f.Ended("task-1", "vm-1", nil)
	f.Seen("web", "vm-1", "web-0")
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	if woken := f.heard(); slices.Contains(woken, "db") {
		t.Errorf("a clone that has made its VM leaves no room: notified %q", woken)
	}

}

// Room is told of, once, and whoever comes first takes it.
func TestRoomIsToldOnce(t *testing.T) {
	for name, makes := range map[string]func(f *fixture, ms *members, id operations.ID){
		"a clone that is refused by vCenter": func(f *fixture, _ *members, id operations.ID) { f.Refused(id, failure(vsphere.ClassTransient)) },
		"a clone that fails": func(f *fixture, _ *members, id operations.ID) {
			f.Submitted(id, "task-1")
			f.Ended("task-1", "", failure(vsphere.ClassExhausted))
		},
		"a VM that is gone, of the namespace": func(f *fixture, ms *members, _ operations.ID) {
			clear(ms.vms)
			f.RoomIn("default")
		},
		"a VM that is gone, of a namespace that nobody knows": func(f *fixture, ms *members, _ operations.ID) {
			clear(ms.vms)
			f.RoomIn("")
		},
		"another limit": func(f *fixture, _ *members, _ operations.ID) {
			f.SetClasses([]vsphere.ClassSpec{{Name: "gold", PerNamespace: vsphere.NamespaceLimits{VMs: new(int64(3))}}})
		},
		"no limit any more": func(f *fixture, _ *members, _ operations.ID) { f.SetClasses(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			f, ms := limited(t, vsphere.NamespaceLimits{VMs: new(int64(2))})
			ms.vms["vm-0"] = member{"web", "web-0", size}
			id := f.takes("web", goldClone("web-1"))
			f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
			f.refused("gone", vsphere.ClassInvalid, goldClone("gone-0"))
			f.Forget("gone")
			f.RoomIn("elsewhere")
			f.SetClasses([]vsphere.ClassSpec{{Name: "gold", PerNamespace: vsphere.NamespaceLimits{VMs: new(int64(2))}}})
			if woken := f.heard(); slices.Contains(woken, "db") {
				t.Fatalf("notified %q before there is room", woken)
			}
			makes(f, ms, id)
			if woken := f.heard(); !slices.Contains(woken, "db") || slices.Contains(woken, "gone") {
				t.Fatalf("notified %q", woken)
			}
			f.RoomIn("default")
			if woken := f.heard(); slices.Contains(woken, "db") {
				t.Errorf("notified again: %q", woken)
			}
			f.takes("db", goldClone("db-0"))
		})
	}
}

// A clone whose answer was lost, and of which nothing is to be seen, counts while it may come.
func TestALostCloneCounts(t *testing.T) {
	f, _ := limited(t, vsphere.NamespaceLimits{VMs: new(int64(1))})
	id := f.takes("web", goldClone("web-0"))
	f.Refused(id, failure(vsphere.ClassUnknown))
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.NotFound(id)
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.heard()
	f.pass(operations.ArrivesWithin + time.Second)
	f.Overdue()
	if woken := f.heard(); !slices.Contains(woken, "db") {
		t.Errorf("notified %q", woken)
	}
	f.takes("db", goldClone("db-0"))
}

// Clones of an earlier process are anybody's: what may be too much has to wait, and is told when they end.
func TestClonesOfAnEarlierProcess(t *testing.T) {
	f, _ := limited(t, vsphere.NamespaceLimits{VMs: new(int64(2))})
	f.CloneTaskFound("task-1")
	f.CloneTaskFound("task-2")
	f.refused("web", vsphere.ClassTransient, goldClone("web-0"))
	f.heard()
	f.CloneTaskEnded("task-1")
	if woken := f.heard(); !slices.Contains(woken, "web") {
		t.Errorf("notified %q", woken)
	}
	f.takes("web", goldClone("web-0"))
	f.refused("web", vsphere.ClassTransient, goldClone("web-1"))
}

// A VM that grows counts as what it becomes. One that is switched off for that keeps its room, and gives it back when nothing comes
// of it.
func TestGrowth(t *testing.T) {
	f, ms := limited(t, vsphere.NamespaceLimits{CPU: new(int64(6))})
	ms.vms["vm-0"], ms.vms["vm-1"] = member{"web", "web-0", size}, member{"web", "web-1", size}
	f.takes("web", resizeOf(vsphere.OperationReconfigure, "vm-1", 1)) // smaller: not limited, and no room yet
	f.refused("web", vsphere.ClassInvalid, resizeOf(vsphere.OperationPowerOff, "vm-0", 5))
	off := f.takes("web", resizeOf(vsphere.OperationPowerOff, "vm-0", 4))
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.Submitted(off, "task-off")
	f.Ended("task-off", "", nil)
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.SetClasses([]vsphere.ClassSpec{{Name: "gold", PerNamespace: vsphere.NamespaceLimits{CPU: new(int64(1))}}})
	grows := f.takes("web", resizeOf(vsphere.OperationReconfigure, "vm-0", 4)) // its room was taken before
	f.SetClasses([]vsphere.ClassSpec{{Name: "gold", PerNamespace: vsphere.NamespaceLimits{CPU: new(int64(6))}}})
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.heard()
	f.Refused(grows, failure(vsphere.ClassTransient))
	if woken := f.heard(); !slices.Contains(woken, "db") {
		t.Errorf("notified %q after a reconfiguration that failed", woken)
	}
	id := f.takes("db", goldClone("db-0"))
	f.Refused(id, failure(vsphere.ClassTransient))

	off = f.takes("web", resizeOf(vsphere.OperationPowerOff, "vm-0", 4))
	f.AlreadyDone(off)
	f.refused("db", vsphere.ClassInvalid, goldClone("db-0"))
	f.heard()
	f.pass(operations.ShortTimeout + time.Second)
	f.Overdue()
	if woken := f.heard(); !slices.Contains(woken, "db") {
		t.Errorf("notified %q after the room was kept for too long", woken)
	}
	f.takes("db", goldClone("db-0"))
}

// Of two groups that come at once, the second one sees what the first one has taken.
func TestLimitsUnderConcurrency(t *testing.T) {
	f, _ := limited(t, vsphere.NamespaceLimits{VMs: new(int64(5))})
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for _, uid := range []string{"a", "b", "c", "d"} {
		for _, slot := range []string{"0", "1"} {
			all.Go(func() {
				if _, err := f.Begin(group(uid), goldClone(uid+slot)); err == nil {
					mu.Lock()
					defer mu.Unlock()
					taken++
				}
			})
		}
	}
	all.Wait()
	if taken != 5 {
		t.Errorf("%d places were taken, want 5", taken)
	}
}

// silverClone asks for a clone of a class without limits.
func silverClone(name string) vsphere.Request {
	r := goldClone(name)
	r.Clone.Place.Class = "silver"
	return r
}

// A group that is refused gives its place in the line for the budget to others.
func TestARefusedGroupKeepsNoPlaceInTheLine(t *testing.T) {
	f, _ := limited(t, vsphere.NamespaceLimits{VMs: new(int64(0))})
	var ids []operations.ID
	for _, name := range []string{"0", "1", "2", "3", "4", "5", "6", "7"} {
		ids = append(ids, f.takes("db", silverClone(name)))
	}
	if admitted := f.Admit(group("web"), []vsphere.Request{goldClone("web-0")}); len(admitted) > 0 {
		t.Fatalf("admitted %+v", admitted)
	}
	f.refused("web", vsphere.ClassInvalid, goldClone("web-0"))
	f.Refused(ids[0], failure(vsphere.ClassTransient))
	f.takes("ci", silverClone("ci-0"))
}

// Nobody is asked for VMs where there are no limits.
func TestWithoutLimitsNothingIsCounted(t *testing.T) {
	f, ms := limited(t, vsphere.NamespaceLimits{VMs: new(int64(0))})
	f.takes("db", silverClone("db-0"))
	f.SetClasses(nil)
	f.takes("web", goldClone("web-0"))
	if ms.asked > 0 {
		t.Errorf("VMs were counted %d times", ms.asked)
	}
}

package plan

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// step is what happens, what the next sync does then, and what the status says after it: available/replicas, phase, and
// the reason of Ready.
type step struct {
	what string
	do   func(w *world)
	want []string
	says string
}

// trajectory is a walk through the states of a group. Each step begins where the one before it has ended.
type trajectory struct {
	from  func() *world
	steps []step
}

func TestTrajectories(t *testing.T) {
	all := map[string]trajectory{}
	for _, some := range []map[string]trajectory{
		scaleTrajectories(), healTrajectories(), obstacleTrajectories(), endTrajectories(), updateTrajectories(), partitionTrajectories(),
		inPlaceTrajectories(), powerTrajectories(), guestTrajectories(),
	} {
		maps.Copy(all, some)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { all[name].walk(t) })
	}
}

func (tr trajectory) walk(t *testing.T) {
	w := tr.from()
	for i, s := range tr.steps {
		s.do(w)
		w.sync()
		at := fmt.Sprintf("step %d/%d, %s", i+1, len(tr.steps), s.what)
		if diff := cmp.Diff(s.want, steps(w.plan)); diff != "" {
			t.Fatalf("%s: steps (-want +got):\n%s", at, diff)
		}
		says := "gone"
		if w.group != nil {
			says = sum(w.group.Status)
		}
		if says != s.says {
			t.Fatalf("%s: says %q, want %q", at, says, s.says)
		}
	}
}

// Where a trajectory begins.

func fresh(replicas int32) func() *world { return func() *world { return newWorld(replicas) } }

// running is a group at rest: its VMs are vm-0 and so on.
func running(replicas int32) func() *world {
	return func() *world {
		w := newWorld(replicas)
		w.sync()
		w.endAll()
		w.sync()
		return w
	}
}

// What happens.

func nothing(*world)    {}
func allEnd(w *world)   { w.endAll() }
func deleted(w *world)  { w.delete() }
func restart(w *world)  { w.restart() }
func pause(w *world)    { w.group.Spec.Paused = true }
func unpause(w *world)  { w.group.Spec.Paused = false }
func loseView(w *world) { w.away = true }
func regain(w *world)   { w.away = false }

func passes(d time.Duration) func(*world) { return func(w *world) { w.now = w.now.Add(d) } }
func scaled(replicas int32) func(*world)  { return func(w *world) { w.scale(replicas) } }
func destroyed(slot int) func(*world)     { return func(w *world) { w.remove(w.at(slot).Ref) } }
func appears(vm vsphere.VM) func(*world) {
	return func(w *world) {
		if vm.UnderRoot {
			vm.Parent = w.folder
		}
		w.vms = append(w.vms, vm)
	}
}
func disappears(r vsphere.Ref) func(*world) { return func(w *world) { w.remove(r) } }

// changed lets somebody change the VM of ours in a slot.
func changed(slot int, change func(*vsphere.VM)) func(*world) {
	return func(w *world) { change(w.at(slot)) }
}

// altered lets somebody change any VM.
func altered(r vsphere.Ref, change func(*vsphere.VM)) func(*world) {
	return func(w *world) {
		change(&w.vms[slices.IndexFunc(w.vms, func(vm vsphere.VM) bool { return vm.Ref == r })])
	}
}

func connected(v *vsphere.VM) { v.Connection = vsphere.Connected }
func readable(v *vsphere.VM)  { v.Unreadable = false }
func vmAgain(v *vsphere.VM)   { v.Template = false }

// ends ends the clone for a slot, well or with an error of a class.
func ends(slot int, class vsphere.Class) func(*world) {
	return func(w *world) {
		w.end(w.find(func(t *task) bool { return t.Name == VMName("web", testUID, slot) }), class)
	}
}

// allFail ends everything that is under way with an error of a class.
func allFail(class vsphere.Class) func(*world) {
	return func(w *world) {
		for len(w.tasks) > 0 {
			w.end(w.tasks[0], class)
		}
	}
}

func both(first, second func(*world)) func(*world) {
	return func(w *world) { first(w); second(w) }
}

func scaleTrajectories() map[string]trajectory {
	return map[string]trajectory{
		"scale 0→3→5→2→0": {fresh(0), []step{
			{"nothing is wanted", nothing, nil, "0/0 READY AllReplicasAvailable"},
			{"3 are wanted", scaled(3), []string{"add finalizer", "make folder", "clone web-0d1f2-0", "clone web-0d1f2-1", "clone web-0d1f2-2"}, "0/0 PENDING ScalingUp"},
			{"nothing happens", nothing, nil, "0/3 PENDING ScalingUp"},
			{"the clones end", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"5 are wanted", scaled(5), []string{"clone web-0d1f2-3", "clone web-0d1f2-4"}, "3/3 PENDING ScalingUp"},
			{"one clone ends", ends(4, ""), nil, "4/5 PENDING ScalingUp"},
			{"2 are wanted", scaled(2), []string{"cancel web-0d1f2-3", "power off vm-4", "power off vm-2"}, "4/5 PENDING ScalingDown"},
			{"all ends, the cancelled clone as well", allEnd, []string{"power off vm-3", "destroy vm-4", "destroy vm-2"}, "3/5 PENDING ScalingDown"},
			{"they are gone, the other is off", allEnd, []string{"destroy vm-3"}, "2/3 PENDING ScalingDown"},
			{"it is gone, too", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"0 are wanted", scaled(0), []string{"power off vm-1", "power off vm-0"}, "2/2 PENDING ScalingDown"},
			{"they are off", allEnd, []string{"destroy vm-1", "destroy vm-0"}, "0/2 PENDING ScalingDown"},
			{"they are gone", allEnd, nil, "0/0 READY AllReplicasAvailable"},
		}},
		"a change of mind while scaling down": {running(2), []step{
			{"1 is wanted", scaled(1), []string{"power off vm-1"}, "2/2 PENDING ScalingDown"},
			{"2 are wanted again", scaled(2), nil, "2/2 READY AllReplicasAvailable"},
			{"it is off all the same", allEnd, []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is on", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a restart while clones run": {fresh(2), []step{
			{"2 are wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0", "clone web-0d1f2-1"}, "0/0 PENDING ScalingUp"},
			{"restart: the names are locks", restart, []string{"clone web-0d1f2-0", "clone web-0d1f2-1"}, "0/0 PENDING ScalingUp"},
			{"both names are in use", nothing, nil, "0/2 PENDING ScalingUp"},
			{"one appears without its stamp", func(w *world) { appears(vm(0, foreign))(w) }, nil, "0/2 PENDING ScalingUp"},
			{"all is there", both(disappears("vm-0"), allEnd), nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a clone of unknown outcome": {fresh(1), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"the answer was lost", func(w *world) { w.tasks[0].Unknown, w.tasks[0].Task = true, "" }, nil, "0/1 PENDING OutcomeUnknown"},
			{"somebody has looked: there is none", func(w *world) { w.tasks = nil }, []string{"clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"it ends", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"a clone past its deadline": {fresh(1), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"it takes too long", func(w *world) { w.tasks[0].Overdue = true }, nil, "0/1 PENDING CloneStalled"},
			{"it was cancelled", allFail(vsphere.ClassTransient), nil, "0/0 PENDING Retrying"},
			{"the failure is waited out", passes(time.Second), []string{"clone web-0d1f2-0"}, "0/0 PENDING Retrying"},
			{"it ends", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"two writers": {running(2), []step{
			{"the other has cloned more", both(appears(vm(3)), appears(vm(4))), []string{"power off vm-4", "power off vm-3"}, "4/4 PENDING ScalingDown"},
			{"the other powers one on again", both(allEnd, changed(4, func(v *vsphere.VM) { v.Power = vsphere.PoweredOn })), []string{"power off vm-4", "destroy vm-3"}, "3/4 PENDING ScalingDown"},
			{"one is gone, one is off", allEnd, []string{"destroy vm-4"}, "2/3 PENDING ScalingDown"},
			{"the other has destroyed it", both(allEnd, nothing), nil, "2/2 READY AllReplicasAvailable"},
		}},
	}
}

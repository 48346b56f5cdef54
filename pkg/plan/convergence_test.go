package plan

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestConvergence lets a group live through whatever people, hosts and lost answers do to it, in any order, and checks
// after every instant that there is not one VM too many and that nobody else's VM was touched. Then all is calm, and the
// group must end as its spec says.
func TestConvergence(t *testing.T) {
	for i := range 10 { // rapid's default is a tenth of what finds most that can go wrong
		t.Run(strconv.Itoa(i), func(t *testing.T) { rapid.Check(t, checkConvergence) })
	}
}

func FuzzConvergence(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkConvergence)) }

func checkConvergence(t *rapid.T) {
	c := &chaos{world: newWorld(rapid.Int32Range(0, 5).Draw(t, "replicas"))}
	c.limit = int(c.group.DesiredReplicas())
	t.Repeat(map[string]func(*rapid.T){
		"":              c.check,
		"sync":          func(*rapid.T) { c.step() },
		"sync again":    func(*rapid.T) { c.step() },
		"end a task":    c.endTask,
		"end all tasks": func(*rapid.T) { c.endAll() },
		"fail a task":   c.failTask,
		"time passes":   func(t *rapid.T) { c.now = c.now.Add(pick(t, "time", time.Second, time.Minute, time.Hour)) },
		"deadline":      c.deadline,
		"lost answer":   c.loseAnswer,
		"looked":        c.look,
		"seen":          func(*rapid.T) { clear(c.hidden) },
		"restart":       func(*rapid.T) { c.restart() },
		"scale":         c.rescale,
		"edit":          c.editSpec,
		"guests":        c.changeGuests,
		"delete":        c.deleteRarely,
		"a person":      c.meddle,
		"a foreign VM":  c.takeName,
		"a copy":        c.copy,
		"a template":    c.convert,
		"weather":       c.weather,
	})
	c.calm(t)
}

// chaos is a world in which anything may happen.
type chaos struct {
	*world
	limit  int // how many VMs of ours there may be
	others []vsphere.Ref
	// violation says what a plan did that it must not.
	violation string
}

func (c *chaos) step() {
	kept := c.keptByPartition()
	c.sync()
	for _, r := range c.plan.Requests {
		if removes(r.Kind) && slices.Contains(kept, r.VM) && !c.goesByItself() && c.group.DeletionTimestamp == nil && c.plan.numbers.surplus == 0 {
			c.violation = fmt.Sprintf("%s is replaced, which the partition keeps", r.VM)
		}
	}
	atRest := c.group != nil && c.plan.Problem == nil && !c.plan.due.any() && len(c.tasks) == 0
	if atRest && !c.away {
		c.limit = max(c.mayHave(), len(c.ours()))
	}
}

// goesByItself reports whether VMs are switched off or made anew whatever they are made from.
func (c *chaos) goesByItself() bool { return c.group.Spec.Power != nil || c.group.Spec.Health != nil }

// mayHave returns how many VMs the spec allows at most.
func (c *chaos) mayHave() int {
	surge, _ := limits(c.group)
	now := func(m v1alpha1.MemberSpec) bool { return m.Deletion == v1alpha1.DeletionNow }
	if !replaces(c.group) && !slices.ContainsFunc(c.group.Spec.Members, now) {
		surge = 0
	}
	return int(c.group.DesiredReplicas()) + surge
}

// editSpec changes what VMs are made from, and how they are updated.
func (c *chaos) editSpec(t *rapid.T) {
	if c.group == nil {
		return
	}
	c.edit(func(s *v1alpha1.VmGroupSpec) {
		s.Template, s.CPU = pick(t, "template", "golden", "new"), pick(t, "CPUs", int32(2), 4)
		s.Disk = pick(t, "disk", nil, nil, ptr.To(templateDisk), ptr.To[int32](20), ptr.To[int32](30))
		s.Readiness, s.MinReadySeconds, s.Members, s.Power, s.Health = nil, nil, nil, nil, nil
		drawUpdate(t, s)
		for i := range s.Members {
			s.Members[i].Instance = "instance of vm-" + strconv.Itoa(i)
		}
	})
	c.limit = max(c.limit, c.mayHave())
}

// changeGuests lets the guest of a VM come up or go down, and those of VMs that are made from now on.
func (c *chaos) changeGuests(t *rapid.T) {
	c.unready = flip(t, "new ones are not ready")
	if len(c.vms) > 0 {
		vm := &c.vms[rapid.IntRange(0, len(c.vms)-1).Draw(t, "VM")]
		vm.ToolsRunning = !vm.ToolsRunning
	}
}

// check holds the promises: there is never a VM too many (P2), and nobody else's is touched (P1).
func (c *chaos) check(t *rapid.T) {
	if n := len(c.ours()); n > c.limit {
		t.Fatalf("P2: there are %d VMs, at most %d may be", n, c.limit)
	}
	if c.violation != "" {
		t.Fatal(c.violation)
	}
	theirs := c.theirs()
	for _, ref := range c.others {
		if !slices.Contains(theirs, ref) {
			t.Fatalf("P1: %s is gone or was changed", ref)
		}
	}
	if c.group == nil && len(c.ours())+c.clonesRunning() > 0 {
		t.Fatalf("P2: the group is gone, %d VMs and %d clones are left", len(c.ours()), c.clonesRunning())
	}
}

func (c *chaos) task(t *rapid.T) *task {
	running := slices.DeleteFunc(slices.Clone(c.tasks), func(t *task) bool { return t.Kind == vsphere.OperationClone && t.VM != "" })
	if len(running) == 0 {
		t.Skip("nothing is under way")
	}
	return rapid.SampledFrom(running).Draw(t, "task")
}

// endTask ends one task. The VM of a clone may not be seen at once; its operation goes on then.
func (c *chaos) endTask(t *rapid.T) {
	task := c.task(t)
	c.end(task, "")
	if task.Kind == vsphere.OperationClone && !task.found && flip(t, "seen late") {
		task.VM = c.vms[len(c.vms)-1].Ref
		c.hidden[task.VM] = true
		c.tasks = append(c.tasks, task)
	}
	c.dropSeen()
}

// dropSeen drops the operations whose VM is seen, as the adapter does.
func (c *chaos) dropSeen() {
	c.tasks = slices.DeleteFunc(c.tasks, func(t *task) bool {
		return t.Kind == vsphere.OperationClone && t.VM != "" && !c.hidden[t.VM]
	})
}

func (c *chaos) failTask(t *rapid.T) {
	c.end(c.task(t), pick(t, "class", vsphere.ClassTransient, vsphere.ClassExhausted, vsphere.ClassInvalid))
}

func (c *chaos) deadline(t *rapid.T) {
	if task := c.task(t); task.Kind == vsphere.OperationClone && !task.found {
		task.Overdue = true
	}
}

// loseAnswer loses the answer to a clone that was sent; the clone runs or was never begun.
func (c *chaos) loseAnswer(t *rapid.T) {
	if task := c.task(t); task.Kind == vsphere.OperationClone && !task.found {
		task.Unknown, task.Task = true, ""
	}
}

// look finds out what became of the clones of unknown outcome.
func (c *chaos) look(t *rapid.T) {
	for _, unknown := range slices.Clone(c.tasks) {
		if !unknown.Unknown || unknown.VM != "" {
			continue
		}
		c.tasks = slices.DeleteFunc(c.tasks, func(o *task) bool { return o == unknown })
		if flip(t, "it was begun") {
			c.appear(unknown)
		}
	}
}

func (c *chaos) rescale(t *rapid.T) {
	if c.group == nil {
		t.Skip("it is gone")
	}
	c.scale(rapid.Int32Range(0, 5).Draw(t, "replicas"))
	c.limit = max(c.limit, c.mayHave())
}

func (c *chaos) deleteRarely(t *rapid.T) {
	if c.group == nil || c.group.DeletionTimestamp != nil || !rarely(t, "deleted") {
		t.Skip("not now")
	}
	c.delete()
}

// meddle changes a VM of ours by hand.
func (c *chaos) meddle(t *rapid.T) {
	seen := slices.DeleteFunc(c.ours(), func(vm vsphere.VM) bool { return c.hidden[vm.Ref] })
	if len(seen) == 0 {
		t.Skip("there is none")
	}
	ref := rapid.SampledFrom(seen).Draw(t, "VM").Ref
	change := pick(t, "change", off, suspended, moved, disconnected, connected, unreadable, readable, nil)
	if change == nil {
		c.remove(ref)
		return
	}
	change(c.byRef(ref))
}

func (c *chaos) byRef(ref vsphere.Ref) *vsphere.VM {
	return &c.vms[slices.IndexFunc(c.vms, func(vm vsphere.VM) bool { return vm.Ref == ref })]
}

// takeName puts a foreign VM where the group's next ones would be.
func (c *chaos) takeName(t *rapid.T) {
	name := VMName("web", testUID, rapid.IntRange(0, 6).Draw(t, "slot"))
	if c.folder == "" || c.nameInUse(name) || c.group == nil {
		t.Skip("there is no room")
	}
	c.add(vm(0, foreign, named(name)))
}

// copy clones a VM of ours by hand, under a name of its own.
func (c *chaos) copy(t *rapid.T) {
	if len(c.ours()) == 0 {
		t.Skip("there is none")
	}
	c.add(vm(c.ours()[0].Stamp.Slot, copied, named("mine")))
}

// convert makes a VM of ours a template, or converts one back: then there is one more of ours.
func (c *chaos) convert(t *rapid.T) {
	i := rapid.IntRange(0, max(0, len(c.vms)-1)).Draw(t, "VM")
	if c.group == nil || i >= len(c.vms) || slices.Contains(c.others, c.vms[i].Ref) || c.hidden[c.vms[i].Ref] {
		t.Skip("it is nobody's")
	}
	if c.vms[i].Template = !c.vms[i].Template; !c.vms[i].Template {
		c.limit++
	}
}

func (c *chaos) add(vm vsphere.VM) {
	vm.Ref, vm.Parent = c.newRef("other"), c.folder
	c.vms = append(c.vms, vm)
	c.others = append(c.others, vm.Ref)
}

func (c *chaos) weather(t *rapid.T) {
	c.away, c.noTemplate = rarely(t, "vCenter is away"), rarely(t, "no template")
	c.keptGone = rarely(t, "no earlier template")
	c.readOnly = rarely(t, "read-only")
	c.noDisks = rarely(t, "disks are hidden")
	if c.group != nil {
		c.group.Spec.Paused = rarely(t, "paused")
	}
}

// calm ends all faults and lets the group come to rest.
func (c *chaos) calm(t *rapid.T) {
	c.away, c.noTemplate, c.readOnly, c.unready, c.keptGone, c.noDisks = false, false, false, false, false, false
	for i := range c.vms {
		connected(&c.vms[i])
		readable(&c.vms[i])
		tools(&c.vms[i])
	}
	if c.group != nil { // nobody is protected or has to be named, and what has to be replaced may be
		c.edit(func(s *v1alpha1.VmGroupSpec) {
			s.Members, s.ScaleDown, s.Paused = nil, nil, false
			if s.Power != nil {
				s.Power.State = nil
			}
			if s.Update != nil && s.Update.Strategy == v1alpha1.UpdateInPlaceOnly {
				s.Update.Strategy = v1alpha1.UpdateInPlaceIfPossible
			}
		})
		c.limit = max(c.limit, c.mayHave())
	}
	c.settle(t)
	if c.group != nil && c.group.DeletionTimestamp == nil && KeepsHistory(c.group) {
		c.checkPartition(t)
		c.edit(func(s *v1alpha1.VmGroupSpec) { s.Update.Partition = nil })
		c.settle(t)
		if len(c.revisions) > 0 {
			t.Fatalf("revisions are left: %v", c.revisions)
		}
	}
	c.checkRest(t)
}

// settle lets everything that is under way end, and time pass, until the group rests.
func (c *chaos) settle(t *rapid.T) {
	for range 120 {
		for _, task := range c.tasks {
			task.Unknown, task.Overdue = false, false
		}
		c.endAll()
		c.now = c.now.Add(time.Hour)
		c.step()
		c.check(t)
	}
}

// checkRest proves that a group at rest is as its spec says.
func (c *chaos) checkRest(t *rapid.T) {
	if c.group == nil {
		return
	}
	if c.group.DeletionTimestamp != nil {
		t.Fatalf("the group does not go: %s, %v", sum(c.group.Status), steps(c.plan))
	}
	want := int(c.group.DesiredReplicas())
	if got := sum(c.group.Status); got != fmt.Sprintf("%d/%d %s %s", want, want, v1alpha1.PhaseReady, v1alpha1.ReasonAllReplicasAvailable) {
		t.Fatalf("the group comes to rest as %s", got)
	}
	if len(c.ours()) != want || len(steps(c.plan)) > 0 {
		t.Fatalf("%d VMs, %d are wanted, and at rest it does %v", len(c.ours()), want, steps(c.plan))
	}
	if updated := *c.group.Status.UpdatedReplicas; (replaces(c.group) || powerCycles(c.group)) && int(updated) != want {
		t.Fatalf("%d VMs are updated, %d are wanted", updated, want)
	}
}

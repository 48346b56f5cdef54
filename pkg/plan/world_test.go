package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// world is a vCenter, reduced to what a plan can do to it and people can do to the group, with one controller. Like the
// real one it refuses a second VM of one name in a folder, and its clones take until the test ends them. Package fake cannot
// stand in: it keeps operation, task and VM consistent, as an adapter does, and a plan must also bear what lies between, such
// as a VM that is seen late, or an operation that is overdue or of unknown outcome at any instant.
type world struct {
	network vsphere.Network   // of the class; without a name there is no class
	group   *v1alpha1.VmGroup // nil once its last finalizer is gone
	now     time.Time

	vCenter    string
	away       bool
	root       bool
	folder     vsphere.Ref // of the group, empty if there is none
	vms        []vsphere.VM
	hidden     map[vsphere.Ref]bool // VMs that the controller does not see yet
	tasks      []*task
	noTemplate bool
	revisions  []Revision
	keptGone   bool // the templates of earlier revisions are gone
	readOnly   bool
	failures   []vsphere.Failure
	powerOns   map[vsphere.Ref]vsphere.PowerOn
	specSince  time.Time
	made       map[int]int // VMs there ever were in a slot
	last       int         // number of the last task or folder
	swept      int         // number of the last sweep
	sweepAsked int
	clocks     Clocks
	unready    bool // VMs are made that do not become ready
	noDisks    bool // nobody sees how large disks are
	plan       Plan
}

// templateDisk is the size of the first disk of all templates, in GiB.
const templateDisk int32 = 10

// task is one that runs. One that is found was sent by an earlier process, and has no operation.
type task struct {
	vsphere.Operation
	slot   int
	spec   vsphere.VMSpec
	resize *vsphere.Resize
	found  bool
	off    bool // its VM is not powered on
}

func newWorld(replicas int32) *world {
	return &world{
		group: group(replicas, noFinalizer), now: testNow, vCenter: "vcenter-1", root: true,
		hidden: map[vsphere.Ref]bool{}, made: map[int]int{}, powerOns: map[vsphere.Ref]vsphere.PowerOn{},
	}
}

func (w *world) newRef(kind string) vsphere.Ref {
	w.last++
	return vsphere.Ref(fmt.Sprintf("%s-%d", kind, w.last))
}

// input is what the controller sees.
func (w *world) input() Input {
	in := Input{Group: w.group, Now: w.now, SweepAsked: w.sweepAsked, ReadOnly: w.readOnly, FolderRecorded: RecordsFolder(w.group), SpecSince: w.specSince}
	if w.away {
		in.Unavailable, in.Clocks = newError(vsphere.ClassUnavailable), w.clocks
		return in
	}
	in.Clocks = w.clocks
	s := &in.Snapshot
	s.VCenter, s.Owner, s.RootExists, s.Path = w.vCenter, testOwner, w.root, testPath
	s.Swept, s.Zones = w.swept, []vsphere.Zone{{}}
	s.Failures, s.PowerOns = slices.Clone(w.failures), slices.Collect(maps.Values(w.powerOns))
	if w.folder != "" {
		s.Folders = []vsphere.Folder{{Ref: w.folder, Name: "web", Path: testPath, UnderRoot: true, Children: w.children()}}
	}
	for _, vm := range w.vms {
		if w.noDisks {
			vm.DiskBytes = 0
		}
		if !w.hidden[vm.Ref] {
			s.VMs = append(s.VMs, &vm)
		}
	}
	for _, t := range w.tasks {
		if t.found {
			s.ClonesToCome++
		} else {
			s.Operations = append(s.Operations, t.Operation)
		}
	}
	switch {
	case w.group.DeletionTimestamp != nil:
	case w.noTemplate:
		in.TemplateError = &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonTemplateNotFound, Message: "no template"}
	default:
		in.Template = vsphere.Template{Ref: vsphere.Ref("vm-" + w.group.Spec.Template)}
	}
	if w.network.Name != "" {
		in.Class, s.Networks = "gold", []vsphere.Network{w.network}
		s.Zones = []vsphere.Zone{{Name: "a", Networks: []string{w.network.Name}}}
	}
	in.Revisions = slices.Clone(w.revisions)
	switch kept := KeptRevision(in); {
	case kept == nil:
	case w.keptGone:
		in.KeptTemplateError = &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonTemplateNotFound, Message: "no template"}
	default:
		in.KeptTemplate = vsphere.Template{Ref: kept.Source}
	}
	return in
}

func (w *world) children() int {
	n := 0
	for _, vm := range w.vms {
		if vm.Parent == w.folder {
			n++
		}
	}
	return n
}

// sync plans, carries the plan out, and writes the status.
func (w *world) sync() {
	if w.group == nil {
		w.plan = Plan{}
		return
	}
	in := w.input()
	p := Compute(in)
	if in.Unavailable == nil && !p.Finishes() {
		w.sweepAsked = 0
	}
	if p.Sweep { // it takes no time here
		w.swept++
		w.sweepAsked = w.swept
		in = w.input()
		p = Compute(in)
	}
	w.plan, w.clocks = p, p.Clocks
	if p.AddFinalizer {
		w.group.Finalizers = append(w.group.Finalizers, v1alpha1.Finalizer)
	}
	for _, r := range p.Record {
		r.Object = string(w.newRef("revision"))
		w.revisions = append(w.revisions, r)
	}
	var out Outcome
	if p.EnsureFolder {
		w.root, w.folder = true, w.newRef("group")
		out.Folder = &vsphere.Folder{Ref: w.folder, Path: testPath}
	}
	for _, op := range p.Cancel {
		w.find(func(t *task) bool { return t.Task == op.Task }).Cancelled = true
	}
	for _, r := range p.Requests {
		if r.Kind.Makes() {
			w.clone(r)
		} else {
			w.submit(r)
		}
	}
	w.group.Status = Status(in, p, out)
	w.revisions = slices.DeleteFunc(w.revisions, func(r Revision) bool { return slices.Contains(p.Forget, r.Object) })
	if len(p.RemoveFolders) > 0 {
		w.folder = ""
	}
	if p.RemoveFinalizer {
		w.group = nil
	}
}

func (w *world) submit(r vsphere.Request) {
	if r.Kind == vsphere.OperationPowerOff { // it takes the place of a shutdown
		w.tasks = slices.DeleteFunc(w.tasks, func(o *task) bool { return o.VM == r.VM && o.Kind == vsphere.OperationShutdown })
	}
	op := vsphere.Operation{Kind: r.Kind, VM: r.VM, Task: w.newRef("task"), Started: w.now}
	w.tasks = append(w.tasks, &task{Operation: op, resize: r.Resize})
}

func (w *world) clone(c vsphere.Request) {
	op := c.Operation()
	op.Task, op.Started = w.newRef("task"), w.now
	if w.nameInUse(c.Name) {
		w.fail(op, c.Clone.Hash(), vsphere.ClassConflict)
		return
	}
	w.tasks = append(w.tasks, &task{Operation: op, slot: c.Clone.Slot, spec: *c.Clone.VMSpec, off: !c.Clone.PowerOn})
}

func (w *world) nameInUse(name string) bool {
	return w.find(func(t *task) bool { return t.Kind == vsphere.OperationClone && t.Name == name }) != nil ||
		slices.ContainsFunc(w.vms, func(vm vsphere.VM) bool { return vm.Parent == w.folder && vm.Name == name })
}

func (w *world) find(match func(*task) bool) *task {
	if i := slices.IndexFunc(w.tasks, match); i >= 0 {
		return w.tasks[i]
	}
	return nil
}

// end ends a task well, or with an error of a class.
func (w *world) end(t *task, class vsphere.Class) {
	w.tasks = slices.DeleteFunc(w.tasks, func(o *task) bool { return o == t })
	if class != "" {
		if !t.found {
			w.fail(t.Operation, t.spec.Hash(), class)
		}
		return
	}
	w.forgive(t.Operation)
	i := slices.IndexFunc(w.vms, func(vm vsphere.VM) bool { return vm.Ref == t.VM })
	switch {
	case t.Kind == vsphere.OperationClone:
		w.appear(t)
	case i < 0: // somebody else has removed it
	case t.Kind == vsphere.OperationPowerOn:
		w.vms[i].Power = vsphere.PoweredOn
		w.poweredOn(t.VM)
	case t.Kind == vsphere.OperationPowerOff, t.Kind == vsphere.OperationShutdown:
		w.vms[i].Power = vsphere.PoweredOff
		w.tasks = slices.DeleteFunc(w.tasks, func(o *task) bool { return o.VM == t.VM && o.Kind == vsphere.OperationShutdown })
	case t.Kind == vsphere.OperationReset:
		w.vms[i].ToolsRunning = !w.unready
	case t.Kind == vsphere.OperationConfigure:
		w.tell(t, &w.vms[i])
	case t.Kind == vsphere.OperationReconfigure:
		w.reconfigure(t, &w.vms[i])
	case w.vms[i].Power != vsphere.PoweredOff || w.vms[i].Connection != vsphere.Connected || w.vms[i].Template:
		w.fail(t.Operation, "", vsphere.ClassConflict)
	default:
		w.remove(w.vms[i].Ref)
	}
}

// tell tells the guest of a VM what it is to be told.
func (w *world) tell(t *task, vm *vsphere.VM) {
	if vm.Power != vsphere.PoweredOff || vm.Stamp.Guest != vsphere.GuestPending {
		w.fail(t.Operation, "", vsphere.ClassConflict)
		return
	}
	stamp := vm.Stamp.Told()
	vm.Stamp = &stamp
}

// reconfigure gives a VM another size. One that is on takes only what can be added to it.
func (w *world) reconfigure(t *task, vm *vsphere.VM) {
	if vsphere.CompareDisk(vm, t.resize.DiskGiB) > 0 {
		w.fail(t.Operation, "", vsphere.ClassInvalid)
		return
	}
	hot := (vm.CPU == t.resize.CPU || vm.CPUHotAdd && vm.CPU < t.resize.CPU) &&
		(vm.MemoryMiB == t.resize.MemoryMiB || vm.MemoryHotAdd && vm.MemoryMiB < t.resize.MemoryMiB)
	if vm.Power != vsphere.PoweredOff && !hot {
		w.fail(t.Operation, "", vsphere.ClassConflict)
		last := &w.failures[len(w.failures)-1]
		*last = about(vsphere.ReasonNotHotPluggable, *last)
		return
	}
	stamp := vm.Stamp.Revised(t.resize.Revision)
	vm.CPU, vm.MemoryMiB, vm.Stamp = t.resize.CPU, t.resize.MemoryMiB, &stamp
	if t.resize.DiskGiB != 0 {
		vm.DiskBytes = vsphere.GiB(t.resize.DiskGiB)
	}
}

// poweredOn counts a power-on as vsphere.PowerOn says.
func (w *world) poweredOn(ref vsphere.Ref) {
	p := w.powerOns[ref]
	if w.now.Sub(p.At) >= vsphere.PowerOnDelay(p.Count)+vsphere.StableAfter {
		p.Count = 0
	}
	w.powerOns[ref] = vsphere.PowerOn{VM: ref, Count: p.Count + 1, At: w.now}
}

// appear makes the VM of a clone: vm-<slot>, and vm-<slot>.<n> if it is not the first there.
func (w *world) appear(t *task) {
	v := vm(t.slot)
	if w.made[t.slot]++; w.made[t.slot] > 1 {
		v.Ref = vsphere.Ref(fmt.Sprintf("%s.%d", v.Ref, w.made[t.slot]))
	}
	v.Created, v.Parent, v.InstanceUUID = w.now, w.folder, "instance of "+string(v.Ref)
	clone := vsphere.CloneSpec{VMSpec: &t.spec, Slot: t.slot}
	stamp := clone.Stamp(testOwner, vsphere.GroupID{Namespace: v.Stamp.Namespace, Name: "web", UID: testUID}, nil, v.InstanceUUID)
	v.Stamp = &stamp
	v.CPU, v.MemoryMiB, v.ToolsRunning = t.spec.CPU, t.spec.MemoryMiB, !w.unready
	v.DiskBytes = vsphere.GiB(cmp.Or(t.spec.DiskGiB, templateDisk))
	if t.off {
		v.Power = vsphere.PoweredOff
	}
	w.vms = append(w.vms, v)
}

// endAll ends everything that is under way, and lets the controller see all VMs.
func (w *world) endAll() {
	w.hidden = map[vsphere.Ref]bool{}
	w.tasks = slices.DeleteFunc(w.tasks, func(t *task) bool { return t.Kind == vsphere.OperationClone && t.VM != "" })
	for len(w.tasks) > 0 {
		w.end(w.tasks[0], "")
	}
}

// restart begins a new process of the controller: what the old one had under way goes on.
func (w *world) restart() {
	w.hidden, w.failures, w.powerOns = map[vsphere.Ref]bool{}, nil, map[vsphere.Ref]vsphere.PowerOn{}
	w.sweepAsked, w.clocks = 0, Clocks{}
	w.tasks = slices.DeleteFunc(w.tasks, func(t *task) bool {
		return t.VM != "" && t.Kind == vsphere.OperationClone || t.Kind == vsphere.OperationShutdown // which no task tells of
	})
	for _, t := range w.tasks {
		t.found = t.Kind == vsphere.OperationClone
	}
}

// fail counts a failure as vsphere.Failure says.
func (w *world) fail(op vsphere.Operation, specHash string, class vsphere.Class) {
	f := vsphere.Failure{Kind: op.Kind, Name: op.Name, VM: op.VM, SpecHash: specHash, Err: newError(class), At: w.now}
	if i := slices.IndexFunc(w.failures, func(o vsphere.Failure) bool { return sameFailure(o, f) }); i >= 0 {
		f.Count = w.failures[i].Count
		w.failures = slices.Delete(w.failures, i, i+1)
	}
	f.Count++
	w.failures = append(w.failures, f)
}

func sameFailure(a, b vsphere.Failure) bool {
	name := vsphere.ConcernsName(a.Err)
	return a.Kind == b.Kind && a.VM == b.VM && (a.Kind != vsphere.OperationClone ||
		name == vsphere.ConcernsName(b.Err) && (!name || a.Name == b.Name))
}

func (w *world) forgive(op vsphere.Operation) {
	w.failures = slices.DeleteFunc(w.failures, func(f vsphere.Failure) bool {
		return f.Kind == op.Kind && f.VM == op.VM && (!vsphere.ConcernsName(f.Err) || f.Name == op.Name)
	})
}

func (w *world) remove(ref vsphere.Ref) {
	w.vms = slices.DeleteFunc(w.vms, func(vm vsphere.VM) bool { return vm.Ref == ref })
	w.failures = slices.DeleteFunc(w.failures, func(f vsphere.Failure) bool { return f.VM == ref })
}

// What people do.

func (w *world) scale(replicas int32) {
	w.group.Spec.Replicas = ptr.To(replicas)
	w.group.Generation++
	w.specSince = w.now
}

// edit changes the spec.
func (w *world) edit(change func(*v1alpha1.VmGroupSpec)) {
	change(&w.group.Spec)
	w.group.Generation++
	w.specSince = w.now
}

func (w *world) delete() {
	w.group.DeletionTimestamp = ptr.To(metav1.NewTime(w.now))
	w.group.Generation++
	if !slices.Contains(w.group.Finalizers, v1alpha1.Finalizer) {
		w.group = nil
	}
}

// at returns the VM of ours in a slot.
func (w *world) at(slot int) *vsphere.VM {
	i := slices.IndexFunc(w.vms, func(vm vsphere.VM) bool { return vm.Stamp != nil && vm.Stamp.Slot == slot })
	return &w.vms[i]
}

// ours returns the VMs that are ours, seen or not.
func (w *world) ours() []vsphere.VM {
	var out []vsphere.VM
	for _, vm := range w.vms {
		if vsphere.Identify(testOwner, testUID, vm) == vsphere.Ours {
			out = append(out, vm)
		}
	}
	return out
}

// theirs returns all others.
func (w *world) theirs() []vsphere.Ref {
	var out []vsphere.Ref
	for _, vm := range w.vms {
		if vsphere.Identify(testOwner, testUID, vm) != vsphere.Ours {
			out = append(out, vm.Ref)
		}
	}
	return out
}

func (w *world) clonesRunning() int {
	n := 0
	for _, t := range w.tasks {
		if t.Kind == vsphere.OperationClone && t.VM == "" {
			n++
		}
	}
	return n
}

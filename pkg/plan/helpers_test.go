package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	testOwner  = "cluster-1"
	testUID    = "0d1f2a3b-0000-4000-8000-000000000001"
	testFolder = vsphere.Ref("group-1")
	testPath   = "/dc1/vm/vmgroups/default/web"
)

var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// group returns a VmGroup "web" with our finalizer that wants a number of VMs.
func group(replicas int32, changes ...func(*v1alpha1.VmGroup)) *v1alpha1.VmGroup {
	g := &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "web", UID: testUID, Generation: 1, Finalizers: []string{v1alpha1.Finalizer},
		},
		Spec: v1alpha1.VmGroupSpec{CPU: 2, Memory: 4, Template: "golden", Replicas: ptr.To(replicas)},
	}
	for _, change := range changes {
		change(g)
	}
	return g
}

func deleting(g *v1alpha1.VmGroup)    { g.DeletionTimestamp = ptr.To(metav1.NewTime(testNow)) }
func noFinalizer(g *v1alpha1.VmGroup) { g.Finalizers = nil }
func paused(g *v1alpha1.VmGroup)      { g.Spec.Paused = true }
func orphaning(g *v1alpha1.VmGroup) {
	g.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
}

// recorded lets the status record a folder of this vCenter.
func recorded(vCenter string) func(*v1alpha1.VmGroup) {
	return func(g *v1alpha1.VmGroup) {
		g.Status.Folder = &v1alpha1.FolderStatus{Path: testPath, MoRef: string(testFolder), VCenter: vCenter}
	}
}

// listed lets the status list the VMs in some slots.
func listed(slots ...int) func(*v1alpha1.VmGroup) {
	return func(g *v1alpha1.VmGroup) {
		for _, slot := range slots {
			v := vm(slot)
			g.Status.VMs = append(g.Status.VMs, v1alpha1.VMStatus{Name: v.Name, MoRef: string(v.Ref)})
		}
	}
}

// vm returns the VM of ours in a slot: vm-<slot>, at work, in the group's folder. VMs are the younger the higher the slot.
func vm(slot int, changes ...func(*vsphere.VM)) vsphere.VM {
	instance := fmt.Sprintf("instance-%d", slot)
	v := vsphere.VM{
		Ref: vsphere.Ref(fmt.Sprintf("vm-%d", slot)), Name: VMName("web", testUID, slot), Configured: true,
		Parent: testFolder, ParentPath: testPath, UnderRoot: true, CPU: 2, MemoryMiB: 4096, InstanceUUID: instance,
		Power: vsphere.PoweredOn, Connection: vsphere.Connected, Created: testNow.Add(time.Duration(slot) * time.Minute),
		Stamp: &vsphere.Stamp{
			Owner: testOwner, UID: testUID, Name: "web", Slot: slot, Revision: SpecOf(group(0)).Revision(), Instance: instance,
		},
	}
	for _, change := range changes {
		change(&v)
	}
	return v
}

func off(v *vsphere.VM)          { v.Power = vsphere.PoweredOff }
func suspended(v *vsphere.VM)    { v.Power = vsphere.Suspended }
func disconnected(v *vsphere.VM) { v.Connection = "disconnected" }
func unreadable(v *vsphere.VM)   { v.Unreadable = true }
func foreign(v *vsphere.VM)      { v.Stamp = nil }
func otherGroup(v *vsphere.VM)   { v.Stamp.UID = "another" }
func otherOwner(v *vsphere.VM)   { v.Stamp.Owner = "another" }
func copied(v *vsphere.VM)       { v.InstanceUUID = "another" }
func halfSeen(v *vsphere.VM)     { v.InstanceUUID = "" }
func template(v *vsphere.VM)     { v.Template, v.Power = true, vsphere.PoweredOff }
func nameless(v *vsphere.VM)     { v.Name, v.Configured, v.Stamp = "", false, nil }
func unconfigured(v *vsphere.VM) { v.Configured, v.Stamp = false, nil }
func oldRevision(v *vsphere.VM)  { v.Stamp.Revision = "old" }
func moved(v *vsphere.VM)        { v.Parent, v.ParentPath = "group-9", "/dc1/vm/vmgroups/attic" }
func inside(v *vsphere.VM)       { v.Parent, v.ParentPath, v.UnderRoot = testFolder, testPath, true }
func outside(v *vsphere.VM) {
	v.Parent, v.ParentPath, v.UnderRoot = "group-8", "/dc1/vm/elsewhere", false
}

func noTools(v *vsphere.VM) { v.ToolsRunning = false }
func tools(v *vsphere.VM)   { v.ToolsRunning = true }

func named(name string) func(*vsphere.VM)    { return func(v *vsphere.VM) { v.Name = name } }
func ref(ref vsphere.Ref) func(*vsphere.VM)  { return func(v *vsphere.VM) { v.Ref = ref } }
func created(at time.Time) func(*vsphere.VM) { return func(v *vsphere.VM) { v.Created = at } }

// input returns what a sync sees: the group, its folder, and these VMs. If the group goes, a sweep has confirmed what is left.
func input(g *v1alpha1.VmGroup, vms ...vsphere.VM) Input {
	var seen []*vsphere.VM
	for i := range vms {
		seen = append(seen, &vms[i])
	}
	return Input{
		Group: g, Now: testNow, SweepAsked: 7,
		Template: vsphere.Template{Ref: "vm-golden", Path: "/dc1/vm/templates/golden"},
		Snapshot: vsphere.Snapshot{
			Zones:   []vsphere.Zone{{}},
			VCenter: "vcenter-1", Owner: testOwner, RootExists: true, Path: testPath, VMs: seen, Swept: 7,
			Folders: []vsphere.Folder{{Ref: testFolder, Name: "web", Path: testPath, UnderRoot: true, Children: len(vms)}},
		},
	}
}

// with changes an input in passing.
func (in Input) with(changes ...func(*Input)) Input {
	for _, change := range changes {
		change(&in)
	}
	return in
}

var errSearching = &vsphere.Error{Class: vsphere.ClassConflict, Reason: vsphere.ReasonPending, Message: "Searching.", Err: vsphere.ErrPending}

func noFolder(in *Input)       { in.Snapshot.Folders = nil }
func rootGone(in *Input)       { in.Snapshot.Folders, in.Snapshot.RootExists = nil, false }
func folderRecorded(in *Input) { in.FolderRecorded = true }
func readOnly(in *Input)       { in.ReadOnly = true }
func clonesToCome(in *Input)   { in.Snapshot.ClonesToCome = 1 }
func disappeared(in *Input) {
	in.Snapshot.Disappearance = &vsphere.Disappearance{Missing: 5, Unproven: 2, Of: 12}
}
func vCenterAway(in *Input) {
	in.Unavailable = newError(vsphere.ClassUnavailable)
	in.Snapshot = vsphere.Snapshot{}
}
func notSwept(in *Input)            { in.SweepAsked = 0 }
func stillSwept(in *Input)          { in.SweepAsked = 8 }
func sweepFails(in *Input)          { in.SweepAsked, in.Snapshot.SweepErr = 8, newError(vsphere.ClassTransient) }
func searched(in *Input)            { in.Template, in.TemplateError = vsphere.Template{}, errSearching }
func otherVCenterAnswers(in *Input) { in.Snapshot.VCenter = "vcenter-2" }

func templateError(class vsphere.Class) func(*Input) {
	return func(in *Input) { in.TemplateError = newError(class) }
}

func operations(ops ...vsphere.Operation) func(*Input) {
	return func(in *Input) { in.Snapshot.Operations = append(in.Snapshot.Operations, ops...) }
}

func failures(fs ...vsphere.Failure) func(*Input) {
	return func(in *Input) { in.Snapshot.Failures = append(in.Snapshot.Failures, fs...) }
}

// powerOns lets the VM of a slot have been powered on so many times in a row, the last time some while ago.
func powerOns(slot, count int, age time.Duration) func(*Input) {
	return func(in *Input) {
		in.Snapshot.PowerOns = append(in.Snapshot.PowerOns, vsphere.PowerOn{VM: vm(slot).Ref, Count: count, At: testNow.Add(-age)})
	}
}

// specSince lets the spec have been edited some while ago.
func specSince(age time.Duration) func(*Input) {
	return func(in *Input) { in.SpecSince = testNow.Add(-age) }
}

// cloning returns the clone under way for a slot.
func cloning(slot int, changes ...func(*vsphere.Operation)) vsphere.Operation {
	op := vsphere.Operation{
		Kind: vsphere.OperationClone, Name: VMName("web", testUID, slot), Task: vsphere.Ref(fmt.Sprintf("task-%d", slot)),
	}
	for _, change := range changes {
		change(&op)
	}
	return op
}

func overdue(op *vsphere.Operation)   { op.Overdue = true }
func cancelled(op *vsphere.Operation) { op.Cancelled = true }
func unknown(op *vsphere.Operation)   { op.Task, op.Unknown = "", true }
func landed(ref vsphere.Ref) func(*vsphere.Operation) {
	return func(op *vsphere.Operation) { op.VM = ref }
}

// spec changes the spec of the group.
func spec(change func(*v1alpha1.VmGroupSpec)) func(*Input) {
	return func(in *Input) {
		in.Group = in.Group.DeepCopy()
		change(&in.Group.Spec)
	}
}

func readyWhen(sign v1alpha1.ReadinessType) func(*Input) {
	return spec(func(s *v1alpha1.VmGroupSpec) { s.Readiness = &v1alpha1.ReadinessSpec{Type: sign} })
}

// inPlace lets VMs be changed in place.
func inPlace(strategy v1alpha1.UpdateStrategy, unavailable *intstr.IntOrString) func(*Input) {
	return spec(func(s *v1alpha1.VmGroupSpec) {
		s.Update = &v1alpha1.UpdateSpec{Strategy: strategy, MaxUnavailable: unavailable}
	})
}

// members adds an entry to spec.members.
func members(instance string, deletion v1alpha1.MemberDeletion) func(*Input) {
	return spec(func(s *v1alpha1.VmGroupSpec) {
		s.Members = append(s.Members, v1alpha1.MemberSpec{Instance: instance, Deletion: deletion})
	})
}

// operation returns one under way on the VM of a slot.
func operation(kind vsphere.OperationKind, slot int) vsphere.Operation {
	return vsphere.Operation{Kind: kind, VM: vm(slot).Ref, Task: "task-1"}
}

// failed returns a failure just now of an operation on the VM of a slot.
func failed(kind vsphere.OperationKind, slot int, class vsphere.Class) vsphere.Failure {
	return vsphere.Failure{Kind: kind, VM: vm(slot).Ref, Err: newError(class), Count: 1, At: testNow}
}

// cloneFailed returns a failure just now of a clone for a slot, from the present spec.
func cloneFailed(slot int, class vsphere.Class) vsphere.Failure {
	return vsphere.Failure{
		Kind: vsphere.OperationClone, Name: VMName("web", testUID, slot), SpecHash: SpecOf(group(0)).Hash(),
		Err: newError(class), Count: 1, At: testNow,
	}
}

func times(count int, f vsphere.Failure) vsphere.Failure {
	f.Count = count
	return f
}

func ago(d time.Duration, f vsphere.Failure) vsphere.Failure {
	f.At = f.At.Add(-d)
	return f
}

// newError returns an error of a class. A conflict is one about a name.
func newError(class vsphere.Class) *vsphere.Error {
	err := &vsphere.Error{Class: class, Message: "an error of class " + string(class)}
	if class == vsphere.ClassConflict {
		err.Reason = vsphere.ReasonNameTaken
	}
	return err
}

// about returns a failure with another reason.
func about(reason string, f vsphere.Failure) vsphere.Failure {
	err := *f.Err
	err.Reason = reason
	f.Err = &err
	return f
}

// steps returns what a plan does, in words and in order.
func steps(p Plan) []string {
	var out []string
	say := func(cond bool, what string) {
		if cond {
			out = append(out, what)
		}
	}
	list := func(what string, refs []vsphere.Ref) {
		for _, ref := range refs {
			out = append(out, what+" "+string(ref))
		}
	}
	say(p.AddFinalizer, "add finalizer")
	for _, r := range p.Record {
		out = append(out, fmt.Sprintf("record %q with %d CPUs", r.Template, r.CPU))
	}
	say(p.EnsureFolder, "make folder")
	for _, op := range p.Cancel {
		out = append(out, "cancel "+op.Name)
	}
	for _, r := range p.Requests {
		kind, _ := r.Kind.Info()
		out = append(out, kind.Verb+" "+r.Name+string(r.VM))
	}
	for _, name := range p.Forget {
		out = append(out, "forget "+name)
	}
	say(p.Sweep, "sweep")
	list("remove folder", p.RemoveFolders)
	say(p.RemoveFinalizer && !p.Orphan, "remove finalizer")
	say(p.RemoveFinalizer && p.Orphan, "let go")
	say(p.Held != "", "held: "+p.Held)
	return out
}

// refs returns the VMs that requests are about.
func refs(requests []vsphere.Request) []vsphere.Ref {
	var out []vsphere.Ref
	for _, r := range requests {
		out = append(out, r.VM)
	}
	return out
}

// clonesIn returns the clones that a plan asks for.
func clonesIn(p Plan) []vsphere.Request { return p.RequestsOf(vsphere.OperationClone) }

// sum returns a status in a line: available/replicas, phase, and the reason of Ready.
func sum(status v1alpha1.VmGroupStatus) string {
	reason := ""
	for _, c := range status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			reason = c.Reason
		}
	}
	return fmt.Sprintf("%d/%d %s %s", status.AvailableReplicas, status.Replicas, status.Phase, reason)
}

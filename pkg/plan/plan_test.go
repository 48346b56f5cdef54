package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// testCase is an input and the steps that are planned for it.
type testCase struct {
	in    Input
	want  []string
	retry time.Duration
}

func run(t *testing.T, tests map[string]testCase) {
	t.Helper()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := Compute(tc.in)
			if diff := cmp.Diff(tc.want, steps(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if p.RetryAfter != tc.retry {
				t.Errorf("RetryAfter = %v, want %v", p.RetryAfter, tc.retry)
			}
		})
	}
}

// The numbers are those of the rules of Compute. Rows before others of the same input show that the first rule decides.
func TestCompute(t *testing.T) {
	run(t, map[string]testCase{
		"1: deleted without our finalizer": {
			in: input(group(1, deleting, noFinalizer), vm(0))},
		"1: deleted without our finalizer, though it is to leave its VMs": {
			in: input(group(1, deleting, noFinalizer, orphaning), vm(0))},
		"2: deleted, leaves its VMs": {
			in:   input(group(1, deleting, orphaning), vm(0)),
			want: []string{"let go"}},
		"2: leaves its VMs, vCenter unavailable": {
			in:   input(group(1, deleting, orphaning)).with(vCenterAway),
			want: []string{"let go"}},
		"2: leaves its VMs, another vCenter answers": {
			in:   input(group(1, deleting, orphaning, recorded("vcenter-1"))).with(otherVCenterAnswers),
			want: []string{"let go"}},
		"2: the annotation means nothing to a group that lives": {
			in: input(group(1, orphaning), vm(0))},
		"3: vCenter unavailable": {
			in: input(group(3)).with(vCenterAway)},
		"3: deleted, vCenter unavailable": {
			in: input(group(3, deleting)).with(vCenterAway)},
		"3: vCenter unavailable, and no finalizer yet": {
			in: input(group(3, noFinalizer)).with(vCenterAway)},
		"4: another vCenter answers": {
			in: input(group(3, recorded("vcenter-1"))).with(otherVCenterAnswers)},
		"4: surplus, another vCenter answers": {
			in: input(group(0, recorded("vcenter-1")), vm(0, off)).with(otherVCenterAnswers)},
		"4: deleted with an unknown annotation, another vCenter answers": {
			in: input(group(3, deleting, annotated("vsphere.vmware.com/x", ""), recorded("vcenter-1")), vm(0, off)).with(otherVCenterAnswers)},
		"5: deleted with an unknown annotation": {
			in: input(group(3, deleting, annotated("vsphere.vmware.com/x", "")), vm(0, off))},
		"5: deleted with an unknown annotation, nothing is left": {
			in: input(group(0, deleting, annotated("vsphere.vmware.com/x", ""))).with(noFolder)},
		"5: the annotation means nothing to a group that lives": {
			in:   input(group(0, annotated("vsphere.vmware.com/x", "")), vm(0, off)),
			want: []string{"destroy vm-0"}},
		"4: deleted, another vCenter answers": {
			in: input(group(3, deleting, recorded("vcenter-1")), vm(0, off)).with(otherVCenterAnswers)},
		"6: deleted": {
			in:   input(group(3, deleting), vm(0), vm(1, off)),
			want: []string{"power off vm-0", "destroy vm-1"}},
		"7: lives": {
			in:   input(group(2), vm(0)),
			want: []string{"clone web-0d1f2-1"}},
	})
}

func TestHold(t *testing.T) {
	held := []string{"held: Paused"}
	run(t, map[string]testCase{
		"a clone":                       {in: input(group(1, paused)), want: held},
		"a power on":                    {in: input(group(1, paused), vm(0, off)), want: held},
		"a removal":                     {in: input(group(0, paused), vm(0)), want: held},
		"the cancelling of a clone":     {in: input(group(0, paused)).with(operations(cloning(0))), want: held},
		"a deletion":                    {in: input(group(1, paused, deleting), vm(0)), want: held},
		"the end of a deletion":         {in: input(group(1, paused, deleting)).with(noFolder), want: held},
		"read-only goes first":          {in: input(group(1, paused)).with(readOnly), want: []string{"held: ReadOnly"}},
		"nothing is due":                {in: input(group(1, paused), vm(0))},
		"nothing is due, and read-only": {in: input(group(1), vm(0)).with(readOnly)},
		"no finalizer before the first clone": {
			in: input(group(1, paused, noFinalizer)).with(noFolder), want: held},
		"the finalizer guards a folder, too": {
			in: input(group(1, paused, noFinalizer)), want: []string{"add finalizer", "held: Paused"}},
		"the finalizer guards what is there": {
			in: input(group(2, paused, noFinalizer), vm(0)), want: []string{"add finalizer", "held: Paused"}},
		"a group may be let go": {
			in: input(group(1, paused, deleting, orphaning), vm(0)), want: []string{"let go"}},
	})
}

func TestFinalizer(t *testing.T) {
	run(t, map[string]testCase{
		"before the first write": {
			in:   input(group(1, noFinalizer)).with(noFolder),
			want: []string{"add finalizer", "make folder", "clone web-0d1f2-0"}},
		"again, when it was stripped": {
			in: input(group(1, noFinalizer), vm(0)), want: []string{"add finalizer"}},
		"again, though only a clone is under way": {
			in: input(group(1, noFinalizer)).with(operations(cloning(0))), want: []string{"add finalizer"}},
		"again, though only the folder is left": {
			in: input(group(0, noFinalizer)), want: []string{"add finalizer"}},
		"again, though the group is paused and only the folder is left": {
			in: input(group(0, noFinalizer, paused)), want: []string{"add finalizer"}},
		"not while there is nothing to guard": {
			in: input(group(0, noFinalizer)).with(noFolder)},
		"not while the template is missing": {
			in: input(group(1, noFinalizer)).with(noFolder, templateError(vsphere.ClassInvalid))},
	})
}

// The numbers are those of the rules of scale.
func TestScale(t *testing.T) {
	exhausted := cloneFailed(0, vsphere.ClassExhausted)
	powerOnFailed := failed(vsphere.OperationPowerOn, 0, vsphere.ClassTransient)
	powerOffFailed := failed(vsphere.OperationPowerOff, 0, vsphere.ClassInvalid)
	destroyFailed := failed(vsphere.OperationDestroy, 0, vsphere.ClassInvalid)
	run(t, map[string]testCase{
		"0: as it should be": {in: input(group(2), vm(0), vm(1))},
		"0: nothing wanted":  {in: input(group(0)).with(noFolder)},
		"0: replicas defaults to 1": {
			in: input(group(0, func(g *v1alpha1.VmGroup) { g.Spec.Replicas = nil })), want: []string{"clone web-0d1f2-0"}},

		"1: from nothing": {
			in:   input(group(2)).with(noFolder),
			want: []string{"make folder", "clone web-0d1f2-0", "clone web-0d1f2-1"}},
		"1: the lowest free slots": {
			in: input(group(4), vm(0), vm(2)), want: []string{"clone web-0d1f2-1", "clone web-0d1f2-3"}},
		"1: not a slot whose name is taken": {
			in: input(group(1), vm(0, foreign)), want: []string{"clone web-0d1f2-1"}},
		"1: not a slot whose stamp is taken": {
			in: input(group(2), vm(0, named("renamed"))), want: []string{"clone web-0d1f2-1"}},
		"1: not the slot of a VM that was made a template": {
			in: input(group(1), vm(0, template)), want: []string{"clone web-0d1f2-1"}},
		"1: a clone under way counts": {
			in: input(group(2)).with(operations(cloning(0))), want: []string{"clone web-0d1f2-1"}},
		"1: an unknown outcome counts": {
			in: input(group(1)).with(operations(cloning(0, unknown)))},
		"1: an overdue clone counts": {
			in: input(group(1)).with(operations(cloning(0, overdue)))},
		"1: a VM without name counts": {
			in: input(group(1), vm(0, nameless))},
		"1: a VM that was moved, or cannot be reached, counts": {
			in: input(group(3), vm(0, moved), vm(1, disconnected), vm(2, unreadable))},
		"1: a copy does not count": {
			in: input(group(1), vm(0, copied, named("mine"))), want: []string{"clone web-0d1f2-0"}},
		"1: forbidden by a copy under the name of a slot": {
			in: input(group(2), vm(0, copied))},
		"1: forbidden by a template that is missing": {
			in: input(group(2), vm(0)).with(templateError(vsphere.ClassInvalid))},
		"1: forbidden by a template that could not be looked up": {
			in: input(group(2), vm(0)).with(templateError(vsphere.ClassTransient))},
		"1: forbidden by a template that is still looked for": {
			in: input(group(2), vm(0)).with(searched)},
		"1: forbidden by the loss of the root folder": {
			in: input(group(2)).with(rootGone, folderRecorded)},
		"1: the root folder is made for the first group": {
			in: input(group(1)).with(rootGone), want: []string{"make folder", "clone web-0d1f2-0"}},
		"1: held up by a failure": {
			in: input(group(2)).with(failures(exhausted)), retry: time.Minute},
		"1: one at a time after exhaustion": {
			in: input(group(3)).with(failures(ago(time.Minute, exhausted))), want: []string{"clone web-0d1f2-0"}},
		"1: one at a time, and it is under way": {
			in: input(group(3)).with(failures(ago(time.Minute, exhausted)), operations(cloning(0)))},
		"1: one at a time, its VM is there and its task has not ended": {
			in: input(group(3), vm(0, off)).with(failures(ago(time.Minute, exhausted)), operations(cloning(0)))},
		"1: a name that is in use is waited for": {
			in:    input(group(2)).with(failures(cloneFailed(0, vsphere.ClassConflict))),
			want:  []string{"clone web-0d1f2-1"},
			retry: 5 * time.Second},
		"1: a conflict over something else is no name in use, and is waited out by all": {
			in: input(group(2)).with(failures(about("Gone", cloneFailed(0, vsphere.ClassConflict)))), retry: 5 * time.Second},
		"1: the same, waited out": {
			in:   input(group(2)).with(failures(about("Gone", ago(5*time.Second, cloneFailed(0, vsphere.ClassConflict))))),
			want: []string{"clone web-0d1f2-0", "clone web-0d1f2-1"}},
		"1: a name that was in use is tried again": {
			in:   input(group(1)).with(failures(ago(5*time.Second, cloneFailed(0, vsphere.ClassConflict)))),
			want: []string{"clone web-0d1f2-0"}},

		"2: surplus that is on": {
			in: input(group(1), vm(0), vm(1)), want: []string{"power off vm-1"}},
		"2: surplus that is off": {
			in: input(group(1), vm(0), vm(1, off)), want: []string{"destroy vm-1"}},
		"2: surplus that is suspended": {
			in: input(group(1), vm(0), vm(1, suspended)), want: []string{"power off vm-1"}},
		"2: surplus that is on its way": {
			in: input(group(1), vm(0), vm(1)).with(operations(operation(vsphere.OperationPowerOff, 1)))},
		"2: surplus that cannot be reached stays chosen": {
			in: input(group(1), vm(0, disconnected), vm(1))},
		"2: clones are cancelled first": {
			in: input(group(1), vm(0)).with(operations(cloning(1))), want: []string{"cancel web-0d1f2-1"}},
		"2: the clones with the highest slots": {
			in:   input(group(1)).with(operations(cloning(2), cloning(9), cloning(10))),
			want: []string{"cancel web-0d1f2-10", "cancel web-0d1f2-9"}},
		"2: a clone is cancelled once": {
			in: input(group(0)).with(operations(cloning(0, cancelled), cloning(1, overdue)))},
		"2: a clone without a task cannot be cancelled": {
			in: input(group(0)).with(operations(cloning(0, unknown)))},
		"2: a clone that has ended is not cancelled, another is": {
			in:   input(group(1)).with(operations(cloning(0), cloning(1, landed("vm-1")))),
			want: []string{"cancel web-0d1f2-0"}},
		"2: a clone whose VM is there is cancelled, not destroyed": {
			in: input(group(1), vm(0), vm(1, off)).with(operations(cloning(1))), want: []string{"cancel web-0d1f2-1"}},
		"2: clones and VMs": {
			in:   input(group(1), vm(0), vm(1)).with(operations(cloning(2))),
			want: []string{"cancel web-0d1f2-2", "power off vm-1"}},
		"2: a removal that failed is waited out": {
			in: input(group(0), vm(0)).with(failures(powerOffFailed)), retry: 5 * time.Minute},
		"2: another step of a removal has failed": {
			in: input(group(0), vm(0, off)).with(failures(powerOffFailed)), want: []string{"destroy vm-0"}},
		"2: a power on that failed holds no removal up": {
			in: input(group(0), vm(0, off)).with(failures(powerOnFailed)), want: []string{"destroy vm-0"}},
		"2: never copies, templates, foreign or unclear VMs": {
			in: input(group(0), vm(0, copied), vm(1, template), vm(2, foreign), vm(3, otherGroup), vm(4, otherOwner), vm(5, nameless))},

		"3: off": {
			in: input(group(1), vm(0, off)), want: []string{"power on vm-0"}},
		"3: suspended": {
			in: input(group(1), vm(0, suspended)), want: []string{"power on vm-0"}},
		"3: also elsewhere": {
			in: input(group(1), vm(0, off, moved)), want: []string{"power on vm-0"}},
		"3: on its way": {
			in: input(group(1), vm(0, off)).with(operations(operation(vsphere.OperationPowerOn, 0)))},
		"3: its clone switches it on": {
			in: input(group(1), vm(0, off)).with(operations(cloning(0)))},
		"3: its clone has ended, and did not": {
			in: input(group(1), vm(0, off)).with(operations(cloning(0, landed("vm-0")))), want: []string{"power on vm-0"}},
		"3: cannot be reached": {
			in: input(group(1), vm(0, off, disconnected))},
		"3: failed": {
			in: input(group(1), vm(0, off)).with(failures(powerOnFailed)), retry: time.Second},
		"3: failed, waited out": {
			in: input(group(1), vm(0, off)).with(failures(ago(time.Second, powerOnFailed))), want: []string{"power on vm-0"}},
		"3: refused before an edit: at once": {
			in:   input(group(1), vm(0, off)).with(failures(ago(time.Minute, failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid))), specSince(time.Second)),
			want: []string{"power on vm-0"}},
		"3: refused after an edit": {
			in:    input(group(1), vm(0, off)).with(failures(ago(time.Minute, failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid))), specSince(time.Hour)),
			retry: 4 * time.Minute},
		"3: failed before an edit, by itself": {
			in:    input(group(1), vm(0, off)).with(failures(times(9, ago(time.Minute, failed(vsphere.OperationPowerOn, 0, vsphere.ClassTransient)))), specSince(time.Second)),
			retry: time.Minute},
		"3: it does not stay on": {
			in: input(group(1), vm(0, off)).with(powerOns(0, 2, 5*time.Second)), retry: 15 * time.Second},
		"3: it does not stay on, suspended": {
			in: input(group(1), vm(0, suspended)).with(powerOns(0, 2, 5*time.Second)), retry: 15 * time.Second},
		"3: the others do not wait": {
			in:   input(group(2), vm(0, off), vm(1, off)).with(powerOns(0, 2, 5*time.Second)),
			want: []string{"power on vm-1"}, retry: 15 * time.Second},
		"3: that is waited out": {
			in: input(group(1), vm(0, off)).with(powerOns(0, 2, 20*time.Second)), want: []string{"power on vm-0"}},
		"3: it does not stay on, and is surplus": {
			in: input(group(0), vm(0, off)).with(powerOns(0, 2, 5*time.Second)), want: []string{"destroy vm-0"}},
		"3: wanted again after a removal that failed": {
			in: input(group(1), vm(0, off)).with(failures(destroyFailed)), want: []string{"power on vm-0"}},
		"3: a change of mind, while it is powered off": {
			in: input(group(1), vm(0)).with(operations(operation(vsphere.OperationPowerOff, 0)))},
	})
}

// The numbers are those of the rules of remove.
func TestRemove(t *testing.T) {
	empty := func(in *Input) { in.Snapshot.Folders[0].Children = 0 }
	run(t, map[string]testCase{
		"1: everything that is ours, wherever it is": {
			in:   input(group(3, deleting), vm(0), vm(1, off), vm(2, off, moved)).with(operations(cloning(3))),
			want: []string{"cancel web-0d1f2-3", "power off vm-0", "destroy vm-1", "destroy vm-2"}},
		"1: also what does not stay on": {
			in: input(group(1, deleting), vm(0, off)).with(powerOns(0, 2, 5*time.Second)), want: []string{"destroy vm-0"}},
		"1: no template is needed": {
			in:   input(group(1, deleting), vm(0, off)).with(templateError(vsphere.ClassInvalid)),
			want: []string{"destroy vm-0"}},
		"2: held by a VM that cannot be reached":                {in: input(group(1, deleting), vm(0, off, disconnected))},
		"2: held by a VM that cannot be read":                   {in: input(group(1, deleting), vm(0, off, unreadable))},
		"2: held by a VM that may be ours":                      {in: input(group(1, deleting), vm(0, nameless))},
		"2: held by an overdue clone":                           {in: input(group(1, deleting)).with(operations(cloning(0, overdue)))},
		"2: held by an unknown outcome":                         {in: input(group(1, deleting)).with(operations(cloning(0, unknown)))},
		"2: held by a clone whose VM is not seen yet":           {in: input(group(1, deleting)).with(operations(cloning(0, landed("vm-0"))))},
		"2: held by a clone that may be of an earlier process":  {in: input(group(1, deleting)).with(clonesToCome)},
		"2: held by a VM that may be made by such a clone":      {in: input(group(1, deleting), vm(0, foreign)).with(clonesToCome)},
		"2: a conflict over something else holds nothing":       {in: input(group(1, deleting)).with(failures(about("Gone", cloneFailed(0, vsphere.ClassConflict)))), want: []string{"remove folder group-1", "remove finalizer"}},
		"2: held by a name that something invisible uses":       {in: input(group(1, deleting)).with(failures(cloneFailed(0, vsphere.ClassConflict))), retry: 5 * time.Second},
		"2: held while many VMs are missing":                    {in: input(group(1, deleting)).with(empty, disappeared)},
		"3: a sweep is asked for":                               {in: input(group(1, deleting)).with(empty, notSwept), want: []string{"sweep"}},
		"3: it has not ended":                                   {in: input(group(1, deleting)).with(noFolder, stillSwept), want: []string{"sweep"}},
		"3: it fails":                                           {in: input(group(1, deleting)).with(empty, sweepFails), want: []string{"sweep"}},
		"3: not before nothing is left to be seen":              {in: input(group(1, deleting), vm(0, off)).with(notSwept), want: []string{"destroy vm-0"}},
		"4: an empty folder goes":                               {in: input(group(1, deleting)).with(empty), want: []string{"remove folder group-1", "remove finalizer"}},
		"4: a folder that is gone":                              {in: input(group(1, deleting)).with(noFolder), want: []string{"remove finalizer"}},
		"4: the root folder is gone":                            {in: input(group(1, deleting)).with(rootGone, folderRecorded), want: []string{"remove finalizer"}},
		"4: the folder stays, something foreign is in it":       {in: input(group(1, deleting), vm(0, foreign)), want: []string{"remove finalizer"}},
		"4: the folder stays, a template or a copy is in it":    {in: input(group(1, deleting), vm(0, template), vm(1, copied)), want: []string{"remove finalizer"}},
		"4: the folder stays, something that is no VM is in it": {in: input(group(1, deleting)).with(func(in *Input) { in.Snapshot.Folders[0].Children = 1 }), want: []string{"remove finalizer"}},
	})
}

func TestCloneSpec(t *testing.T) {
	spec := func(in Input) vsphere.CloneSpec { return *clonesIn(Compute(in))[0].Clone }
	want := vsphere.CloneSpec{
		VMSpec: new(SpecOf(group(0))), Source: input(group(0)).Template, Folder: testFolder, Slot: 1, PowerOn: true,
	}
	if diff := cmp.Diff(want, spec(input(group(2), vm(0)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	largest := input(group(1, func(g *v1alpha1.VmGroup) { g.Spec.Memory, g.Spec.Replicas = 24576, ptr.To[int32](1) }))
	if got := spec(largest).MemoryMiB; got != 25_165_824 {
		t.Errorf("24576 GiB are %d MiB", got)
	}
	if got := spec(input(group(1)).with(noFolder)).Folder; got != "" {
		t.Errorf("the folder is to be made, yet it is %q", got)
	}
}

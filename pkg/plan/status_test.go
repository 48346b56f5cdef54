package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func statusOf(in Input, out Outcome) v1alpha1.VmGroupStatus { return Status(in, Compute(in), out) }

// The numbers are those of the rules of progress.
func TestProgress(t *testing.T) {
	noRoom := failures(cloneFailed(2, vsphere.ClassExhausted))
	tests := map[string]struct {
		in   Input
		out  Outcome
		want string
	}{
		"1: a problem that somebody has to solve":  {input(group(3), vm(0), vm(1)).with(templateError(vsphere.ClassInvalid)), Outcome{}, "2/2 ERROR InvalidConfiguration"},
		"1: a problem that is worked on":           {input(group(3), vm(0), vm(1)).with(noRoom), Outcome{}, "2/2 PENDING ResourceExhausted"},
		"1: an error of this sync":                 {input(group(3), vm(0)), Outcome{Err: newError(vsphere.ClassInvalid)}, "1/1 ERROR InvalidConfiguration"},
		"1: the worse of both":                     {input(group(3), vm(0)).with(noRoom), Outcome{Err: newError(vsphere.ClassTransient)}, "1/1 PENDING ResourceExhausted"},
		"1: a sweep that fails":                    {input(group(0, deleting)).with(noFolder, sweepFails), Outcome{}, "0/0 PENDING Retrying"},
		"1: a conflict is nobody's business":       {input(group(1), vm(0)), Outcome{Err: newError(vsphere.ClassConflict)}, "1/1 READY AllReplicasAvailable"},
		"1: also while held back":                  {input(group(2, paused)).with(templateError(vsphere.ClassInvalid)), Outcome{}, "0/0 ERROR InvalidConfiguration"},
		"2: paused":                                {input(group(2, paused), vm(0)), Outcome{}, "1/1 PENDING Paused"},
		"2: read-only":                             {input(group(1), vm(0), vm(1)).with(readOnly), Outcome{}, "2/2 PENDING ReadOnly"},
		"2: paused while deleted":                  {input(group(1, deleting, paused), vm(0)), Outcome{}, "1/1 PENDING Paused"},
		"2: paused at rest":                        {input(group(1, paused), vm(0)), Outcome{}, "1/1 READY AllReplicasAvailable"},
		"3: deleted":                               {input(group(1, deleting), vm(0)), Outcome{}, "1/1 PENDING Deleting"},
		"3: deleted, only the finalizer is left":   {input(group(0, deleting)).with(noFolder), Outcome{}, "0/0 PENDING Deleting"},
		"3: deleted, a sweep is waited for":        {input(group(0, deleting)).with(noFolder, stillSwept), Outcome{}, "0/0 PENDING Deleting"},
		"3: the template is looked for":            {input(group(2), vm(0)).with(searched), Outcome{}, "1/1 PENDING ScalingUp"},
		"3: clones are due":                        {input(group(2), vm(0)), Outcome{}, "1/1 PENDING ScalingUp"},
		"3: clones are under way":                  {input(group(2), vm(0)).with(operations(cloning(1))), Outcome{}, "1/2 PENDING ScalingUp"},
		"3: powered off":                           {input(group(1), vm(0, off)), Outcome{}, "0/1 PENDING ScalingUp"},
		"3: removals are due":                      {input(group(1), vm(0), vm(1)), Outcome{}, "2/2 PENDING ScalingDown"},
		"3: removals are under way":                {input(group(1), vm(0), vm(1)).with(operations(operation(vsphere.OperationPowerOff, 1))), Outcome{}, "2/2 PENDING ScalingDown"},
		"3: clones are cancelled":                  {input(group(1), vm(0)).with(operations(cloning(1, cancelled))), Outcome{}, "1/2 PENDING ScalingDown"},
		"4: all there":                             {input(group(2), vm(0), vm(1)), Outcome{}, "2/2 READY AllReplicasAvailable"},
		"4: none wanted, none there":               {input(group(0)).with(noFolder), Outcome{}, "0/0 READY AllReplicasAvailable"},
		"4: the template is gone, nobody needs it": {input(group(2), vm(0), vm(1)).with(templateError(vsphere.ClassInvalid)), Outcome{}, "2/2 READY AllReplicasAvailable"},
		"4: the template is looked for":            {input(group(2), vm(0), vm(1)).with(searched), Outcome{}, "2/2 READY AllReplicasAvailable"},
		"4: moved":                                 {input(group(1), vm(0, moved)), Outcome{}, "1/1 READY AllReplicasAvailable"},
		"4: made from an earlier spec":             {input(group(1), vm(0, oldRevision)), Outcome{}, "1/1 READY AllReplicasAvailable"},
		"4: copies, templates, foreign: not ours":  {input(group(1), vm(0), vm(1, copied, named("mine")), vm(2, template), vm(3, foreign)), Outcome{}, "1/1 READY AllReplicasAvailable"},
		"5: not reachable":                         {input(group(2), vm(0), vm(1, disconnected)), Outcome{}, "1/2 PENDING ReplicasUnavailable"},
		"5: one whose identity cannot be told yet": {input(group(2), vm(0), vm(1, nameless)), Outcome{}, "1/2 PENDING ReplicasUnavailable"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			status := statusOf(tc.in, tc.out)
			if got := sum(status); got != tc.want {
				t.Errorf("got %q, want %q: %s", got, tc.want, status.Message)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	const yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	tests := map[string]struct {
		in                                     Input
		ready, reconciling, stalled, reachable metav1.ConditionStatus
	}{
		"at rest":             {input(group(1), vm(0)), yes, no, no, yes},
		"on its way":          {input(group(1)), no, yes, no, yes},
		"stalled":             {input(group(1)).with(templateError(vsphere.ClassInvalid)), no, no, yes, yes},
		"paused":              {input(group(1, paused)), no, no, no, yes},
		"vCenter unavailable": {input(group(1)).with(vCenterAway), unknown, no, no, no},
		"another vCenter":     {input(group(1, recorded("vcenter-1"))).with(otherVCenterAnswers), no, no, yes, yes},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			status := statusOf(tc.in, Outcome{})
			for kind, want := range map[string]metav1.ConditionStatus{
				v1alpha1.ConditionReady: tc.ready, v1alpha1.ConditionReconciling: tc.reconciling,
				v1alpha1.ConditionStalled: tc.stalled, v1alpha1.ConditionVCenterReachable: tc.reachable,
			} {
				if c := meta.FindStatusCondition(status.Conditions, kind); c == nil || c.Status != want || c.Reason == "" {
					t.Errorf("%s: got %+v, want %s", kind, c, want)
				}
			}
		})
	}
}

func TestConditionTimes(t *testing.T) {
	first := input(group(2), vm(0), vm(1, off))
	first.Group.Status = statusOf(first, Outcome{})
	same, other := first, input(group(2), vm(0), vm(1))
	same.Now, other.Now, other.Group.Status = testNow.Add(time.Hour), testNow.Add(time.Hour), first.Group.Status
	at := func(status v1alpha1.VmGroupStatus) time.Time {
		return meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady).LastTransitionTime.Time
	}
	if got := at(statusOf(same, Outcome{})); !got.Equal(testNow) {
		t.Errorf("nothing has changed, yet the transition was at %v", got)
	}
	if got := at(statusOf(other, Outcome{})); !got.Equal(other.Now) {
		t.Errorf("Ready has changed, yet the transition was at %v", got)
	}
}

// The numbers are those of the rules of Status.
func TestWhatIsNotKnownStays(t *testing.T) {
	before := v1alpha1.VmGroupStatus{
		ObservedGeneration: 6, Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 2, Phase: v1alpha1.PhaseReady, Selector: Selector("web"),
		Folder: &v1alpha1.FolderStatus{Path: testPath, MoRef: string(testFolder), VCenter: "vcenter-1"},
		VMs:    []v1alpha1.VMStatus{{Name: "web-0d1f2-0", MoRef: "vm-0"}},
	}
	known := func(g *v1alpha1.VmGroup) { g.Status, g.Generation = *before.DeepCopy(), 7 }
	away := Outcome{Err: &vsphere.Error{Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonCredentialsRejected, Message: "no"}}
	tests := map[string]struct {
		in         Input
		out        Outcome
		generation int64
		want       string // of the sum; empty: not one word is changed
	}{
		"1: without our finalizer":         {in: input(group(1, deleting, noFinalizer, known))},
		"1: leaves its VMs behind":         {in: input(group(1, deleting, orphaning, known))},
		"2: vCenter is unavailable":        {input(group(1, known)).with(vCenterAway), Outcome{}, 6, "2/3 PENDING VCenterUnreachable"},
		"2: it is lost while acting on it": {input(group(1, known)), away, 6, "2/3 PENDING CredentialsRejected"},
		"3: another vCenter answers":       {input(group(1, known), vm(5)).with(otherVCenterAnswers), Outcome{}, 7, "2/3 ERROR VCenterChanged"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := statusOf(tc.in, tc.out), *before.DeepCopy()
			if tc.want != "" {
				if sum(got) != tc.want {
					t.Errorf("got %q, want %q", sum(got), tc.want)
				}
				want.ObservedGeneration = tc.generation
				want.Phase, want.Message, want.Conditions = got.Phase, got.Message, got.Conditions
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The numbers are those of the rules of folderStatus.
func TestFolderStatus(t *testing.T) {
	full := &v1alpha1.FolderStatus{Path: testPath, MoRef: string(testFolder), VCenter: "vcenter-1"}
	made := Outcome{Folder: &vsphere.Folder{Ref: testFolder, Path: testPath}}
	known := recorded("vcenter-1")
	tests := map[string]struct {
		in   Input
		out  Outcome
		want *v1alpha1.FolderStatus
	}{
		"1: its folder":                 {input(group(1), vm(0)), Outcome{}, full},
		"1: the one just made":          {input(group(1)).with(noFolder), made, full},
		"1: made in a new root":         {input(group(1)).with(rootGone), made, full},
		"2: the root is gone":           {input(group(1, known)).with(rootGone), Outcome{}, full},
		"2: the root is still to come":  {input(group(1)).with(rootGone), Outcome{}, nil},
		"3: the folder is gone, VMs no": {input(group(1, known), vm(0, moved)).with(noFolder), Outcome{}, &v1alpha1.FolderStatus{VCenter: "vcenter-1"}},
		"4: no folder":                  {input(group(0)).with(noFolder), Outcome{}, nil},
		"4: the folder is gone":         {input(group(0, known)).with(noFolder), Outcome{}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, statusOf(tc.in, tc.out).Folder); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestListVMs(t *testing.T) {
	in := input(group(9), vm(0), vm(1, disconnected), vm(2), vm(3, template), vm(4, copied, named("a-copy")), vm(5, foreign),
		vm(6, nameless), vm(7, moved)).with(operations(cloning(8), cloning(9)))
	want := []v1alpha1.VMStatus{
		{Name: "a-copy", State: v1alpha1.VMCopy}, {Name: "web-0d1f2-1", State: v1alpha1.VMUnreachable},
		{Name: "web-0d1f2-3", State: v1alpha1.VMConvertedToTemplate}, {Name: "web-0d1f2-8", State: v1alpha1.VMPending},
		{Name: "web-0d1f2-9", State: v1alpha1.VMPending}, {Name: "web-0d1f2-0", State: v1alpha1.VMAvailable},
		{Name: "web-0d1f2-2", State: v1alpha1.VMAvailable}, {Name: "web-0d1f2-7", State: v1alpha1.VMMoved},
	}
	var got []v1alpha1.VMStatus
	for _, vm := range statusOf(in, Outcome{}).VMs {
		got = append(got, v1alpha1.VMStatus{Name: vm.Name, State: vm.State})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestListsAtMost100VMs(t *testing.T) {
	var vms []vsphere.VM
	for slot := range 150 {
		vms = append(vms, vm(slot))
	}
	vms[149].Connection = "disconnected"
	in := input(group(150), vms...)
	got, whole := statusOf(in, Outcome{}), WholeStatus(in, Compute(in))
	if diff := cmp.Diff(got.VMs, whole.VMs[:v1alpha1.MaxListedVMs]); diff != "" || len(whole.VMs) != 150 {
		t.Errorf("the whole status lists %d VMs, and others first (-status +whole):\n%s", len(whole.VMs), diff)
	}
	if n := len(got.VMs); n != v1alpha1.MaxListedVMs {
		t.Errorf("%d VMs are listed, want %d", n, v1alpha1.MaxListedVMs)
	}
	if got.VMs[0].MoRef != "vm-149" {
		t.Errorf("the first is %s, want the one that is not available", got.VMs[0].MoRef)
	}
	if got.Replicas != 150 || got.AvailableReplicas != 149 {
		t.Errorf("%d of %d available, want 149 of 150", got.AvailableReplicas, got.Replicas)
	}
}

func TestMessages(t *testing.T) {
	away := input(group(1))
	away.Unavailable = &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "vCenter is away."}
	named := failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid)
	named.Err = &vsphere.Error{Class: vsphere.ClassInvalid, Message: "PowerOn of VM web-0d1f2-0: no."}
	remembering := away
	remembering.Group = away.Group.DeepCopy()
	remembering.Group.Status.ObservedGeneration = 1
	tests := map[string]struct {
		in   Input
		want string
	}{
		"at rest":            {input(group(1), vm(0)), "1 of 1 VMs available"},
		"with remarks":       {input(group(3), vm(0, oldRevision), vm(1, moved), vm(2, func(v *vsphere.VM) { v.CPU = 9 })), "3 of 3 VMs available; 1 made from an earlier spec, 1 moved out of the folder, 1 not of the size in the spec"},
		"out of the root":    {input(group(2), vm(0, outside), vm(1)), "2 of 2 VMs available; 1 moved out of the root folder"},
		"surplus outside":    {input(group(1), vm(0, outside), vm(1)), "VM web-0d1f2-0 (vm-0): it is to be removed, and lies in /dc1/vm/elsewhere, outside the root folder /dc1/vm/vmgroups, where nothing is removed; move it back below /dc1/vm/vmgroups, or raise spec.replicas"},
		"deleted outside":    {input(group(1, deleting), vm(0, outside)), "VM web-0d1f2-0 (vm-0): it is to be removed, and lies in /dc1/vm/elsewhere, outside the root folder /dc1/vm/vmgroups, where nothing is removed; move it back below /dc1/vm/vmgroups, or let the VmGroup go without its VMs by the annotation vsphere.vmware.com/on-delete: orphan"},
		"off outside":        {input(group(1), vm(0, outside, off)), "VM web-0d1f2-0 (vm-0): it lies in /dc1/vm/elsewhere, outside the root folder /dc1/vm/vmgroups, where nothing is switched on; move it back below /dc1/vm/vmgroups, or switch it on by hand"},
		"out of reach":       {input(group(2), vm(0, disconnected), vm(1, nameless)), "0 of 2 VMs available; 1 unreachable, 1 without name or configuration"},
		"held back":          {input(group(3, paused), vm(0), vm(1, off)), "spec.paused holds back: 1 clone, 1 to power on; 1 of 3 VMs available"},
		"held back, less":    {input(group(0, paused), vm(0)).with(operations(cloning(1))), "spec.paused holds back: 1 clone to cancel, 1 to remove; 1 of 0 VMs available"},
		"a deletion, held":   {input(group(1, deleting)).with(readOnly, noFolder), "the controller is read-only and holds back: the deletion; 0 of 1 VMs available"},
		"scaling down":       {input(group(1), vm(0), vm(1)), "2 of 1 VMs available, 1 to be removed"},
		"scaling up":         {input(group(4), vm(0), vm(1, off)).with(operations(cloning(2))), "1 of 4 VMs available; 1 being cloned, 1 to be cloned, 1 to power on"},
		"looking for it":     {input(group(2), vm(0)).with(searched), `1 of 2 VMs available; 1 to be cloned; the datacenter is searched for template "golden"`},
		"the last step":      {input(group(1, deleting)), "being deleted: no VM is left"},
		"vCenter is away":    {remembering, "vCenter is away. The counts and the VMs are the last known."},
		"it was never there": {away, "vCenter is away."},
		"being deleted":      {input(group(2, deleting), vm(0)).with(operations(cloning(1)), clonesToCome), "being deleted: 1 VM left, 2 clones to wait for"},
		"it says which":      {input(group(1), vm(0, off)).with(failures(named)), "PowerOn of VM web-0d1f2-0: no."},
		"VM that has failed": {input(group(1), vm(0, off)).with(failures(failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid))), "VM web-0d1f2-0: an error of class Invalid"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, statusOf(tc.in, Outcome{}).Message); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPhaseOf(t *testing.T) {
	for _, tc := range []struct {
		ready, stalled metav1.ConditionStatus
		want           v1alpha1.Phase
	}{
		{metav1.ConditionTrue, metav1.ConditionFalse, v1alpha1.PhaseReady},
		{metav1.ConditionFalse, metav1.ConditionTrue, v1alpha1.PhaseError},
		{metav1.ConditionFalse, metav1.ConditionFalse, v1alpha1.PhasePending},
		{metav1.ConditionUnknown, metav1.ConditionFalse, v1alpha1.PhasePending},
	} {
		t.Run(fmt.Sprintf("Ready %s, Stalled %s", tc.ready, tc.stalled), func(t *testing.T) {
			conditions := []metav1.Condition{
				{Type: v1alpha1.ConditionReady, Status: tc.ready}, {Type: v1alpha1.ConditionStalled, Status: tc.stalled},
			}
			if got := phaseOf(conditions); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// One lost answer leaves a group without a view, and does not make vCenter unreachable for it.
func TestWhatIsUnknownWhileVCenterIsReachable(t *testing.T) {
	for class, want := range map[vsphere.Class]metav1.ConditionStatus{
		vsphere.ClassUnavailable: metav1.ConditionFalse,
		vsphere.ClassTransient:   metav1.ConditionTrue,
	} {
		in := input(group(1)).with(vCenterAway)
		in.Unavailable = &vsphere.Error{Class: class, Message: "the answer was lost"}
		got := Status(in, Compute(in), Outcome{})
		if c := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionVCenterReachable); c == nil || c.Status != want {
			t.Errorf("%s: %+v, want %s", class, c, want)
		}
		if c := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady); c == nil || c.Status != metav1.ConditionUnknown {
			t.Errorf("%s: %+v, want Unknown", class, c)
		}
	}
}

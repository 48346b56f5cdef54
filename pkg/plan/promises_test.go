package plan

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The promises hold for whatever a snapshot may say, also for what no vCenter would.

func TestPromises(t *testing.T) {
	for i := range 50 { // what is rare takes thousands of draws to find
		t.Run(strconv.Itoa(i), func(t *testing.T) { rapid.Check(t, checkPromises) })
	}
}
func FuzzPromises(f *testing.F)       { f.Fuzz(rapid.MakeFuzz(checkPromises)) }
func TestStatusPromises(t *testing.T) { rapid.Check(t, checkStatus) }
func FuzzStatusPromises(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkStatus)) }

func checkPromises(t *rapid.T) {
	in := drawInput(t)
	p := Compute(in)
	checkOnlyOurs(t, in, p)
	checkNumbers(t, in, p)
	checkRollout(t, in, p)
	checkUnknown(t, in, p)
	checkNames(t, in, p)
	checkHistory(t, in, p)

	if diff := diffPlans(p, Compute(in)); diff != "" {
		t.Errorf("the same input makes another plan:\n%s", diff)
	}
	if diff := diffPlans(p, Compute(shuffle(t, in))); diff != "" {
		t.Errorf("the same input in another order makes another plan:\n%s", diff)
	}
}

// checkOnlyOurs proves P1: nothing is done to a VM that is not ours by its stamp and instance, or that lies outside the root.
func checkOnlyOurs(t *rapid.T, in Input, p Plan) {
	for _, r := range p.Requests {
		ref := r.VM
		if r.Kind.Makes() {
			continue
		}
		i := slices.IndexFunc(in.Snapshot.VMs, func(vm *vsphere.VM) bool { return vm.Ref == ref })
		if i < 0 {
			t.Fatalf("P1: %s is not in the snapshot", ref)
		}
		if identity := vsphere.Identify(in.Snapshot.Owner, testUID, *in.Snapshot.VMs[i]); identity != vsphere.Ours {
			t.Errorf("P1: %s is %s", ref, identity)
		}
		if !in.Snapshot.VMs[i].UnderRoot {
			t.Errorf("P1: %s lies outside the root folder", ref)
		}
		checkGuest(t, in.Snapshot.VMs[i], r)
	}
	for _, op := range p.Cancel {
		if !slices.Contains(in.Snapshot.Operations, op) || op.Kind != vsphere.OperationClone {
			t.Errorf("P1: %+v is no clone of this group's", op)
		}
	}
	for _, ref := range p.RemoveFolders {
		if f := in.Snapshot.Folders[slices.IndexFunc(in.Snapshot.Folders, func(f vsphere.Folder) bool { return f.Ref == ref })]; f.Children > 0 {
			t.Errorf("P1: folder %s holds %d objects", ref, f.Children)
		}
	}
}

// checkGuest proves that no guest starts before it is told what it is to be told, and that it is told that once, while it is off.
func checkGuest(t *rapid.T, vm *vsphere.VM, r vsphere.Request) {
	untold := vm.Stamp.Guest == vsphere.GuestPending
	switch {
	case untold && (r.Kind == vsphere.OperationPowerOn || r.Kind == vsphere.OperationReset):
		t.Errorf("%s of %s, whose guest was told nothing", r.Kind, r.VM)
	case r.Kind == vsphere.OperationConfigure && (!untold || vm.Power != vsphere.PoweredOff || r.Guest == nil || len(r.Guest.UserData.Bytes()) > 0):
		t.Errorf("%s of %s, which is %s with guest %q", r.Kind, r.VM, vm.Power, vm.Stamp.Guest)
	}
}

// checkNumbers proves P2: never one VM too many, never one lost.
func checkNumbers(t *rapid.T, in Input, p Plan) {
	want, ours := int(in.Group.DesiredReplicas()), 0
	for _, vm := range in.Snapshot.VMs {
		if vsphere.Identify(in.Snapshot.Owner, testUID, *vm) == vsphere.Ours {
			ours++
		}
	}
	pending, old := len(p.members.pending), len(p.members.outdated())
	cycled := countIf(p.members.ours, func(m *member) bool {
		return m.turn && m.change == coldChange || m.completed != nil || m.help == v1alpha1.HealthReplace || m.keepOff && m.vm.Power != vsphere.PoweredOff ||
			m.untold() && m.vm.Power != vsphere.PoweredOff || m.unfinished
	})
	surge, _ := limits(in.Group)
	if old == 0 {
		surge = 0
	}
	if there := ours + pending; ours+pending+len(clonesIn(p)) > max(want+surge, there) {
		t.Errorf("P2: %d VMs, %d pending and %d new clones, %d are wanted, with a surge of %d", ours, pending, len(clonesIn(p)), want, surge)
	}
	if asked := p.RequestsOf(vsphere.OperationShutdown); len(asked) > 0 && (p.RetryAfter == 0 || p.RetryAfter > gracePeriod(in.Group)) {
		t.Errorf("guests are asked to shut down within %s, and the group is looked at after %s", gracePeriod(in.Group), p.RetryAfter)
	}
	victims := refs(slices.Concat(p.RequestsOf(vsphere.OperationShutdown), p.RequestsOf(vsphere.OperationPowerOff), p.RequestsOf(vsphere.OperationDestroy)))
	if beyond := outsiders(in); in.Group.DeletionTimestamp == nil && old == 0 && len(victims) > max(0, ours-beyond-want)+cycled {
		t.Errorf("P1: %d VMs go, although %d of %d lie outside the root folder and %d are wanted", len(victims), beyond, ours, want)
	}
	if in.Group.DeletionTimestamp == nil && len(victims) > max(0, ours-want)+old+cycled {
		t.Errorf("P2: %d of %d VMs go, %d are wanted, and %d are old", len(victims), ours, want, old)
	}
	if in.Group.DeletionTimestamp != nil && len(clonesIn(p))+len(p.RequestsOf(vsphere.OperationPowerOn)) > 0 {
		t.Error("P2: a group that is being deleted grows")
	}
	if unknownMetadata(in.Group) != "" && in.Group.DeletionTimestamp != nil && (p.Writes() || p.RemoveFinalizer && !p.Orphan) {
		t.Errorf("P2: nobody can tell what shall become of the VMs, yet it does %v", steps(p))
	}
	if asked := in.OrphanAsked || AsksToOrphan(in.Group); asked && in.Group.DeletionTimestamp != nil && p.Writes() {
		t.Errorf("P2: the VMs are to stay, yet it does %v", steps(p))
	}
	if p.RemoveFinalizer && !p.Orphan && (ours+pending+in.Snapshot.ClonesToCome > 0 || len(victims) > 0) {
		t.Errorf("P2: the finalizer goes before %d VMs, %d pending, %d clones to come", ours, pending, in.Snapshot.ClonesToCome)
	}
	swept := in.SweepAsked > 0 && in.Snapshot.Swept >= in.SweepAsked
	if last := p.RemoveFinalizer || len(p.RemoveFolders) > 0; last && !p.Orphan && !swept {
		t.Errorf("P2: %v before sweep %d of %d has ended", steps(p), in.SweepAsked, in.Snapshot.Swept)
	}
	if p.Writes() && in.Group.DeletionTimestamp == nil && !p.AddFinalizer && !slices.Contains(in.Group.Finalizers, v1alpha1.Finalizer) {
		t.Error("P2: something is changed before there is a finalizer")
	}
	touched := slices.Concat(refs(p.RequestsOf(vsphere.OperationPowerOn)), refs(p.RequestsOf(vsphere.OperationConfigure)), refs(p.RequestsOf(vsphere.OperationReconfigure)), victims)
	slices.Sort(touched)
	if len(slices.Compact(slices.Clone(touched))) != len(touched) {
		t.Errorf("one VM, several operations: %v", touched)
	}
	for _, op := range in.Snapshot.Operations {
		supersedes := op.Kind == vsphere.OperationShutdown && slices.Contains(refs(p.RequestsOf(vsphere.OperationPowerOff)), op.VM)
		if op.VM != "" && slices.Contains(touched, op.VM) && op.Kind != vsphere.OperationClone && !supersedes {
			t.Errorf("%s is touched while %s is under way on it", op.VM, op.Kind)
		}
	}
}

// checkRollout proves what a rollout and spec.members promise: as many VMs in service as the spec says, and nothing is done to
// a VM that is protected, or that had to be named.
func checkRollout(t *rapid.T, in Input, p Plan) {
	if in.Group.DeletionTimestamp != nil {
		return
	}
	checkChanges(t, in, p)
	checkPower(t, in, p)
	replaced, surplus := 0, 0
	for _, m := range p.members.ours {
		switch {
		case m.turn: // see checkChanges
			replaced += oneIf(m.change == coldChange && m.inService())
			continue
		case m.untold() && !m.victim, m.unfinished: // see checkGuest
			continue
		case m.keepOff && !m.victim, m.completed != nil, m.help == v1alpha1.HealthReplace: // see checkPower
			continue
		}
		goes := slices.ContainsFunc(p.Requests, func(r vsphere.Request) bool { return r.VM == m.vm.Ref && removes(r.Kind) })
		switch {
		case !goes:
			continue
		case m.mark == v1alpha1.DeletionNever:
			t.Errorf("%s is protected, and goes", m.vm.Ref)
		case m.partitioned && p.numbers.surplus == 0:
			t.Errorf("the partition keeps %s, and it goes", m.vm.Ref)
		case m.old && m.inService():
			replaced++
		case !m.old && m.inService():
			surplus++
		}
		if !m.old && scaleDownPolicy(in.Group) == v1alpha1.ScaleDownExplicit && m.mark != v1alpha1.DeletionFirst {
			t.Errorf("%s was not named, and goes", m.vm.Ref)
		}
		if m.old && !replaces(in.Group) && m.mark != v1alpha1.DeletionNow {
			t.Errorf("%s is replaced without a strategy", m.vm.Ref)
		}
	}
	_, unavailable := limits(in.Group)
	left := countIf(p.members.ours, (*member).inService) - replaced - surplus
	floor := int(in.Group.DesiredReplicas()) - unavailable
	if replaced > 0 && left < floor {
		t.Errorf("%d VMs are replaced and %d removed, %d are available after that, and %d have to be", replaced, surplus, left, floor)
	}
}

// checkChanges proves what a change in place promises: only what the strategy allows, only the size and what the VM is made from,
// and no VM is off for it that could be on.
func checkChanges(t *rapid.T, in Input, p Plan) {
	_, unavailable := limits(in.Group)
	for _, m := range p.members.ours {
		i := slices.IndexFunc(p.Requests, func(r vsphere.Request) bool { return r.VM == m.vm.Ref })
		if i < 0 {
			continue
		}
		r := p.Requests[i]
		switch {
		case r.Kind == vsphere.OperationReconfigure && !changesInPlace(in.Group):
			t.Errorf("%s is changed without a strategy", r.VM)
		case r.Kind == vsphere.OperationReconfigure && m.vm.Power != vsphere.PoweredOff && r.Resize.CPU < m.vm.CPU:
			t.Errorf("%s is on, and loses CPUs", r.VM)
		case r.Kind == vsphere.OperationReconfigure && vsphere.CompareDisk(m.vm, r.Resize.DiskGiB) > 0:
			t.Errorf("the disk of %s is to shrink", r.VM)
		case r.Kind == vsphere.OperationReconfigure && m.vm.DiskBytes == 0 && r.Resize.DiskGiB != 0:
			t.Errorf("the disk of %s is changed, and nobody knows how large it is", r.VM)
		case r.Kind == vsphere.OperationReconfigure && (m.old || m.victim):
			t.Errorf("%s goes, and is changed", r.VM)
		case r.Kind == vsphere.OperationReconfigure && m.age != vsphere.Current && r.Resize.Revision != m.vm.Stamp.Revision:
			t.Errorf("%s is made from an earlier spec, and says that it is not", r.VM)
		case removes(r.Kind) && m.turn && (unavailable == 0 || m.change != coldChange):
			t.Errorf("%s is switched off for a change, of which none may be unavailable", r.VM)
		case r.Kind == vsphere.OperationDestroy && strategyOf(in.Group) == v1alpha1.UpdateInPlaceOnly && m.old && m.mark != v1alpha1.DeletionNow:
			t.Errorf("%s is replaced, with the strategy InPlaceOnly", r.VM)
		case removes(r.Kind) && m.turn && m.changeFailed != nil && m.changeFailed.Count >= maxPowerCycles && m.changeFailed.Err.Reason != vsphere.ReasonNotHotPluggable:
			t.Errorf("%s is switched off for a change that fails", r.VM)
		}
	}
}

// checkPower proves what spec.power and spec.health promise: what goes for them does no work, is not protected, and more are not
// wrong at once than may be.
func checkPower(t *rapid.T, in Input, p Plan) {
	ended, helped := 0, 0
	for _, m := range p.members.ours {
		i := slices.IndexFunc(p.Requests, func(r vsphere.Request) bool { return r.VM == m.vm.Ref })
		switch {
		case i < 0:
			continue
		case m.completed != nil:
			ended++
		case m.help != "":
			helped++
		case p.Requests[i].Kind == vsphere.OperationReset:
			t.Errorf("%s is reset without need", m.vm.Ref)
		case p.Requests[i].Kind == vsphere.OperationPowerOn && keepsOff(in.Group):
			t.Errorf("%s is powered on, and is to be off", m.vm.Ref)
		}
		if (m.completed != nil || m.help == v1alpha1.HealthReplace) && (m.inService() || m.protected()) {
			t.Errorf("%s does its work or is protected, and goes", m.vm.Ref)
		}
	}
	if ended > maxUnhealthy(in.Group) || helped > 1 {
		t.Errorf("%d VMs are replaced because they are off, and %d are helped", ended, helped)
	}
}

// outsiders counts the VMs outside the root folder that are ours, as far as their stamps say. Whatever else is done, they
// make up for the surplus first: VMs inside must not go for their sake.
func outsiders(in Input) int {
	n := 0
	for _, vm := range in.Snapshot.VMs {
		if vsphere.Identify(in.Snapshot.Owner, testUID, *vm) == vsphere.Ours && !vm.UnderRoot {
			n++
		}
	}
	return n
}

// checkUnknown proves P3, and that nothing is changed where nothing may be.
func checkUnknown(t *rapid.T, in Input, p Plan) {
	acts := p.Writes() || p.AddFinalizer || (p.RemoveFinalizer && !p.Orphan)
	switch {
	case (p.Makes() || p.RemoveFinalizer && !p.Orphan || len(p.RemoveFolders) > 0) && in.Snapshot.Disappearance != nil:
		t.Error("P3: VMs that disappeared at once are not proven gone")
	case acts && in.Unavailable != nil:
		t.Error("P3: vCenter is unavailable")
	case acts && otherVCenter(in):
		t.Error("P3: another vCenter answers")
	case (acts || p.RemoveFinalizer) && beyondReach(in.Group):
		t.Error("the group is past our reach")
	case (p.Writes() || p.RemoveFinalizer && !p.Orphan) && (in.ReadOnly || in.Group.Spec.Paused):
		t.Error("it is held back")
	case p.Makes() && (in.TemplateError != nil && in.KeptTemplate.Ref == "" || !in.Snapshot.RootExists && in.FolderRecorded):
		t.Error("something is made without template or root folder")
	}
}

func checkNames(t *rapid.T, in Input, p Plan) {
	taken := map[string]bool{}
	for _, vm := range in.Snapshot.VMs {
		if p.Folder != "" && vm.Parent == p.Folder {
			taken[vm.Name] = true
		}
		if id := vsphere.Identify(in.Snapshot.Owner, testUID, *vm); id == vsphere.Ours || id == vsphere.ConvertedToTemplate {
			taken[VMName("web", testUID, vm.Stamp.Slot)] = true
		}
	}
	for _, op := range in.Snapshot.Operations {
		taken[op.Name] = true
	}
	for _, c := range clonesIn(p) {
		if taken[c.Name] || c.Name != VMName("web", testUID, c.Clone.Slot) {
			t.Errorf("clone %s into slot %d: the name is wrong or taken", c.Name, c.Clone.Slot)
		}
		taken[c.Name] = true
	}
}

func checkStatus(t *rapid.T) {
	in, out := drawInput(t), drawOutcome(t)
	p := Compute(in)
	status := Status(in, p, out)
	isTrue := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
	known := in.Unavailable == nil && (out.Err == nil || out.Err.Class != vsphere.ClassUnavailable) &&
		!otherVCenter(in) && !beyondReach(in.Group) && !p.Orphan
	if known {
		checkCounts(t, in, p, status)
	}
	if isTrue(v1alpha1.ConditionReady) && !beyondReach(in.Group) && !p.Orphan {
		if !known || !keepsOff(in.Group) && status.AvailableReplicas < in.Group.DesiredReplicas() || status.ObservedGeneration != in.Group.Generation ||
			p.due.any() || p.Writes() || len(p.members.pending) > 0 {
			t.Errorf("P7: Ready, yet %s, %v", sum(status), steps(p))
		}
	}
	if isTrue(v1alpha1.ConditionReconciling) && isTrue(v1alpha1.ConditionStalled) {
		t.Error("Reconciling and Stalled are both True")
	}
	if !beyondReach(in.Group) && !p.Orphan && status.Phase != phaseOf(status.Conditions) {
		t.Errorf("phase %s does not follow from %+v", status.Phase, status.Conditions)
	}
	if len(status.VMs) > v1alpha1.MaxListedVMs {
		t.Errorf("%d VMs are listed", len(status.VMs))
	}
	reordered := shuffle(t, in)
	if diff := cmp.Diff(status, Status(reordered, Compute(reordered), out)); diff != "" {
		t.Errorf("the same input in another order makes another status:\n%s", diff)
	}
	next := in
	next.Now, next.Group = in.Now, in.Group.DeepCopy()
	next.Group.Status = status
	if out.Folder != nil { // the next snapshot has it
		return
	}
	if diff := cmp.Diff(status, Status(next, Compute(next), out)); diff != "" {
		t.Errorf("P5: the status is written again at rest (-first +second):\n%s", diff)
	}
}

// isCustomized reports whether the guest of a VM waits for nothing that it is to be told.
func isCustomized(vm *vsphere.VM) bool {
	return vm.Stamp.Guest == "" || vm.Stamp.Guest == vsphere.GuestTold && vm.Customization.State == ""
}

func checkCounts(t *rapid.T, in Input, p Plan, status v1alpha1.VmGroupStatus) {
	if status.AvailableReplicas > status.ReadyReplicas || status.ReadyReplicas > status.Replicas || status.AvailableReplicas < 0 {
		t.Errorf("P7: %d available, %d ready, %d replicas", status.AvailableReplicas, status.ReadyReplicas, status.Replicas)
	}
	ready := 0 // drawUpdate asks for Tools, or for nothing
	for _, vm := range in.Snapshot.VMs {
		if vsphere.Identify(in.Snapshot.Owner, testUID, *vm) == vsphere.Ours && vm.Power == vsphere.PoweredOn &&
			vm.Connection == vsphere.Connected && !vm.Unreadable && isCustomized(vm) && (in.Group.Spec.Readiness == nil || vm.ToolsRunning) {
			ready++
		}
	}
	if int(status.ReadyReplicas) != ready || int(status.Replicas) != p.members.replicas() {
		t.Errorf("P7: %d/%d, but %d of %d are ready", status.ReadyReplicas, status.Replicas, ready, p.members.replicas())
	}
	if in.Group.Spec.MinReadySeconds == nil && status.AvailableReplicas != status.ReadyReplicas {
		t.Errorf("P7: %d are ready, and %d available", status.ReadyReplicas, status.AvailableReplicas)
	}
}

// diffPlans compares what two plans do and say.
func diffPlans(a, b Plan) string {
	type visible struct {
		Steps   []string
		Clones  []vsphere.Request
		Retry   time.Duration
		Problem *Problem
		Notices []Notice
		Due     due
		Record  []Revision
		Forget  []string
	}
	see := func(p Plan) visible {
		return visible{steps(p), clonesIn(p), p.RetryAfter, p.Problem, p.Notices, p.due, p.Record, p.Forget}
	}
	return cmp.Diff(see(a), see(b), cmp.AllowUnexported(Problem{}, due{}))
}

func shuffle(t *rapid.T, in Input) Input {
	in.Snapshot.VMs = rapid.Permutation(in.Snapshot.VMs).Draw(t, "order of VMs")
	in.Snapshot.Operations = rapid.Permutation(in.Snapshot.Operations).Draw(t, "order of operations")
	in.Snapshot.Failures = rapid.Permutation(in.Snapshot.Failures).Draw(t, "order of failures")
	in.Snapshot.PowerOns = rapid.Permutation(in.Snapshot.PowerOns).Draw(t, "order of power-ons")
	in.Revisions = rapid.Permutation(in.Revisions).Draw(t, "order of revisions")
	in.Snapshot.Folders = rapid.Permutation(in.Snapshot.Folders).Draw(t, "order of folders")
	return in
}

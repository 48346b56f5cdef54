package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// membership says which VMs have to do with the group, and which of them count. A VM of the snapshot is in one list at
// most, but for instanceMismatches, which are copies.
type membership struct {
	target target
	// folder is the group's, nil if there is none.
	folder *vsphere.Folder
	// ours are sorted by name.
	ours []*member
	// pending are clones in flight whose VM is not visible, sorted by slot: one for each operation and each unclear name.
	pending []*member
	// unidentified are VMs without name or configuration that belong to none of pending. They may be ours all the same.
	unidentified []*member
	// templates were ours until somebody converted them.
	templates []*member
	copies    []*member
	// nameConflicts are foreign VMs that hold the name of one of our slots.
	nameConflicts []*member
	// instanceMismatches are the copies that hold the name of one of our slots.
	instanceMismatches []*member
	// orphans are VMs in our folder that an earlier VmGroup of our name has left.
	orphans []*member
	// clocks are for the next plan, apart from that of the rollout.
	clocks Clocks
	// partition says which VMs keep an earlier revision.
	partition partition
	// unhealthy are as many VMs, tooManyUnhealthy more than spec.health helps, and nextUnhealthy is when the next one is.
	unhealthy        int
	tooManyUnhealthy bool
	nextUnhealthy    time.Duration
	// usedSlots are those that a name or a stamp uses.
	usedSlots map[int]bool
	// unlisted is how many VMs are there besides, see unlistedReplicas.
	unlisted int
}

// newMembership sorts the VMs of the snapshot by identity, and attaches operations, failures and power-ons. Of these it cannot
// tell yet whose they are:
//
//  1. a clone in flight whose VM is not visible as ours, or a name that vCenter says is in use by something invisible:
//     pending
//  2. a VM that has the name of one of our slots and no stamp, while clone tasks of unknown owners run: pending
//  3. a VM without name or configuration: unidentified, unless it can be the VM of 1 or 2. It counts if it lies in the
//     group's folder, if it carries the group's stamp, if the status lists it, or if the group remembers it
func newMembership(in Input) membership {
	v := newView(in)
	ms := membership{target: targetOf(in.Group), folder: v.folder, usedSlots: map[int]bool{}}
	incomplete := ms.classify(v)
	for _, list := range [][]*member{ms.ours, ms.templates, ms.copies, ms.nameConflicts, ms.instanceMismatches, incomplete} {
		slices.SortFunc(list, byName) // the order of the snapshot means nothing
	}
	ms.attach(v)
	slices.SortStableFunc(ms.pending, func(a, b *member) int { return cmp.Or(cmp.Compare(a.slot, b.slot), byName(a, b)) })
	ms.matchIncomplete(incomplete)
	ms.setOld(in)
	ms.partition = partitionOf(in, &ms)
	ms.setPartitioned()
	ms.clocks.ReadySince = ms.setReadiness(in)
	ms.clocks.BeenReady = ms.haveBeenReady(in)
	ms.clocks.Replaced = ms.setCompleted(in, ms.clocks.BeenReady)
	ms.clocks.UnreadySince = ms.unreadySince(in)
	ms.clocks.Helped = ms.setHealth(in, ms.clocks.BeenReady, ms.clocks.UnreadySince)
	ms.unlisted = ms.unlistedReplicas(v)
	return ms
}

func byName(a, b *member) int {
	if order := cmp.Compare(a.name, b.name); order != 0 {
		return order
	}
	return cmp.Compare(a.vm.Ref, b.vm.Ref)
}

// classify sorts the VMs of the snapshot by identity, and returns those without name or configuration that may be ours.
func (ms *membership) classify(v *view) (incomplete []*member) {
	members := make([]member, len(v.vms))
	for i, vm := range v.vms {
		m := &members[i]
		m.vm, m.name, m.identity = vm, vm.Name, v.identify(vm)
		slot, holdsName := v.slotHeld(vm)
		if holdsName {
			ms.usedSlots[slot] = true
		}
		switch m.identity {
		case vsphere.Ours:
			m.guest = vm.Stamp.Guest
			ms.ours = append(ms.ours, m)
			ms.usedSlots[vm.Stamp.Slot] = true
		case vsphere.ConvertedToTemplate:
			m.state, m.message = v1alpha1.VMConvertedToTemplate, "made a template: neither counted nor touched until it is converted back"
			ms.templates = append(ms.templates, m)
			ms.usedSlots[vm.Stamp.Slot] = true
		case vsphere.Copy:
			ms.classifyCopy(m, holdsName, v.cloning[slot])
		case vsphere.Incomplete:
			if v.mayBeOurs(vm) {
				ms.useSlotsOf(m, v)
				incomplete = append(incomplete, m)
			}
		case vsphere.Foreign:
			ms.classifyForeign(m, v, slot, holdsName)
		}
	}
	return incomplete
}

// classifyCopy skips a VM whose name is that of a clone in flight: perhaps vCenter has not written it in full yet.
func (ms *membership) classifyCopy(m *member, holdsName, cloning bool) {
	if holdsName && cloning {
		return
	}
	m.state, m.message = v1alpha1.VMCopy, "a copy of one of the group's VMs: neither counted nor touched"
	ms.copies = append(ms.copies, m)
	if holdsName {
		ms.instanceMismatches = append(ms.instanceMismatches, m)
	}
}

// useSlotsOf takes the slots of a VM that may be ours, as its stamp and the status tell. Its name may come from the status.
func (ms *membership) useSlotsOf(m *member, v *view) {
	if v.stamped(m.vm) {
		ms.usedSlots[m.vm.Stamp.Slot] = true
	}
	recorded := v.recorded[m.vm.Ref]
	m.name = cmp.Or(m.name, recorded)
	if slot, ok := v.slots.slot(recorded); ok {
		ms.usedSlots[slot] = true
	}
}

// classifyForeign sorts a VM that is not ours. In order:
//
//  1. it is in our folder under another name, and an earlier VmGroup has left it: an orphan
//  2. it does not hold one of our names, or a clone of that name is in flight: it means nothing
//  3. it has no stamp, and clone tasks of unknown owners run: pending
//  4. it is in the way: a name conflict
func (ms *membership) classifyForeign(m *member, v *view, slot int, holdsName bool) {
	switch {
	case !holdsName && v.inFolder(m.vm) && v.isOrphan(m.vm):
		ms.orphans = append(ms.orphans, m)
	case !holdsName || v.cloning[slot]:
	case v.in.Snapshot.ClonesToCome > 0 && m.vm.Stamp == nil:
		m.slot, m.state, m.message = slot, v1alpha1.VMPending, "being cloned, perhaps for this group"
		ms.pending = append(ms.pending, m)
	default:
		ms.nameConflicts = append(ms.nameConflicts, m)
	}
}

// replicas returns how many replicas there are or may be. Those of unknown identity count, so that they never lead to a VM too
// many.
func (ms *membership) replicas() int { return len(ms.ours) + len(ms.pending) + len(ms.unidentified) }

// needsFinalizer reports whether vCenter holds anything that must not be left behind: a VM, or only a folder.
func (ms *membership) needsFinalizer() bool { return ms.replicas() > 0 || ms.folder != nil }

// unlistedReplicas returns how many VMs the status counts beyond replicas, while VMs that it lists cannot be read. A status
// lists MaxListedVMs at most, so a process that has just started may know nothing of the others, which cannot be read
// either. It returns 0 for a group whose status has room for all: the group remembers each of them.
func (ms *membership) unlistedReplicas(v *view) int {
	counted := int(v.in.Group.Status.Replicas)
	blind := slices.ContainsFunc(ms.unidentified, func(m *member) bool {
		return v.remembered(m.vm) || v.isRecorded(m.vm) && m.vm.Stamp == nil
	})
	if counted <= v1alpha1.MaxListedVMs || !blind {
		return 0
	}
	return max(0, counted-ms.replicas())
}

// readyReplicas returns how many replicas are ready, and availableReplicas how many do their work.
func (ms *membership) readyReplicas() int     { return countIf(ms.ours, (*member).ready) }
func (ms *membership) availableReplicas() int { return countIf(ms.ours, (*member).available) }

func countIf(list []*member, is func(*member) bool) int {
	n := 0
	for _, m := range list {
		if is(m) {
			n++
		}
	}
	return n
}

// setStates sets the state of each of our VMs. It comes after the choice of victims.
func (ms *membership) setStates(in Input) {
	for _, m := range ms.ours {
		m.state, m.message = m.stateIn(in, ms)
	}
}

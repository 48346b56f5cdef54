package plan

import (
	"cmp"
	"math"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Outcome is the result of carrying out a plan.
type Outcome struct {
	// Err is the error that stopped the plan. It is nil if every change is submitted or waits for a place in the budget.
	Err *vsphere.Error
	// Folder is the folder that the plan has made.
	Folder *vsphere.Folder
}

// Status returns the status of the group, from the input of the plan, the plan and its outcome. It only reads them. Unknown
// fields keep the last known value:
//
//  1. of a group that goes without us (its finalizer is gone, or it leaves its VMs behind): all fields
//  2. vCenter is unavailable: the counts, the VMs, the folder, the generation
//  3. another vCenter answers: the counts, the VMs and the folder
func Status(in Input, p Plan, out Outcome) v1alpha1.VmGroupStatus {
	return calculateStatus(in, p, out, v1alpha1.MaxListedVMs)
}

// WholeStatus returns the status before anybody carries out the plan, with all VMs. It may be too large for an object.
func WholeStatus(in Input, p Plan) v1alpha1.VmGroupStatus {
	return calculateStatus(in, p, Outcome{}, math.MaxInt)
}

// calculateStatus lists the first limit VMs.
func calculateStatus(in Input, p Plan, out Outcome, limit int) v1alpha1.VmGroupStatus {
	status := *in.Group.Status.DeepCopy()
	if beyondReach(in.Group) || p.Orphan {
		return status
	}
	status.Selector = Selector(in.Group.Name)
	unavailable := in.Unavailable
	if unavailable == nil && out.Err != nil && out.Err.Class == vsphere.ClassUnavailable {
		unavailable = out.Err
	}
	if unavailable != nil {
		setUnavailable(&status, in, unavailable)
		return status
	}
	status.ObservedGeneration = in.Group.Generation
	if status.ControllerName == "" && in.ClassError == nil {
		status.ControllerName, status.Class = in.Controller, in.Class
	}
	if otherVCenter(in) {
		setConditions(&status, in, summarize(in, p, out))
		return status
	}
	ms := &p.members
	status.Replicas = int32(ms.replicas() + ms.unlisted)
	status.ReadyReplicas = int32(ms.readyReplicas())
	status.AvailableReplicas = int32(ms.availableReplicas())
	status.UpdatedReplicas = ptr.To(int32(countIf(ms.ours, (*member).updated)))
	status.TerminatingReplicas = ptr.To(int32(terminating(in, ms)))
	status.Revision = ms.target.Revision()
	status.VMs = listVMs(ms, limit)
	if in.ClassError == nil || status.ControllerName != "" || status.Folder != nil { // a folder alone says that a group is older than classes
		status.Folder = folderStatus(in, ms, out)
	}
	status.AntiAffinity = antiAffinityStatus(in)
	setConditions(&status, in, summarize(in, p, out))
	return status
}

// Selector returns the selector of the scale subresource. No object carries its label.
func Selector(group string) string { return v1alpha1.GroupLabel + "=" + group }

// folderStatus returns where the group lives. In order:
//
//  1. its folder, or the one that the plan has just made
//  2. the root folder is gone: the last known, so that nobody forgets it (see ReasonRootFolderLost)
//  3. there are VMs, all of them elsewhere: only the vCenter, for their MoRefs mean nothing in another one
//  4. nothing
func folderStatus(in Input, ms *membership, out Outcome) *v1alpha1.FolderStatus {
	folder := cmp.Or(ms.folder, out.Folder)
	switch {
	case folder != nil:
		return &v1alpha1.FolderStatus{Path: folder.Path, MoRef: string(folder.Ref), VCenter: in.Snapshot.VCenter}
	case !in.Snapshot.RootExists && RecordsFolder(in.Group):
		return in.Group.Status.Folder.DeepCopy()
	case ms.replicas()+len(ms.templates)+len(ms.copies) > 0:
		return &v1alpha1.FolderStatus{VCenter: in.Snapshot.VCenter}
	default:
		return nil
	}
}

// RecordsFolder reports whether a group's status records a folder, and with it that the root folder was there once.
func RecordsFolder(g *v1alpha1.VmGroup) bool {
	return g.Status.Folder != nil && g.Status.Folder.MoRef != ""
}

// listVMs lists the first limit VMs: those that are not available first, then by name.
func listVMs(ms *membership, limit int) []v1alpha1.VMStatus {
	var all, available []*member
	for _, list := range [][]*member{ms.ours, ms.pending, ms.unidentified, ms.templates, ms.copies} {
		for _, m := range list {
			if m.available() {
				available = append(available, m)
			} else {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, byName)
	slices.SortFunc(available, byName)
	all = append(all, available...)
	var list []v1alpha1.VMStatus
	for _, m := range all[:min(len(all), limit)] {
		status := v1alpha1.VMStatus{
			Name: m.name, MoRef: string(m.vm.Ref), PowerState: string(m.vm.Power),
			IP: m.vm.IP, IPs: m.vm.IPs[:min(len(m.vm.IPs), v1alpha1.MaxListedIPs)], Hostname: m.vm.Hostname, Host: m.vm.Host, State: m.state, Message: bounded(m.message),
		}
		if m.identity == vsphere.Ours || m.cloning() {
			status.Zone = m.zone()
		}
		if m.identity == vsphere.Ours {
			status.Instance, status.Slot = m.vm.InstanceUUID, ptr.To(int32(m.vm.Stamp.Slot))
			status.Ready, status.Revision, status.Pending = m.ready(), m.vm.Stamp.Revision, m.pendingChange()
		}
		list = append(list, status)
	}
	return list
}

// terminating returns how many VMs are on their way out.
func terminating(in Input, ms *membership) int {
	if heldBy(in) != "" {
		return countIf(ms.ours, (*member).terminating)
	}
	return countIf(ms.ours, func(m *member) bool { return m.victim || m.terminating() })
}

// VMStates counts all VMs that have to do with the group by state, where its status lists MaxListedVMs of them. It returns
// nil if the plan has no view of vCenter: the last known counts are the best then.
func (p Plan) VMStates(in Input) map[v1alpha1.VMState]int {
	if in.Unavailable != nil || otherVCenter(in) {
		return nil
	}
	states := map[v1alpha1.VMState]int{}
	for _, m := range slices.Concat(p.members.ours, p.members.pending, p.members.unidentified) {
		states[m.state]++
	}
	states[v1alpha1.VMConvertedToTemplate] += len(p.members.templates)
	states[v1alpha1.VMCopy] += len(p.members.copies)
	return states
}

// Rollout says how the update of VMs goes that the spec asks for.
type Rollout string

// Rollouts, see Plan.Rollout.
const (
	NoRollout          Rollout = ""
	RolloutPaused      Rollout = v1alpha1.ReasonPaused
	RolloutHalted      Rollout = "Halted"
	RolloutProgressing Rollout = "Progressing"
)

// Rollout returns how the update of VMs goes. Clocks.RolloutSince says since when. The first that applies:
//
//  1. no VM is to be replaced, or changed in place: NoRollout
//  2. the group is paused, or the controller read-only: RolloutPaused
//  3. no new VM has become available in time: RolloutHalted
//  4. RolloutProgressing, whatever it waits for
func (p Plan) Rollout() Rollout {
	switch {
	case p.due.updates+p.due.changes == 0:
		return NoRollout
	case p.Held != "":
		return RolloutPaused
	case p.numbers.halted:
		return RolloutHalted
	default:
		return RolloutProgressing
	}
}

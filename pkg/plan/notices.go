package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Notice becomes one event.
type Notice struct {
	Reason  string
	Message string
}

// memberNotices tell of VMs that the controller leaves alone.
func memberNotices(ms *membership) []Notice {
	var out []Notice
	for _, m := range ms.copies {
		out = append(out, Notice{Reason: string(v1alpha1.VMCopy), Message: fmt.Sprintf(
			"VM %s (%s) is a copy of a VM of this group: it is neither counted nor touched", m.name, m.vm.Ref)})
	}
	for _, m := range ms.nameConflicts {
		out = append(out, Notice{Reason: v1alpha1.ReasonNameInUse, Message: fmt.Sprintf(
			"VM %s (%s) has the name of one of the group's VMs and is somebody else's: the next free name is taken", m.name, m.vm.Ref)})
	}
	for _, m := range ms.templates {
		out = append(out, Notice{Reason: string(v1alpha1.VMConvertedToTemplate), Message: fmt.Sprintf(
			"VM %s (%s) was made a template: it is neither counted nor touched until it is converted back", m.name, m.vm.Ref)})
	}
	return out
}

// warnings tell of obstacles that a group that is to live will meet, and has not met. The group stays READY; its message and an
// event say it. In order:
//
//  1. its deletion would be held (see unknownMetadata)
//  2. its template is unusable, or there is no place for VMs, and no clone is due, now or by an update: the next one would fail
//  3. a zone takes no VMs, and others do
//  4. VMs of an earlier VmGroup of its name lie in its folder (see isOrphan)
//  5. a ControllerRevision of it cannot be read
//  6. its VMs are not kept apart as spec.antiAffinity asks
func warnings(in Input, p *Plan) []Notice {
	var out []Notice
	if unknown := unknownMetadata(in.Group); unknown != "" {
		out = append(out, Notice{Reason: v1alpha1.ReasonInvalidAnnotation, Message: "a deletion would be held: " + unknown})
	}
	if p.WarnsOfTemplate(in) {
		out = append(out, Notice{
			Reason:  cmp.Or(in.TemplateError.Reason, v1alpha1.ReasonInvalidConfiguration),
			Message: "no clone is due, and the next one would fail: " + in.TemplateError.Error(),
		})
	}
	if err := placementError(in); err != nil && p.due.makes() == 0 {
		out = append(out, Notice{
			Reason:  cmp.Or(err.Reason, v1alpha1.ReasonInvalidConfiguration),
			Message: "no clone is due, and the next one would fail: " + err.Error(),
		})
	}
	if err := networkError(in); err != nil && p.due.makes() == 0 {
		out = append(out, Notice{Reason: err.Reason, Message: "no clone is due, and the next one would fail: " + err.Error()})
	}
	out = append(out, failingZones(in)...)
	if n := len(p.members.orphans); n > 0 {
		out = append(out, Notice{Reason: v1alpha1.ReasonOrphaned, Message: fmt.Sprintf(
			"%s of an earlier VmGroup of this name in the folder, neither counted nor touched: see VmGroupOrphans in docs/runbook.md",
			count(n, "VM"))})
	}
	for _, why := range in.UnreadableRevisions {
		out = append(out, Notice{Reason: v1alpha1.ReasonRevisionUnavailable, Message: why})
	}
	if err := in.Snapshot.NotApart; err != nil {
		out = append(out, Notice{Reason: v1alpha1.ReasonNotKeptApart, Message: "the VMs are not kept apart: " + err.Error()})
	}
	return out
}

// appendWarnings returns a message with warnings at its end.
func appendWarnings(message string, warnings []Notice) string {
	for _, w := range warnings {
		message += "; " + strings.TrimSuffix(w.Message, ".")
	}
	return message
}

// folderStays tells why the folder of a group that goes is not removed.
func folderStays(folder *vsphere.Folder) Notice {
	return Notice{Reason: v1alpha1.ReasonFolderNotEmpty, Message: fmt.Sprintf(
		"folder %s stays: it holds %d objects that are not the group's", folder.Path, folder.Children)}
}

// abandonedVMs tell of the VMs of a group that goes without our finalizer. Where the VMs are to stay, act tells of them.
func abandonedVMs(in Input) []Notice {
	if in.Unavailable != nil || otherVCenter(in) || orphansVMs(in) {
		return nil
	}
	ms := newMembership(in)
	if len(ms.ours) == 0 {
		return nil
	}
	return []Notice{{Reason: v1alpha1.ReasonOrphaned, Message: fmt.Sprintf(
		"the finalizer was removed while the VmGroup is being deleted: VM %s is left to itself, with %d more",
		ms.ours[0].name, len(ms.ours)-1)}}
}

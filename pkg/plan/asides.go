package plan

import (
	"fmt"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// asides returns what does not stand in the way of a group that is to live, and will: the group stays READY, its message
// says it and an event does. In order:
//
//  1. its deletion would be held (see unknownWish)
//  2. its template is unusable and no clone is due: the next one would fail
//  3. VMs of an earlier VmGroup of its name lie in its folder (see predecessor)
func asides(in Input, p *Plan) []Notice {
	var out []Notice
	if wish := unknownWish(in.Group); wish != "" {
		out = append(out, Notice{Reason: v1alpha1.ReasonInvalidAnnotation, Message: "a deletion would be held: " + wish})
	}
	if p.TemplateIsAside(in) {
		out = append(out, Notice{
			Reason:  reasonOr(in.TemplateError.Reason, v1alpha1.ReasonInvalidConfiguration),
			Message: "no clone is due, and the next one would fail: " + in.TemplateError.Error(),
		})
	}
	if left := p.census.predecessors; len(left) > 0 {
		out = append(out, Notice{Reason: v1alpha1.ReasonOrphaned, Message: fmt.Sprintf(
			"%s of an earlier VmGroup of this name in the folder, neither counted nor touched: see VmGroupOrphans in docs/runbook.md",
			count(len(left), "VM"))})
	}
	return out
}

// said joins asides to the end of a message.
func said(asides []Notice) string {
	var out strings.Builder
	for _, aside := range asides {
		out.WriteString("; " + strings.TrimSuffix(aside.Message, "."))
	}
	return out.String()
}

// predecessor reports whether a VM in the group's folder belonged to a VmGroup of the same name that exists no more: deleted
// without its VMs, or restored from a backup, which gives it another UID. One of a VmGroup that lives is that one's.
func predecessor(in Input, vm vsphere.VM) bool {
	s := vm.Stamp
	if s == nil || s.Owner != in.Snapshot.Owner || s.Name != in.Group.Name || s.UID == string(in.Group.UID) || in.Living[s.UID] {
		return false
	}
	identity := vsphere.Identify(in.Snapshot.Owner, s.UID, vm)
	return identity == vsphere.Ours || identity == vsphere.ConvertedToTemplate
}

package plan

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// VMs are released only where somebody has kept them apart, or may have, and those of nobody are left alone.
func TestAssociationOf(t *testing.T) {
	const keep, release = vsphere.KeepApart, vsphere.ReleaseApart
	asks := func(g *v1alpha1.VmGroup) { g.Spec.AntiAffinity = new(v1alpha1.AntiAffinityPreferred) }
	none := func(g *v1alpha1.VmGroup) { g.Spec.AntiAffinity = new(v1alpha1.AntiAffinityNone) }
	kept := func(g *v1alpha1.VmGroup) { g.Status.AntiAffinity = v1alpha1.AntiAffinityPreferred }
	released := func(in *Input) { in.Snapshot.Released = true }
	nothing := func(*Input) {}
	const yes = v1alpha1.AntiAffinityPreferred
	for name, c := range map[string]struct {
		group  *v1alpha1.VmGroup
		change func(*Input)
		held   bool
		apart  vsphere.Apart
		status v1alpha1.AntiAffinity
	}{
		"nobody asks":                      {group(1), nothing, false, "", ""},
		"it asks":                          {group(1, asks), nothing, false, keep, yes},
		"it has asked":                     {group(1, none, kept), nothing, false, release, yes},
		"it has asked, and they are free":  {group(1, none, kept), released, false, "", ""},
		"1: paused":                        {group(1, none, kept, paused), nothing, true, "", yes},
		"1: read-only":                     {group(1, asks), func(in *Input) { in.ReadOnly = true }, true, "", yes},
		"1: it goes without its VMs":       {group(1, asks, kept, deleting, orphaning), nothing, true, "", yes},
		"2: it goes":                       {group(1, asks, kept, deleting), nothing, false, release, yes},
		"2: it goes before it was told":    {group(1, asks, deleting), nothing, false, release, ""},
		"2: it goes, and nobody asks":      {group(1, deleting), nothing, false, "", ""},
		"2: it goes, and its VMs are free": {group(1, asks, kept, deleting), released, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(c.group, vm(0)).with(c.change)
			if got, known := AssociationOf(in); got != (vsphere.Association{Held: c.held, Apart: c.apart}) || !known {
				t.Errorf("it wants %+v, known: %t", got, known)
			}
			if got := antiAffinityStatus(in); got != c.status {
				t.Errorf("the status says %q", got)
			}
		})
	}
	for name, change := range map[string]func(*Input){
		"vCenter is away":         func(in *Input) { in.Unavailable = newError(vsphere.ClassUnavailable) },
		"another vCenter answers": otherVCenterAnswers,
	} {
		if got, known := AssociationOf(input(group(1, asks, recorded("vcenter-1")), vm(0)).with(change)); known {
			t.Errorf("%s, and it wants %+v", name, got)
		}
	}
}

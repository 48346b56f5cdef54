package plan

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// VMs are released only where somebody has kept them apart, or may have, and those of nobody are left alone.
func TestKeepsApart(t *testing.T) {
	asks := func(g *v1alpha1.VmGroup) { g.Spec.AntiAffinity = new(v1alpha1.AntiAffinityPreferred) }
	none := func(g *v1alpha1.VmGroup) { g.Spec.AntiAffinity = new(v1alpha1.AntiAffinityNone) }
	kept := func(g *v1alpha1.VmGroup) { g.Status.AntiAffinity = v1alpha1.AntiAffinityPreferred }
	released := func(in *Input) { in.Snapshot.Released = true }
	nothing := func(*Input) {}
	const yes = v1alpha1.AntiAffinityPreferred
	for name, c := range map[string]struct {
		group       *v1alpha1.VmGroup
		change      func(*Input)
		apart, said bool
		status      v1alpha1.AntiAffinity
	}{
		"nobody asks":                      {group(1), nothing, false, false, ""},
		"it asks":                          {group(1, asks), nothing, true, true, yes},
		"it has asked":                     {group(1, none, kept), nothing, false, true, yes},
		"it has asked, and they are free":  {group(1, none, kept), released, false, false, ""},
		"1: paused":                        {group(1, none, kept, paused), nothing, false, false, yes},
		"1: read-only":                     {group(1, asks), func(in *Input) { in.ReadOnly = true }, false, false, yes},
		"1: another vCenter":               {group(1, none, kept, recorded("vcenter-2")), nothing, false, false, yes},
		"1: it goes without its VMs":       {group(1, asks, kept, deleting, orphaning), nothing, false, false, yes},
		"2: it goes":                       {group(1, asks, kept, deleting), nothing, false, true, yes},
		"2: it goes before it was told":    {group(1, asks, deleting), nothing, false, true, ""},
		"2: it goes, and nobody asks":      {group(1, deleting), nothing, false, false, ""},
		"2: it goes, and its VMs are free": {group(1, asks, kept, deleting), released, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(c.group, vm(0)).with(c.change)
			if apart, said := KeepsApart(in); apart != c.apart || said != c.said {
				t.Errorf("apart %t, said %t", apart, said)
			}
			if got := antiAffinityStatus(in); got != c.status {
				t.Errorf("the status says %q", got)
			}
		})
	}
	in := input(group(1, asks), vm(0))
	in.Unavailable = newError(vsphere.ClassUnavailable)
	if _, said := KeepsApart(in); said {
		t.Error("it is said to a vCenter that is away")
	}
}

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// earlier makes a VM that of an earlier group of the same name.
func earlier(v *vsphere.VM) {
	v.Ref, v.Name, v.Stamp.UID = "old-"+v.Ref, VMName("web", "ffff", v.Stamp.Slot), "ffff"
}

func noPlace(in *Input) { in.Snapshot.Zones = []vsphere.Zone{{Err: newError(vsphere.ClassInvalid)}} }

func living(uid string) func(*Input) {
	return func(in *Input) { in.Living = map[string]bool{uid: true} }
}

// The numbers are those of the rules of warnings.
func TestWarnings(t *testing.T) {
	const (
		one  = "1 of 1 VMs available; 1 VM of an earlier VmGroup of this name in the folder, neither counted nor touched: see VmGroupOrphans in docs/runbook.md"
		two  = "1 of 1 VMs available; 2 VMs of an earlier VmGroup of this name in the folder, neither counted nor touched: see VmGroupOrphans in docs/runbook.md"
		none = "1 of 1 VMs available"
	)
	stale := templateError(vsphere.ClassInvalid)
	named := func(name string) func(*vsphere.VM) { return func(v *vsphere.VM) { v.Stamp.Name = name } }
	tests := map[string]struct {
		in    Input
		phase v1alpha1.Phase
		want  string
	}{
		"2: the template is gone, no clone is due": {input(group(1), vm(0)).with(stale), v1alpha1.PhaseReady,
			none + "; no clone is due, and the next one would fail: an error of class Invalid"},
		"2: the template is gone, nothing is wanted": {input(group(0)).with(stale), v1alpha1.PhaseReady,
			"0 of 0 VMs available; no clone is due, and the next one would fail: an error of class Invalid"},
		"2: the template is gone, a VM is off": {input(group(1), vm(0, off)).with(stale), v1alpha1.PhasePending,
			"0 of 1 VMs available; 1 to power on; no clone is due, and the next one would fail: an error of class Invalid"},
		"2: no place for VMs, no clone is due": {input(group(1), vm(0)).with(noPlace), v1alpha1.PhaseReady,
			none + "; no clone is due, and the next one would fail: an error of class Invalid"},
		"2: no place for VMs, and a clone is due":    {input(group(2), vm(0)).with(noPlace), v1alpha1.PhaseError, "an error of class Invalid"},
		"2: not if a clone is due":                   {input(group(2), vm(0)).with(stale), v1alpha1.PhaseError, "an error of class Invalid"},
		"2: not if nobody knows":                     {input(group(1), vm(0)).with(templateError(vsphere.ClassTransient)), v1alpha1.PhaseReady, none},
		"3: one":                                     {input(group(1), vm(0), vm(0, earlier)), v1alpha1.PhaseReady, one},
		"3: two, one of them a template now":         {input(group(1), vm(0), vm(0, earlier), vm(1, earlier, template)), v1alpha1.PhaseReady, two},
		"3: not in another folder":                   {input(group(1), vm(0), vm(0, earlier, moved)), v1alpha1.PhaseReady, none},
		"3: not of another controller":               {input(group(1), vm(0), vm(0, earlier, otherOwner)), v1alpha1.PhaseReady, none},
		"3: not of another name":                     {input(group(1), vm(0), vm(0, earlier, named("db"))), v1alpha1.PhaseReady, none},
		"3: not of a VmGroup that lives":             {input(group(1), vm(0), vm(0, earlier)).with(living("ffff")), v1alpha1.PhaseReady, none},
		"3: of one VmGroup that lives nobody else's": {input(group(1), vm(0), vm(0, earlier)).with(living("eeee")), v1alpha1.PhaseReady, one},
		"3: not a copy":                              {input(group(1), vm(0), vm(0, earlier, copied)), v1alpha1.PhaseReady, none},
		"3: not without a stamp":                     {input(group(1), vm(0), vm(0, earlier, foreign)), v1alpha1.PhaseReady, none},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := Compute(tc.in)
			status := Status(tc.in, p, Outcome{})
			if status.Phase != tc.phase {
				t.Errorf("%s, want %s", status.Phase, tc.phase)
			}
			if diff := cmp.Diff(tc.want, status.Message); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p.Makes() || p.RemovesVMs() || len(p.RemoveFolders) > 0 {
				t.Errorf("it does %v", steps(p))
			}
		})
	}
}

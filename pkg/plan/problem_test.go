package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The numbers are those of the rules of groupProblems. A row that has what a later rule looks for, too, shows that the
// first rule decides.
func TestProblem(t *testing.T) {
	mismatch := vm(0, copied)
	noTemplate := templateError(vsphere.ClassInvalid)
	cloneInvalid := failures(cloneFailed(1, vsphere.ClassInvalid))
	powerOnFailed := failures(failed(vsphere.OperationPowerOn, 0, vsphere.ClassTransient))
	foreignDisk := failed(vsphere.OperationDestroy, 0, vsphere.ClassInvalid)
	foreignDisk.Err.Reason = v1alpha1.ReasonForeignDisk
	conflict := cloneFailed(0, vsphere.ClassConflict)
	tests := map[string]struct {
		in      Input
		want    string
		stalled bool
	}{
		"0: none": {in: input(group(1), vm(0))},
		"1: a copy under the name of a slot": {
			input(group(2), mismatch).with(rootGone, folderRecorded, noTemplate, func(in *Input) {
				in.Snapshot.Folders = input(group(1)).Snapshot.Folders
			}), v1alpha1.ReasonInstanceMismatch, true},
		"1: no problem under a name of its own":       {input(group(1), vm(0), vm(1, copied, named("mine"))), "", false},
		"2: the root folder is gone":                  {input(group(1)).with(rootGone, folderRecorded, noTemplate), v1alpha1.ReasonRootFolderLost, true},
		"2: no problem if it never was":               {input(group(1)).with(rootGone), "", false},
		"2: no problem if no VM is missing":           {input(group(1), vm(0, moved)).with(rootGone, folderRecorded), "", false},
		"3: many VMs have disappeared":                {input(group(2), vm(0)).with(disappeared, powerOnFailed), v1alpha1.ReasonMassDisappearance, false},
		"3: no problem if no clone is due":            {input(group(1), vm(0)).with(disappeared), "", false},
		"3: it holds a deletion":                      {input(group(1, deleting)).with(disappeared), v1alpha1.ReasonMassDisappearance, false},
		"5: the template is missing":                  {input(group(2)).with(noTemplate, cloneInvalid), v1alpha1.ReasonInvalidConfiguration, true},
		"5: no problem if no clone is due":            {input(group(1), vm(0)).with(noTemplate), "", false},
		"5: nor if a VM is off":                       {input(group(1), vm(0, off)).with(noTemplate), "", false},
		"5: there is no place":                        {input(group(2)).with(noPlace), v1alpha1.ReasonInvalidConfiguration, true},
		"5: no problem of place if no clone is due":   {input(group(1), vm(0)).with(noPlace), "", false},
		"5: the look-up failed":                       {input(group(1)).with(templateError(vsphere.ClassTransient)), v1alpha1.ReasonRetrying, false},
		"5: no problem while it is looked for":        {input(group(1)).with(searched), "", false},
		"6: clones are refused":                       {input(group(2), vm(0, off)).with(cloneInvalid, powerOnFailed), v1alpha1.ReasonInvalidConfiguration, true},
		"6: clones find no room":                      {input(group(1)).with(failures(cloneFailed(0, vsphere.ClassExhausted))), v1alpha1.ReasonResourceExhausted, false},
		"6: clones fail":                              {input(group(1)).with(failures(cloneFailed(0, vsphere.ClassTransient))), v1alpha1.ReasonRetrying, false},
		"6: also while one is under way again":        {input(group(1)).with(failures(cloneFailed(0, vsphere.ClassTransient)), operations(cloning(0))), v1alpha1.ReasonRetrying, false},
		"6: a conflict is no problem at first":        {input(group(1)).with(failures(about("Gone", conflict))), "", false},
		"6: it is when it stays":                      {input(group(1)).with(failures(times(6, about("Gone", conflict)))), v1alpha1.ReasonRetrying, false},
		"6: no problem once enough are there":         {input(group(1), vm(0)).with(cloneInvalid), "", false},
		"6: no problem for another spec":              {input(group(2, func(g *v1alpha1.VmGroup) { g.Spec.CPU = 4 }), vm(0)).with(cloneInvalid), "", false},
		"7: a VM cannot be powered on":                {input(group(1), vm(0, off)).with(powerOnFailed), v1alpha1.ReasonRetrying, false},
		"7: what waits is worse than what is retried": {input(group(1), vm(0, off)).with(powerOnFailed, operations(cloning(1, overdue))), v1alpha1.ReasonCloneStalled, false},
		"7: a VM does not stay on":                    {input(group(1), vm(0, off)).with(powerOns(0, 1, time.Second)), v1alpha1.ReasonCrashLoopBackOff, false},
		"7: a failed power on is told first":          {input(group(1), vm(0, off)).with(powerOns(0, 1, time.Second), failures(failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid))), v1alpha1.ReasonInvalidConfiguration, true},
		"7: no problem while it is powered on again":  {input(group(1), vm(0, off)).with(powerOns(0, 1, time.Minute)), "", false},
		"7: no problem if it is on":                   {input(group(1), vm(0)).with(powerOns(0, 1, time.Second)), "", false},
		"7: no problem of one that is surplus":        {input(group(0), vm(0, off)).with(powerOns(0, 1, time.Second)), "", false},
		"7: no problem if it cannot be reached":       {input(group(1), vm(0, off, disconnected)).with(powerOns(0, 1, time.Second)), "", false},
		"7: a refusal from before an edit":            {input(group(1), vm(0, off)).with(failures(ago(time.Minute, failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid))), specSince(time.Second)), "", false},
		"6: a refusal from before an edit":            {input(group(2), vm(0)).with(failures(ago(time.Minute, cloneFailed(1, vsphere.ClassInvalid))), specSince(time.Second)), "", false},
		"7: surplus with a foreign disk":              {input(group(0), vm(0, off)).with(failures(foreignDisk)), v1alpha1.ReasonForeignDisk, true},
		"7: deleted with a foreign disk":              {input(group(0, deleting), vm(0, off)).with(failures(foreignDisk)), v1alpha1.ReasonForeignDisk, true},
		"7: no problem if it is to stay":              {input(group(1), vm(0)).with(failures(foreignDisk)), "", false},
		"7: surplus cannot be reached":                {input(group(0), vm(0, disconnected)), v1alpha1.ReasonVMUnreachable, false},
		"7: surplus outside the root folder":          {input(group(0), vm(0, outside)), v1alpha1.ReasonVMOutsideRoot, true},
		"7: the same, off, and refused before":        {input(group(0), vm(0, outside, off)).with(failures(foreignDisk)), v1alpha1.ReasonVMOutsideRoot, true},
		"7: deleted outside the root folder":          {input(group(1, deleting), vm(0, outside)), v1alpha1.ReasonVMOutsideRoot, true},
		"7: deleted, and the root folder is gone":     {input(group(1, deleting), vm(0, outside)).with(rootGone), v1alpha1.ReasonVMOutsideRoot, true},
		"7: off outside the root folder":              {input(group(1), vm(0, outside, off)), v1alpha1.ReasonVMOutsideRoot, true},
		"7: outside, to stay and on":                  {input(group(1), vm(0, outside)), "", false},
		"7: outside and not to be reached":            {input(group(0), vm(0, outside, disconnected)), v1alpha1.ReasonVMUnreachable, false},
		"7: no problem if it is to stay away":         {input(group(1), vm(0, disconnected)), "", false},
		"8: a clone is past its deadline":             {input(group(1)).with(operations(cloning(0, overdue))), v1alpha1.ReasonCloneStalled, false},
		"8: the same, its VM is there":                {input(group(1), vm(0, off)).with(operations(cloning(0, overdue))), v1alpha1.ReasonCloneStalled, false},
		"8: no problem if that VM is at work":         {input(group(1), vm(0)).with(operations(cloning(0, overdue))), "", false},
		"8: also of a deletion":                       {input(group(1, deleting)).with(operations(cloning(0, overdue))), v1alpha1.ReasonCloneStalled, false},
		"8: the answer to a clone was lost":           {input(group(1)).with(operations(cloning(0, unknown))), v1alpha1.ReasonOutcomeUnknown, false},
		"8: a name stays in use":                      {input(group(1)).with(failures(times(6, conflict))), v1alpha1.ReasonNameInUse, false},
		"8: a name is in use: quiet at first":         {input(group(1)).with(failures(times(5, conflict))), "", false},
		"a VM that may be ours holds a deletion":      {input(group(1, deleting), vm(0, nameless)), v1alpha1.ReasonVMUnreachable, false},
		"such a VM is no problem of one that lives":   {input(group(1), vm(0, nameless)), "", false},
		"another vCenter":                             {input(group(1, recorded("vcenter-1"))).with(otherVCenterAnswers, noTemplate), v1alpha1.ReasonVCenterChanged, true},

		"held: what is not tried does not fail":      {input(group(0, paused), vm(0, disconnected)), "", false},
		"held: nor is what lies outside the root":    {input(group(0, paused), vm(0, outside)), "", false},
		"held: nor if it is off":                     {input(group(1, paused), vm(0, outside, off)), "", false},
		"held: nor does a power on":                  {input(group(1, paused), vm(0, off)).with(powerOnFailed), "", false},
		"held: what somebody has to solve is told":   {input(group(1, paused)).with(noTemplate), v1alpha1.ReasonInvalidConfiguration, true},
		"held: so is a refusal from before the hold": {input(group(1, paused)).with(cloneInvalid), v1alpha1.ReasonInvalidConfiguration, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, stalled := "", false
			if p := Compute(tc.in).Problem; p != nil {
				got, stalled = p.Reason, p.Stalled
				if p.Message == "" {
					t.Error("the problem has no message")
				}
			}
			if got != tc.want || stalled != tc.stalled {
				t.Errorf("got %q, stalled %v, want %q, stalled %v", got, stalled, tc.want, tc.stalled)
			}
		})
	}
}

func TestMostSevere(t *testing.T) {
	retrying, exhausted := &Problem{severity: severityRetrying}, &Problem{severity: severityExhausted}
	wait, stall, stall2 := waiting("", ""), stalled("first", ""), stalled("second", "")
	for name, tc := range map[string]struct {
		problems []*Problem
		want     *Problem
	}{
		"none":                  {nil, nil},
		"only nothing":          {[]*Problem{nil, nil}, nil},
		"stalled first":         {[]*Problem{retrying, nil, exhausted, stall, wait}, stall},
		"then exhausted":        {[]*Problem{retrying, wait, exhausted}, exhausted},
		"then waiting":          {[]*Problem{retrying, wait}, wait},
		"of equals, the first":  {[]*Problem{stall, stall2}, stall},
		"of equals, in between": {[]*Problem{retrying, stall2, stall}, stall2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mostSevere(nil, tc.problems...); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestFromError(t *testing.T) {
	tests := map[vsphere.Class]string{
		vsphere.ClassInvalid:     v1alpha1.ReasonInvalidConfiguration,
		vsphere.ClassExhausted:   v1alpha1.ReasonResourceExhausted,
		vsphere.ClassUnknown:     v1alpha1.ReasonOutcomeUnknown,
		vsphere.ClassTransient:   v1alpha1.ReasonRetrying,
		vsphere.ClassConflict:    v1alpha1.ReasonRetrying,
		vsphere.ClassUnavailable: v1alpha1.ReasonRetrying,
	}
	for class, want := range tests {
		p := ofError(newError(class))
		if p.Reason != want || p.Stalled != (class == vsphere.ClassInvalid) || !strings.Contains(p.Message, string(class)) {
			t.Errorf("%s: got %+v, want reason %s", class, p, want)
		}
	}
	own := ofError(&vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNoPermission})
	if own.Reason != v1alpha1.ReasonNoPermission {
		t.Errorf("an error's own reason: got %q", own.Reason)
	}
}

func TestNotices(t *testing.T) {
	tests := map[string]struct {
		in   Input
		want []string
	}{
		"nothing":                  {input(group(1), vm(0)), nil},
		"a copy":                   {input(group(1), vm(0), vm(1, copied, named("mine"))), []string{"Copy"}},
		"a VM made a template":     {input(group(1), vm(0, template)), []string{"ConvertedToTemplate"}},
		"a name that is in use":    {input(group(1), vm(0, foreign)), []string{"NameInUse"}},
		"foreign, under its name":  {input(group(1), vm(0), vm(1, foreign, named("db"))), nil},
		"no stamp yet":             {input(group(1), vm(0, foreign)).with(operations(cloning(0))), nil},
		"a folder that stays":      {input(group(1, deleting), vm(0, foreign, named("db"))), []string{"FolderNotEmpty"}},
		"a folder that goes later": {input(group(1, deleting), vm(0), vm(1, foreign, named("db"))), nil},
		"VMs that are left":        {input(group(1, deleting, noFinalizer), vm(0), vm(1)), []string{"Orphaned"}},
		"VMs that are to be left":  {input(group(1, deleting, noFinalizer, orphaning), vm(0), vm(1)), nil},
		"left by an earlier group": {input(group(1), vm(0), vm(0, earlier)), []string{"Orphaned"}},
		"a template that is gone":  {input(group(1), vm(0)).with(templateError(vsphere.ClassInvalid)), []string{"InvalidConfiguration"}},
		"a template in the way":    {input(group(1)).with(templateError(vsphere.ClassInvalid)), nil},
		"no VMs that are left":     {input(group(1, deleting, noFinalizer)), nil},
		"nobody can tell":          {input(group(1, deleting, noFinalizer)).with(vCenterAway), nil},
		"another vCenter":          {input(group(1, recorded("vcenter-1")), vm(0, copied)).with(otherVCenterAnswers), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, n := range Compute(tc.in).Notices {
				got = append(got, n.Reason)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

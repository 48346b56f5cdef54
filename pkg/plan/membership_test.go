package plan

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// lengths returns the length of each list: ours, pending, unidentified, templates, copies, name conflicts, instance
// mismatches; and the used slots.
func lengths(ms membership) string {
	return fmt.Sprintf("o%d p%d u%d t%d c%d n%d i%d %v", len(ms.ours), len(ms.pending), len(ms.unidentified), len(ms.templates),
		len(ms.copies), len(ms.nameConflicts), len(ms.instanceMismatches), slices.Sorted(maps.Keys(ms.usedSlots)))
}

func TestMembership(t *testing.T) {
	conflict := cloneFailed(0, vsphere.ClassConflict)
	tests := map[string]struct {
		vms   []vsphere.VM
		given []func(*Input)
		want  string
	}{
		"none": {nil, nil, "o0 p0 u0 t0 c0 n0 i0 []"},

		"ours":                       {[]vsphere.VM{vm(0), vm(3)}, nil, "o2 p0 u0 t0 c0 n0 i0 [0 3]"},
		"ours, renamed to slot 5":    {[]vsphere.VM{vm(0, named("web-0d1f2-5"))}, nil, "o1 p0 u0 t0 c0 n0 i0 [0 5]"},
		"ours, moved":                {[]vsphere.VM{vm(2, moved)}, nil, "o1 p0 u0 t0 c0 n0 i0 [2]"},
		"ours, not readable":         {[]vsphere.VM{vm(0, unreadable)}, nil, "o1 p0 u0 t0 c0 n0 i0 [0]"},
		"ours, under a foreign name": {[]vsphere.VM{vm(0, named("db"))}, nil, "o1 p0 u0 t0 c0 n0 i0 [0]"},

		"converted to a template": {[]vsphere.VM{vm(1, template)}, nil, "o0 p0 u0 t1 c0 n0 i0 [1]"},

		"copy under a name of its own":          {[]vsphere.VM{vm(1, copied, named("mine"))}, nil, "o0 p0 u0 t0 c1 n0 i0 []"},
		"copy under the name of a slot":         {[]vsphere.VM{vm(1, copied)}, nil, "o0 p0 u0 t0 c1 n0 i1 [1]"},
		"copy under such a name, elsewhere":     {[]vsphere.VM{vm(1, copied, moved)}, nil, "o0 p0 u0 t0 c1 n0 i0 []"},
		"copy, or a clone that is half written": {[]vsphere.VM{vm(1, copied)}, []func(*Input){operations(cloning(1))}, "o0 p1 u0 t0 c0 n0 i0 [1]"},

		"foreign":                                      {[]vsphere.VM{vm(0, foreign, named("db"))}, nil, "o0 p0 u0 t0 c0 n0 i0 []"},
		"foreign under the name of a slot":             {[]vsphere.VM{vm(0, foreign)}, nil, "o0 p0 u0 t0 c0 n1 i0 [0]"},
		"of another group, under such a name":          {[]vsphere.VM{vm(0, otherGroup)}, nil, "o0 p0 u0 t0 c0 n1 i0 [0]"},
		"of another owner, under such a name":          {[]vsphere.VM{vm(0, otherOwner)}, nil, "o0 p0 u0 t0 c0 n1 i0 [0]"},
		"foreign under such a name, elsewhere":         {[]vsphere.VM{vm(0, foreign, moved)}, nil, "o0 p0 u0 t0 c0 n0 i0 []"},
		"foreign under such a name, other case":        {[]vsphere.VM{vm(0, foreign, named("WEB-0D1F2-0"))}, nil, "o0 p0 u0 t0 c0 n1 i0 [0]"},
		"no stamp yet, its clone is under way":         {[]vsphere.VM{vm(0, foreign)}, []func(*Input){operations(cloning(0))}, "o0 p1 u0 t0 c0 n0 i0 [0]"},
		"another stamp, though clonesToCome are about": {[]vsphere.VM{vm(0, otherGroup)}, []func(*Input){clonesToCome}, "o0 p0 u0 t0 c0 n1 i0 [0]"},

		"pending 1: a clone under way":                     {nil, []func(*Input){operations(cloning(4))}, "o0 p1 u0 t0 c0 n0 i0 [4]"},
		"pending 1: a clone whose VM is there":             {[]vsphere.VM{vm(4, off)}, []func(*Input){operations(cloning(4))}, "o1 p0 u0 t0 c0 n0 i0 [4]"},
		"pending 1: a clone that has ended, VM not seen":   {nil, []func(*Input){operations(cloning(4, landed("vm-4")))}, "o0 p1 u0 t0 c0 n0 i0 [4]"},
		"pending 1: the same, beside others":               {[]vsphere.VM{vm(0)}, []func(*Input){operations(cloning(4, landed("vm-4")))}, "o1 p1 u0 t0 c0 n0 i0 [0 4]"},
		"pending 1: a clone that has ended, VM seen":       {[]vsphere.VM{vm(4, named("new"))}, []func(*Input){operations(cloning(4, landed("vm-4")))}, "o1 p0 u0 t0 c0 n0 i0 [4]"},
		"pending 1: the VM of that name is another one":    {[]vsphere.VM{vm(1, named("web-0d1f2-4"), moved)}, []func(*Input){operations(cloning(4))}, "o1 p1 u0 t0 c0 n0 i0 [1 4]"},
		"pending 1: a clone whose VM is a template by now": {[]vsphere.VM{vm(4, template)}, []func(*Input){operations(cloning(4))}, "o0 p0 u0 t1 c0 n0 i0 [4]"},
		"pending 1: nobody, for something else was gone":   {nil, []func(*Input){failures(about("Gone", conflict))}, "o0 p0 u0 t0 c0 n0 i0 []"},
		"pending 1: a name in use by something invisible":  {nil, []func(*Input){failures(conflict)}, "o0 p1 u0 t0 c0 n0 i0 [0]"},
		"pending 1: it is time to try that name again":     {nil, []func(*Input){failures(ago(5*time.Second, conflict))}, "o0 p0 u0 t0 c0 n0 i0 []"},
		"pending 1: what uses the name is visible":         {[]vsphere.VM{vm(0)}, []func(*Input){failures(conflict)}, "o1 p0 u0 t0 c0 n0 i0 [0]"},
		"pending 1: another failure is no name in use":     {nil, []func(*Input){failures(cloneFailed(0, vsphere.ClassInvalid))}, "o0 p0 u0 t0 c0 n0 i0 []"},

		"pending 2: no stamp yet, perhaps of an earlier process": {[]vsphere.VM{vm(0, foreign)}, []func(*Input){clonesToCome}, "o0 p1 u0 t0 c0 n0 i0 [0]"},

		"pending 3: no name, nothing under way":            {[]vsphere.VM{vm(0, nameless)}, nil, "o0 p0 u1 t0 c0 n0 i0 []"},
		"pending 3: no name, a clone under way":            {[]vsphere.VM{vm(0, nameless)}, []func(*Input){operations(cloning(0))}, "o0 p1 u0 t0 c0 n0 i0 [0]"},
		"pending 3: two without name, one clone under way": {[]vsphere.VM{vm(0, nameless), vm(1, nameless)}, []func(*Input){operations(cloning(0))}, "o0 p1 u1 t0 c0 n0 i0 [0]"},
		"pending 3: no configuration, its clone under way": {[]vsphere.VM{vm(0, unconfigured)}, []func(*Input){operations(cloning(0))}, "o0 p1 u0 t0 c0 n0 i0 [0]"},
		"pending 3: no configuration, another under way":   {[]vsphere.VM{vm(0, unconfigured)}, []func(*Input){operations(cloning(1))}, "o0 p1 u1 t0 c0 n0 i0 [0 1]"},
		"pending 3: no name, but the VM of a clone":        {[]vsphere.VM{vm(0, nameless)}, []func(*Input){operations(cloning(0, landed("vm-0")), cloning(1))}, "o0 p2 u0 t0 c0 n0 i0 [0 1]"},
		"pending 3: another name, but the VM of a clone":   {[]vsphere.VM{vm(0, unconfigured, named("new"))}, []func(*Input){operations(cloning(0, landed("vm-0")))}, "o0 p1 u0 t0 c0 n0 i0 [0]"},
		"pending 3: no name, but our stamp":                {[]vsphere.VM{vm(7, named(""))}, nil, "o0 p0 u1 t0 c0 n0 i0 [7]"},
		"pending 3: our stamp, and no instance yet":        {[]vsphere.VM{vm(0, halfSeen)}, nil, "o0 p0 u1 t0 c0 n0 i0 [0]"},
		"pending 3: moved, and without its configuration":  {[]vsphere.VM{vm(0, unconfigured, moved)}, []func(*Input){remembering(0)}, "o0 p0 u1 t0 c0 n0 i0 [0]"},
		"pending 3: the same, of another vCenter":          {[]vsphere.VM{vm(0, unconfigured, moved)}, []func(*Input){remembering(0), func(in *Input) { in.Snapshot.VCenter = "another" }}, "o0 p0 u0 t0 c0 n0 i0 []"},
		"pending 3: in a folder that is not the group's":   {[]vsphere.VM{vm(0, nameless, moved)}, nil, "o0 p0 u0 t0 c0 n0 i0 []"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(group(3), tc.vms...).with(tc.given...)
			in.Snapshot.Folders = append(in.Snapshot.Folders, vsphere.Folder{Ref: "group-9", Path: "/dc1/vm/attic"})
			if got := lengths(newMembership(in)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// remembering lets the status list VMs of this vCenter.
func remembering(slots ...int) func(*Input) {
	return func(in *Input) {
		recorded(in.Snapshot.VCenter)(in.Group)
		listed(slots...)(in.Group)
	}
}

func TestPendingIsSortedBySlot(t *testing.T) {
	ms := newMembership(input(group(12)).with(operations(cloning(10), cloning(2), cloning(9))))
	var got []int
	for _, m := range ms.pending {
		got = append(got, m.slot)
	}
	if diff := cmp.Diff([]int{2, 9, 10}, got); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
}

func TestChooseFolder(t *testing.T) {
	byPath := vsphere.Folder{Ref: "group-2", Path: testPath, UnderRoot: true}
	renamed := vsphere.Folder{Ref: testFolder, Path: "/dc1/vm/vmgroups/default/renamed", UnderRoot: true}
	outside := vsphere.Folder{Ref: testFolder, Path: "/dc1/vm/elsewhere"}
	tests := map[string]struct {
		group   *v1alpha1.VmGroup
		folders []vsphere.Folder
		vms     []vsphere.VM
		want    vsphere.Ref
	}{
		"none":                                {group(1), nil, nil, ""},
		"by path":                             {group(1), []vsphere.Folder{byPath}, nil, "group-2"},
		"renamed, and holds a VM of ours":     {group(1, recorded("vcenter-1")), []vsphere.Folder{byPath, renamed}, []vsphere.VM{vm(0)}, testFolder},
		"the same, in other order":            {group(1, recorded("vcenter-1")), []vsphere.Folder{renamed, byPath}, []vsphere.VM{vm(0)}, testFolder},
		"renamed, and holds nothing of ours":  {group(1, recorded("vcenter-1")), []vsphere.Folder{byPath, renamed}, []vsphere.VM{vm(0, foreign)}, "group-2"},
		"renamed, and its VM shows nothing":   {group(1, recorded("vcenter-1"), listed(0)), []vsphere.Folder{byPath, renamed}, []vsphere.VM{vm(0, unconfigured)}, testFolder},
		"moved out from under the root":       {group(1, recorded("vcenter-1")), []vsphere.Folder{byPath, outside}, []vsphere.VM{vm(0)}, "group-2"},
		"another folder to which ours moved":  {group(1), []vsphere.Folder{byPath, renamed}, []vsphere.VM{vm(0)}, "group-2"},
		"only a folder to which ours moved":   {group(1), []vsphere.Folder{renamed}, []vsphere.VM{vm(0)}, ""},
		"renamed, there is none at its place": {group(1, recorded("vcenter-1")), []vsphere.Folder{renamed}, []vsphere.VM{vm(0)}, testFolder},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(tc.group, tc.vms...)
			in.Snapshot.Folders = tc.folders
			var got vsphere.Ref
			if f := newView(in).folder; f != nil {
				got = f.Ref
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

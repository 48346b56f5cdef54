package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestDisksToRead(t *testing.T) {
	for name, tc := range map[string]struct {
		vm    vsphere.VM
		given []func(*Input)
		want  bool
	}{
		"not known":              {vm(0), nil, true},
		"known":                  {vm(0, diskOf(10)), nil, false},
		"off":                    {vm(0, off), nil, true},
		"outside":                {vm(0, outside), nil, true},
		"of an earlier spec":     {vm(0, oldRevision), nil, true},
		"disconnected":           {vm(0, disconnected), nil, false},
		"unreadable":             {vm(0, unreadable), nil, false},
		"foreign":                {vm(0, foreign), nil, false},
		"a copy":                 {vm(0, copied), nil, false},
		"of another group":       {vm(0, otherGroup), nil, false},
		"made a template":        {vm(0, template), nil, false},
		"its clone goes on":      {vm(0), []func(*Input){operations(cloning(0))}, false},
		"another is cloned":      {vm(0), []func(*Input){operations(cloning(1))}, true},
		"its clone has landed":   {vm(0, named("renamed")), []func(*Input){operations(cloning(0, func(op *vsphere.Operation) { op.VM = "vm-0" }))}, false},
		"something else goes on": {vm(0), []func(*Input){operations(vsphere.Operation{Kind: vsphere.OperationReset, VM: "vm-0"})}, true},
	} {
		in := input(group(1), tc.vm).with(tc.given...)
		if got := DisksToRead(in.Group, in.Snapshot); len(got) != 0 {
			t.Errorf("%s, and no disk is asked for: %v", name, got)
		}
		disk(20)(&in.Group.Spec)
		if got := len(DisksToRead(in.Group, in.Snapshot)) == 1; got != tc.want {
			t.Errorf("%s: to be read: %t", name, got)
		}
	}
}

// Another size stays another one, however it is rounded.
func TestDiskOf(t *testing.T) {
	got := map[int64]int32{}
	spec := target{VMSpec: vsphere.VMSpec{DiskGiB: 20}}
	for _, bytes := range []int64{0, vsphere.GiB(10), vsphere.GiB(20) - 1, vsphere.GiB(20), vsphere.GiB(20) + 1, vsphere.GiB(30)} {
		got[bytes] = spec.diskOf(&vsphere.VM{DiskBytes: bytes})
	}
	want := map[int64]int32{0: 0, vsphere.GiB(10): 10, vsphere.GiB(20) - 1: 19, vsphere.GiB(20): 20, vsphere.GiB(20) + 1: 21, vsphere.GiB(30): 30}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (target{}).diskOf(&vsphere.VM{DiskBytes: vsphere.GiB(30)}); got != 0 {
		t.Errorf("no disk is asked for: %d", got)
	}
}

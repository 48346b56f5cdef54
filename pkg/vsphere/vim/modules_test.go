package vim

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestModuleChanges(t *testing.T) {
	web, db := module{"web", "c1"}, module{"db", "c1"}
	refs := func(vms ...vsphere.Ref) []vsphere.Ref { return vms }
	for name, c := range map[string]struct {
		wishes  map[string]bool
		wanted  map[module][]vsphere.Ref
		modules map[module]string
		members map[string][]vsphere.Ref
		want    []moduleChange
	}{
		"1: nobody has said anything": {nil, nil, map[module]string{web: "m1"}, map[string][]vsphere.Ref{"m1": refs("vm-1")}, nil},
		"1: another group has":        {map[string]bool{"db": false}, nil, map[module]string{web: "m1"}, nil, nil},
		"2: one VM":                   {map[string]bool{"web": true}, map[module][]vsphere.Ref{web: refs("vm-1")}, nil, nil, nil},
		"2: two VMs": {
			map[string]bool{"web": true}, map[module][]vsphere.Ref{web: refs("vm-2", "vm-1")}, nil, nil,
			[]moduleChange{{of: web, add: refs("vm-1", "vm-2")}},
		},
		"3: all is well": {
			map[string]bool{"web": true}, map[module][]vsphere.Ref{web: refs("vm-1")}, map[module]string{web: "m1"},
			map[string][]vsphere.Ref{"m1": refs("vm-1")}, nil,
		},
		"3: one is missing, and one is gone": {
			map[string]bool{"web": true}, map[module][]vsphere.Ref{web: refs("vm-1", "vm-2")}, map[module]string{web: "m1"},
			map[string][]vsphere.Ref{"m1": refs("vm-1", "gone")}, []moduleChange{{of: web, id: "m1", add: refs("vm-2"), remove: refs("gone")}},
		},
		"3: one that is there and not wanted now stays": {
			map[string]bool{"web": true}, map[module][]vsphere.Ref{web: refs("vm-1")}, map[module]string{web: "m1"},
			map[string][]vsphere.Ref{"m1": refs("vm-1", "vm-2")}, nil,
		},
		"4: not apart any more": {
			map[string]bool{"web": false, "db": true}, map[module][]vsphere.Ref{db: refs("vm-3", "vm-4")}, map[module]string{web: "m1", db: "m2"},
			map[string][]vsphere.Ref{"m1": refs("vm-1"), "m2": refs("vm-3", "vm-4")}, []moduleChange{{of: web, id: "m1", destroy: true}},
		},
		"4: no VM is left": {
			map[string]bool{"web": true}, nil, map[module]string{web: "m1"}, map[string][]vsphere.Ref{"m1": refs("gone")},
			[]moduleChange{{of: web, id: "m1", destroy: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := moduleChanges(c.wishes, c.wanted, c.modules, c.members, func(vm vsphere.Ref) bool { return vm == "gone" })
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(moduleChange{}, module{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

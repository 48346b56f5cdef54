package vim

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestModuleChanges(t *testing.T) {
	web, db := module{"web", "c1"}, module{"db", "c1"}
	const keep, release = vsphere.KeepApart, vsphere.ReleaseApart
	set := func(vms ...vsphere.Ref) vmSet {
		out := vmSet{}
		for _, vm := range vms {
			out[vm] = true
		}
		return out
	}
	refs := func(vms ...vsphere.Ref) []vsphere.Ref { return vms }
	for name, c := range map[string]struct {
		wants   map[string]vsphere.Apart
		wanted  map[module]vmSet
		modules map[module]string
		members map[string]vmSet
		want    []moduleChange
	}{
		"1: nobody has said anything": {nil, nil, map[module]string{web: "m1"}, map[string]vmSet{"m1": set("vm-1")}, nil},
		"1: another group has":        {map[string]vsphere.Apart{"db": release}, nil, map[module]string{web: "m1"}, nil, nil},
		"2: one VM":                   {map[string]vsphere.Apart{"web": keep}, map[module]vmSet{web: set("vm-1")}, nil, nil, nil},
		"2: two VMs": {
			map[string]vsphere.Apart{"web": keep}, map[module]vmSet{web: set("vm-2", "vm-1")}, nil, nil,
			[]moduleChange{{of: web, add: refs("vm-1", "vm-2")}},
		},
		"3: all is well": {
			map[string]vsphere.Apart{"web": keep}, map[module]vmSet{web: set("vm-1")}, map[module]string{web: "m1"},
			map[string]vmSet{"m1": set("vm-1")}, nil,
		},
		"3: one is missing, and one is gone": {
			map[string]vsphere.Apart{"web": keep}, map[module]vmSet{web: set("vm-1", "vm-2")}, map[module]string{web: "m1"},
			map[string]vmSet{"m1": set("vm-1", "gone")}, []moduleChange{{of: web, id: "m1", add: refs("vm-2"), remove: refs("gone")}},
		},
		"3: one that is there and not wanted now stays": {
			map[string]vsphere.Apart{"web": keep}, map[module]vmSet{web: set("vm-1")}, map[module]string{web: "m1"},
			map[string]vmSet{"m1": set("vm-1", "vm-2")}, nil,
		},
		"4: not apart any more": {
			map[string]vsphere.Apart{"web": release, "db": keep}, map[module]vmSet{db: set("vm-3", "vm-4")}, map[module]string{web: "m1", db: "m2"},
			map[string]vmSet{"m1": set("vm-1"), "m2": set("vm-3", "vm-4")}, []moduleChange{{of: web, id: "m1", destroy: true}},
		},
		"4: those that are left are out of reach": {
			map[string]vsphere.Apart{"web": keep}, nil, map[module]string{web: "m1"}, map[string]vmSet{"m1": set("gone", "vm-1")}, nil,
		},
		"4: no VM is left": {
			map[string]vsphere.Apart{"web": keep}, nil, map[module]string{web: "m1"}, map[string]vmSet{"m1": set("gone")},
			[]moduleChange{{of: web, id: "m1", destroy: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := moduleChanges(c.wants, c.wanted, c.modules, c.members, func(vm vsphere.Ref) bool { return vm == "gone" })
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(moduleChange{}, module{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

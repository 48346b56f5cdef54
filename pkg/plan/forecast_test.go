package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestForecast(t *testing.T) {
	replace := func(in *Input) { replacing(1, 0)(&in.Group.Spec) }
	replaceWithoutSurge := func(in *Input) { replacing(0, 2)(&in.Group.Spec) }
	explicit := func(in *Input) { explicitly(&in.Group.Spec) }
	small := func(v *vsphere.VM) { v.CPU = 1 }
	old := func(slots ...int) []vsphere.VM {
		var vms []vsphere.VM
		for _, slot := range slots {
			vms = append(vms, vm(slot, oldRevision))
		}
		return vms
	}
	tests := map[string]struct {
		group *v1alpha1.VmGroup
		vms   []vsphere.VM
		given []func(*Input)
		want  Forecast
	}{
		"1: vCenter is away":                {group(3), nil, []func(*Input){func(in *Input) { in.Unavailable = &vsphere.Error{} }}, Forecast{}},
		"1: another vCenter":                {group(3, recorded("vcenter-2")), nil, nil, Forecast{}},
		"1: the VMs stay":                   {group(3, deleting, orphaning), old(0), nil, Forecast{}},
		"1: beyond our reach":               {group(3, deleting, noFinalizer), old(0), nil, Forecast{}},
		"2: deleted":                        {group(3, deleting), old(0, 1), nil, Forecast{Removed: 2, Deleting: true}},
		"3: all is well":                    {group(2), []vsphere.VM{vm(0), vm(1)}, nil, Forecast{}},
		"3: missing":                        {group(3), []vsphere.VM{vm(0)}, nil, Forecast{Made: 2}},
		"3: too many":                       {group(1), []vsphere.VM{vm(0), vm(1), vm(2)}, nil, Forecast{Removed: 2}},
		"3: too many, and nobody is named":  {group(1), []vsphere.VM{vm(0), vm(1), vm(2)}, []func(*Input){explicit, members("instance-2", v1alpha1.DeletionFirst)}, Forecast{Removed: 1, Unnamed: 1}},
		"4: a rollout":                      {group(3), old(0, 1, 2), []func(*Input){replace}, Forecast{Replaced: 3, Surge: 1, Floor: 3, AtOnce: 1}},
		"4: no surge":                       {group(3), old(0, 1, 2), []func(*Input){replaceWithoutSurge}, Forecast{Replaced: 3, Floor: 1, AtOnce: 2}},
		"4: not more at once than all":      {group(3), []vsphere.VM{vm(0), vm(1), vm(2, small)}, []func(*Input){replaceWithoutSurge}, Forecast{Replaced: 1, Floor: 1, AtOnce: 1}},
		"4: a rollout, one is there":        {group(3), append(old(0, 1, 2), vm(3)), []func(*Input){replace}, Forecast{Replaced: 3, Surge: 1, Floor: 3, AtOnce: 1}},
		"4: one is gone":                    {group(3), append(old(0, 1), vm(2)), []func(*Input){replace}, Forecast{Replaced: 2, Surge: 1, Floor: 3, AtOnce: 1}},
		"4: a rollout, and more":            {group(5), old(0, 1, 2), []func(*Input){replace}, Forecast{Made: 2, Replaced: 3, Surge: 1, Floor: 5, AtOnce: 1}},
		"4: a rollout, and fewer":           {group(1), old(0, 1, 2), []func(*Input){replace}, Forecast{Replaced: 1, Removed: 2, Surge: 1, Floor: 1, AtOnce: 1}},
		"4: fewer, and new ones are there":  {group(1), append(old(0), vm(1), vm(2)), []func(*Input){replace}, Forecast{Removed: 2}},
		"4: on demand":                      {group(2), []vsphere.VM{vm(0), vm(1)}, []func(*Input){members("instance-1", v1alpha1.DeletionNow)}, Forecast{Replaced: 1, Surge: 1, Floor: 2, AtOnce: 1}},
		"5: in place":                       {group(3), []vsphere.VM{vm(0, small, hotAdd), vm(1, small), vm(2, small, off)}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, nil)}, Forecast{Hot: 1, Cold: 2}},
		"5: in place, disks":                {group(4), []vsphere.VM{vm(0, diskOf(10)), vm(1, diskOf(10), off), vm(2, diskOf(30)), vm(3, diskOf(20))}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, nil), spec(disk(20))}, Forecast{Hot: 1, Cold: 1, Kept: 1}},
		"5: a disk that is too large":       {group(1), []vsphere.VM{vm(0, diskOf(30))}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceIfPossible, nil), spec(disk(20))}, Forecast{Replaced: 1, AtOnce: 1}},
		"5: in place, none is switched off": {group(2), []vsphere.VM{vm(0, small), vm(1, small, off)}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, ptr.To(intstr.FromInt32(0)))}, Forecast{Cold: 1, Waiting: 1}},
		"6: no strategy":                    {group(3), old(0, 1, 2), nil, Forecast{Kept: 3}},
		"6: no strategy, but on demand":     {group(3), old(0, 1, 2), []func(*Input){members("instance-1", v1alpha1.DeletionNow)}, Forecast{Kept: 2, Replaced: 1, Surge: 1, Floor: 3, AtOnce: 1}},
		"6: protected":                      {group(3), old(0, 1, 2), []func(*Input){replace, members("instance-1", v1alpha1.DeletionNever)}, Forecast{Replaced: 2, Surge: 1, Floor: 3, AtOnce: 1, Protected: []string{VMName("web", testUID, 1)}}},
		"6: protected, and as the spec":     {group(2), []vsphere.VM{vm(0), vm(1)}, []func(*Input){replace, members("instance-1", v1alpha1.DeletionNever)}, Forecast{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(tc.group, tc.vms...).with(tc.given...)
			if diff := cmp.Diff(tc.want, Compute(in).Forecast(in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestForecastComesTrue carries a rollout out, and compares what it did with what was said before.
func TestForecastComesTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		upTo := func(limit int, what string) int { return rapid.IntRange(0, limit).Draw(t, what) }
		g := group(int32(upTo(8, "replicas")))
		g.Spec.Update = &v1alpha1.UpdateSpec{
			Strategy: v1alpha1.UpdateReplace, MaxSurge: ptr.To(intstr.FromInt(upTo(4, "surge"))), MaxUnavailable: ptr.To(intstr.FromInt(upTo(4, "unavailable"))),
		}
		c := counts{replicas: int(g.DesiredReplicas()), stay: upTo(8, "stay"), old: upTo(8, "old")}
		c.surge, c.unavailable = limits(g)
		c.stayAvailable, c.oldAvailable = c.stay, c.old
		f := c.forecast()
		if left := c.total() + f.Made - f.Removed; left != c.replicas && f.Replaced == 0 {
			t.Fatalf("%+v leaves %d VMs", f, left)
		}
		made, gone := 0, 0
		for range 40 {
			n := decideNumbers(c)
			made, gone = made+n.clone, gone+n.replace+n.surplus
			c = c.after(n)
		}
		if f.Replaced+f.Removed != gone {
			t.Fatalf("%+v, and %d went", f, gone)
		}
		if f.Made > made || made > f.Made+f.Replaced {
			t.Fatalf("%+v, and %d were made", f, made)
		}
	})
}

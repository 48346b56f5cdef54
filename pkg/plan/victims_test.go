package plan

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// In each row the VM in slot 0 goes, although the one in slot 1 would go by the rules behind that of the row: it has what
// they look for, and is younger.
func TestVictims(t *testing.T) {
	tests := map[string]struct {
		first, second func(*vsphere.VM)
		given         []func(*Input)
	}{
		"1: being powered off before one that is being cloned": {nil, off, []func(*Input){
			operations(operation(vsphere.OperationPowerOff, 0), cloning(1))}},
		"1: being destroyed before one that has failed": {off, off, []func(*Input){
			operations(operation(vsphere.OperationDestroy, 0)), failures(failed(vsphere.OperationPowerOn, 1, vsphere.ClassInvalid))}},
		"1: being powered off before one outside the root": {nil, outside, []func(*Input){operations(operation(vsphere.OperationPowerOff, 0))}},
		"2: outside the root before never finished":        {outside, nil, []func(*Input){operations(cloning(1))}},
		"2: outside the root before failed": {outside, off, []func(*Input){
			failures(failed(vsphere.OperationPowerOn, 1, vsphere.ClassInvalid))}},
		"2: outside the root before not connected":           {outside, disconnected, nil},
		"2: outside the root before named to go first":       {outside, nil, []func(*Input){members("instance-1", v1alpha1.DeletionFirst)}},
		"2: outside the root before a guest that was asked":  {outside, nil, []func(*Input){operations(operation(vsphere.OperationShutdown, 1))}},
		"3: a guest that was asked before named to go first": {nil, nil, []func(*Input){operations(operation(vsphere.OperationShutdown, 0)), members("instance-1", v1alpha1.DeletionFirst)}},
		"4: named to go first before never finished": {nil, nil, []func(*Input){
			members("instance-0", v1alpha1.DeletionFirst), operations(cloning(1))}},
		"5: never finished before failed": {off, off, []func(*Input){
			operations(cloning(0)), failures(failed(vsphere.OperationPowerOn, 1, vsphere.ClassInvalid))}},
		"6: could not be powered on before not connected": {off, disconnected, []func(*Input){
			failures(failed(vsphere.OperationPowerOn, 0, vsphere.ClassInvalid))}},
		"6: could not be removed before not connected": {nil, disconnected, []func(*Input){
			failures(failed(vsphere.OperationDestroy, 0, vsphere.ClassInvalid))}},
		"6: a failure to power on what is on says nothing": {disconnected, nil, []func(*Input){
			failures(failed(vsphere.OperationPowerOn, 1, vsphere.ClassInvalid))}},
		"7: not connected before powered off":          {disconnected, off, nil},
		"7: not readable before powered off":           {unreadable, off, nil},
		"8: powered off before something is under way": {off, nil, []func(*Input){operations(operation(vsphere.OperationPowerOn, 1))}},
		"8: suspended before an old revision":          {suspended, oldRevision, nil},
		"8: powered off before not ready":              {off, noTools, []func(*Input){readyWhen(v1alpha1.ReadyToolsRunning)}},
		"9: not ready before something under way":      {noTools, tools, []func(*Input){readyWhen(v1alpha1.ReadyToolsRunning), operations(operation(vsphere.OperationPowerOn, 1))}},
		"10: something under way before an old revision": {nil, oldRevision, []func(*Input){
			operations(operation(vsphere.OperationPowerOn, 0))}},
		"11: an old revision before a younger one":  {oldRevision, nil, nil},
		"12: the younger before the higher slot":    {created(testNow.Add(time.Hour)), nil, nil},
		"12: an unknown age counts as the greatest": {nil, created(time.Time{}), nil},
		"13: the higher slot before the name":       {func(v *vsphere.VM) { v.Created, v.Stamp.Slot = vm(1).Created, 2 }, named("zzz"), nil},
		"13: the name that sorts last, in the same slot": {func(v *vsphere.VM) {
			v.Created, v.Stamp.Slot, v.Name = vm(1).Created, 1, "zzz"
		}, nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			apply := func(slot int, change func(*vsphere.VM)) vsphere.VM {
				if change == nil {
					return vm(slot)
				}
				return vm(slot, change)
			}
			a, b := apply(0, tc.first), apply(1, tc.second)
			for _, order := range [][]vsphere.VM{{a, b}, {b, a}} {
				ms := newMembership(input(group(1), order...).with(tc.given...))
				got := ms.victims(ms.ours, 1, v1alpha1.ScaleDownYoungest)
				if len(got) != 1 || got[0].vm.Ref != a.Ref {
					t.Errorf("of %s and %s: got %s, want %s", order[0].Ref, order[1].Ref, got[0].vm.Ref, a.Ref)
				}
			}
		})
	}
}

func TestVictimsNumber(t *testing.T) {
	ms := newMembership(input(group(0), vm(0), vm(1), vm(2)))
	for n, want := range map[int]int{-1: 0, 0: 0, 2: 2, 3: 3, 4: 3} {
		if got := len(ms.victims(ms.ours, n, v1alpha1.ScaleDownYoungest)); got != want {
			t.Errorf("%d asked for: got %d, want %d", n, got, want)
		}
	}
}

// TestHighestSlot shows the rules of the policy: nothing but these comes before the slot.
func TestHighestSlot(t *testing.T) {
	tests := map[string]struct {
		vms   []vsphere.VM
		given []func(*Input)
		want  vsphere.Ref
	}{
		"the highest slot, not the youngest": {[]vsphere.VM{vm(0, created(testNow.Add(time.Hour))), vm(1)}, nil, "vm-1"},
		"not the one that is off":            {[]vsphere.VM{vm(0, off), vm(1)}, nil, "vm-1"},
		"not the one of an old revision":     {[]vsphere.VM{vm(0, oldRevision), vm(1)}, nil, "vm-1"},
		"the one that is going":              {[]vsphere.VM{vm(0), vm(1)}, []func(*Input){operations(operation(vsphere.OperationPowerOff, 0))}, "vm-0"},
		"the one outside the root":           {[]vsphere.VM{vm(0, outside), vm(1)}, nil, "vm-0"},
		"the one that is named":              {[]vsphere.VM{vm(0), vm(1)}, []func(*Input){members("instance-0", v1alpha1.DeletionFirst)}, "vm-0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ms := newMembership(input(group(1), tc.vms...).with(tc.given...))
			if got := ms.victims(ms.ours, 1, v1alpha1.ScaleDownHighestSlot); got[0].vm.Ref != tc.want {
				t.Errorf("got %s, want %s", got[0].vm.Ref, tc.want)
			}
		})
	}
}
